//! A log in tables of PostgreSQL (14 and newer).
//!
//! [`PostgresStore`] is the log of one group, [`PostgresOptions`] has all that can be chosen when
//! it is opened. `docs/postgres.md` in the repository is the guide: rights, poolers, failover.
//!
//! This module needs the cargo feature `postgres`.
//!
//! # Order
//!
//! A transaction that writes locks the row of its group until it has committed. So revisions become
//! visible in their order. What is to be written at one time is one transaction, so the rate is not
//! that of the commits.

mod batch;
mod checkpoints;
mod error;
mod history;
mod link;
mod manage;
mod open;
mod options;
mod queue;
mod records;
mod schema;
mod server;
mod sweep;
mod thread;
mod tls;
mod url;
mod watch;
mod writer;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch as signal};
use tokio::time::Instant;
use tokio_postgres::types::Type;

use self::checkpoints::PostgresCheckpoints;
use self::error::Failed;
use self::link::{Connector, Link};
use self::queue::{Queue, Queued, Reply, SINGLE};
use self::schema::Schema;
use self::thread::OwnThread;
use self::watch::PostgresWatch;
use self::writer::PostgresWriter;
use super::{
    Checkpoints, Filter, HistoryRecord, HistoryStart, Info, MessageStreams, Outcome, Record, Store,
    StoreError, Watch, Write, Writer,
};
use crate::id::{GroupName, Revision};
use divider_core::log::{check_filter, check_name, check_write};

pub use self::error::OpenError;
pub use self::manage::Inspection;
pub use self::options::PostgresOptions;

/// A group's records in tables of a PostgreSQL database.
///
/// Clones share their connections. These are closed, and their thread ends, when the last clone and
/// the last watch are dropped.
///
/// It keeps no streams of messages and carries no requests to owners.
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

struct Inner {
    group: GroupName,
    schema: Schema,
    queue: Arc<Queue>,
    /// For reads and watches; it hears the notifications.
    reader: Link,
    /// For the history and checkpoints, once one of them is used.
    others: OnceLock<Link>,
    connector: Connector,
    /// Wakes the watches of this process.
    changed: signal::Sender<()>,
    poll_interval: Duration,
    thread: Arc<OwnThread>,
}

impl PostgresStore {
    /// Connects to a server and opens the group; see [`PostgresOptions::connect`].
    ///
    /// # Errors
    /// As [`PostgresOptions::connect`].
    ///
    /// # Cancel safety
    /// Cancel safe: a connection that is half made is closed.
    pub async fn connect(url: impl AsRef<str>, group: GroupName) -> Result<Self, OpenError> {
        PostgresOptions::default().connect(url, group).await
    }

    /// Everything that can be chosen.
    pub fn options() -> PostgresOptions {
        PostgresOptions::default()
    }

    fn others(&self) -> &Link {
        // It connects when it is used.
        self.inner.others.get_or_init(|| Link::new(self.inner.connector.clone(), None, None))
    }

    /// Queues a write.
    async fn queue_write(self, write: Write) -> Outcome {
        if let Err(error) = check_write(&write) {
            return Outcome::Refused(error);
        }
        let (reply, outcome) = oneshot::channel();
        let queued = Queued { write, since: Instant::now(), reply: Reply::One(reply) };
        self.inner.queue.push(SINGLE, [queued]);
        outcome.await.unwrap_or_else(|_| {
            Outcome::Unknown(StoreError::Unreachable { what: "the store was closed".to_owned() })
        })
    }

    async fn log_info(&self) -> Result<Info, Failed> {
        let (group, schema) = (self.inner.group.as_str(), &self.inner.schema);
        let statement = format!(
            "SELECT created_ns, timeline, last, bytes, max_bytes FROM {schema}.groups WHERE name = $1"
        );
        let rows = self.inner.reader.query("info", &statement, &[(&group, Type::TEXT)]).await?;
        let Some(row) = rows.first() else {
            return Err(Failed::Refused(StoreError::NoGroup { group: group.to_owned() }));
        };
        let read = || -> Result<Info, tokio_postgres::Error> {
            let timeline = i128::from_str_radix(row.try_get(1)?, 16).unwrap_or_default();
            // A log whose server was restored, or promoted, may lack records: it is another one.
            let created = (i128::from(row.try_get::<_, i64>(0)?) << 32) | timeline;
            let last = Revision(row.try_get::<_, i64>(2)?.cast_unsigned());
            let mut info = Info::new(created, last);
            info.bytes = u64::try_from(row.try_get::<_, i64>(3)?).unwrap_or(0);
            info.max_bytes = row.try_get::<_, Option<i64>>(4)?.map(i64::cast_unsigned);
            Ok(info)
        };
        read().map_err(|error| records::unreadable(&error))
    }
}

impl Store for PostgresStore {
    fn group(&self) -> &GroupName {
        &self.inner.group
    }

    fn write(&self, write: Write) -> BoxFuture<'static, Outcome> {
        Box::pin(self.clone().queue_write(write))
    }

    fn writer(&self) -> Option<Box<dyn Writer>> {
        Some(Box::new(PostgresWriter::new(self.clone())))
    }

    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Record>, StoreError>> {
        let (this, name) = (self.clone(), name.to_owned());
        Box::pin(async move {
            check_name(&name)?;
            this.newest(&name).await.map_err(Failed::into_error)
        })
    }

    fn watch(&self, filter: Filter) -> BoxFuture<'static, Result<Box<dyn Watch>, StoreError>> {
        let this = self.clone();
        Box::pin(async move {
            check_filter(&filter)?;
            Ok(Box::new(PostgresWatch::open(this, &filter).await?) as Box<dyn Watch>)
        })
    }

    fn info(&self) -> BoxFuture<'static, Result<Info, StoreError>> {
        let this = self.clone();
        Box::pin(async move { this.log_info().await.map_err(Failed::into_error) })
    }

    fn append_history(&self, id: &str, entry: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        let (this, id) = (self.clone(), id.to_owned());
        Box::pin(async move { this.append(&id, &entry).await })
    }

    fn read_history(
        &self,
        from: HistoryStart,
    ) -> BoxFuture<'static, Result<Vec<HistoryRecord>, StoreError>> {
        let this = self.clone();
        Box::pin(async move { this.entries(from).await })
    }

    fn checkpoints(&self) -> Result<Arc<dyn Checkpoints>, StoreError> {
        Ok(Arc::new(PostgresCheckpoints(self.clone())))
    }

    fn messages(&self) -> Result<Arc<dyn MessageStreams>, StoreError> {
        let what = "PostgreSQL has no streams of messages: use a group on NATS for them".to_owned();
        Err(StoreError::Unsupported { what })
    }

    fn is_connected(&self) -> Option<bool> {
        Some(self.inner.reader.is_up())
    }

    fn runtime(&self) -> Option<Handle> {
        Some(self.inner.thread.runtime.clone())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("group", &self.inner.group).finish_non_exhaustive()
    }
}
