//! A log in a Redis or Valkey server.
//!
//! [`RedisStore`] is the log of one group. [`RedisOptions`] has all that can be chosen when it is opened.
//! This module needs the cargo feature `redis`. It works with Redis 6.2 and newer, and with Valkey.
//!
//! # What Redis may lose
//!
//! Redis acknowledges a write before it is safe. A server with `appendonly yes` and
//! `appendfsync always` keeps what it has acknowledged. With other settings a crash loses the last
//! writes, and a replica that is promoted (by Sentinel, in a cluster, or by hand) lacks those that had not reached it.
//! Then two nodes may own a key for a time, until they notice the loss; tokens still rise. The guide
//! `docs/redis.md` of the repository says what holds with which settings.
//!
//! # Where the records are
//!
//! All keys of a group begin with `{divider:<group>}:`, so that they are in one slot of a cluster:
//!
//! | key | type | content |
//! |---|---|---|
//! | `log` | hash | the identity of the log, its newest revision, how many records it has |
//! | `records` | hash | the newest record of each name |
//! | `order` | sorted set | names by the revision of their newest record |
//! | `expiry` | sorted set | names by the time at which their records expire |
//! | `changes` | stream | the last changes, whose ids are revisions; watches follow it |
//! | `history`, `history-ids` | stream, sorted set | the history of the group |
//! | `state:<key>` | hash | the checkpoint of one key |
//!
//! A Lua script carries out each batch of writes: it compares revisions, replaces records and adds to
//! the stream as one step. The server must not evict keys: set `maxmemory-policy noeviction`.

mod address;
mod checkpoints;
mod error;
mod history;
mod inspect;
mod keys;
mod link;
mod manage;
mod options;
mod record;
mod script;
mod thread;
mod watch;
mod writer;
mod writes;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

use self::checkpoints::RedisCheckpoints;
use self::error::Failure;
use self::link::Link;
use self::record::Answer;
use self::watch::RedisWatch;
use self::writer::RedisWriter;
use super::{
    Checkpoints, Filter, HistoryRecord, HistoryStart, Info, MessageStreams, Outcome, Record, Store,
    StoreError, Watch, Write, Writer, check_filter, check_name, check_write,
};
use crate::id::{GroupName, Revision};

pub use self::error::OpenError;
pub use self::inspect::Inspection;
pub use self::options::RedisOptions;

/// A group's records in a Redis or Valkey server.
///
/// Clones share one connection; each watch has one of its own. They are driven by a thread of their
/// own, which ends when the last clone and the last watch are dropped.
///
/// It has no transport for requests ([`Group::request`](crate::Group::request)) and no streams of
/// messages: these report that the backend has none.
#[derive(Clone)]
pub struct RedisStore {
    group: GroupName,
    link: Link,
}

impl RedisStore {
    /// Opens a group that exists, at one or more addresses with commas between them, such as
    /// `redis://user:password@host:6379/0` or `rediss://` for TLS. Of several servers it uses the one
    /// that takes writes.
    ///
    /// # Errors
    /// Any [`OpenError`].
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is written.
    pub async fn connect(urls: impl AsRef<str>, group: GroupName) -> Result<Self, OpenError> {
        Self::options().connect(urls, group).await
    }

    /// The options of a store, with which a group can be created.
    pub fn options() -> RedisOptions {
        RedisOptions::default()
    }

    /// What the server says about itself and the group: what it may lose, and how full it is.
    ///
    /// # Errors
    /// [`StoreError::Denied`] without the right to run `INFO`, and any error of a request.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn inspect(&self) -> Result<Inspection, StoreError> {
        inspect::inspect(&self.link).await
    }

    async fn read_record(self, name: String) -> Result<Answer, StoreError> {
        let (keys, args) = (self.link.keys().read(), [name.as_bytes()]);
        let answer = self.link.eval(&script::READ, &keys, &args).await;
        let answer = Answer::parse(&name, answer.map_err(Failure::into_error)?)?;
        self.link.saw(answer.last);
        Ok(answer)
    }
}

impl Store for RedisStore {
    fn group(&self) -> &GroupName {
        &self.group
    }

    fn write(&self, write: Write) -> BoxFuture<'static, Outcome> {
        let link = self.link.clone();
        Box::pin(async move {
            if let Err(error) = check_write(&write) {
                return Outcome::Refused(error);
            }
            let live = match link.live().await {
                Ok(live) => live,
                Err(error) => return Outcome::Refused(error),
            };
            let outcomes = writes::carry_out(&link, live, vec![write]).await;
            outcomes.into_iter().next().unwrap_or_else(|| {
                let what = "the script answered nothing".to_owned();
                Outcome::Unknown(StoreError::Other { what })
            })
        })
    }

    fn writer(&self) -> Option<Box<dyn Writer>> {
        Some(Box::new(RedisWriter::new(self.link.clone())))
    }

    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Record>, StoreError>> {
        let (this, name) = (self.clone(), name.to_owned());
        Box::pin(async move {
            check_name(&name)?;
            Ok(this.read_record(name).await?.record)
        })
    }

    fn watch(&self, filter: Filter) -> BoxFuture<'static, Result<Box<dyn Watch>, StoreError>> {
        let link = self.link.clone();
        Box::pin(async move {
            check_filter(&filter)?;
            let watch = RedisWatch::open(link, filter).await?;
            Ok(Box::new(watch) as Box<dyn Watch>)
        })
    }

    fn info(&self) -> BoxFuture<'static, Result<Info, StoreError>> {
        let this = self.clone();
        Box::pin(async move {
            let answer = this.read_record("group".to_owned()).await?;
            let mut info = Info::new(answer.created, Revision(answer.last));
            info.bytes = answer.bytes;
            Ok(info)
        })
    }

    fn append_history(&self, id: &str, entry: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(history::append(self.link.clone(), id.to_owned(), entry))
    }

    fn read_history(
        &self,
        from: HistoryStart,
    ) -> BoxFuture<'static, Result<Vec<HistoryRecord>, StoreError>> {
        Box::pin(history::read(self.link.clone(), from))
    }

    fn checkpoints(&self) -> Result<Arc<dyn Checkpoints>, StoreError> {
        Ok(Arc::new(RedisCheckpoints::new(self.link.clone())))
    }

    fn messages(&self) -> Result<Arc<dyn MessageStreams>, StoreError> {
        let what = "a store on Redis has no streams of messages, use one on NATS".to_owned();
        Err(StoreError::Unsupported { what })
    }

    fn is_connected(&self) -> Option<bool> {
        Some(self.link.is_up())
    }

    fn runtime(&self) -> Option<Handle> {
        Some(self.link.runtime())
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("RedisStore");
        fields.field("group", &self.group).field("servers", &self.link.servers()).finish()
    }
}
