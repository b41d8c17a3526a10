//! A log in a stream of NATS `JetStream`, which is also a key-value bucket.
//!
//! [`NatsStore`] is the log of one group. [`NatsOptions`] has all that can be chosen when it is opened,
//! and [`StreamOptions`] what can be chosen when the group is made. [`NatsAccount`] is for tools: it
//! lists groups, inspects them, and checks the [`Right`]s of a user.
//!
//! This module needs the cargo feature `nats`, which is on by default.
//!
//! # The client
//!
//! Types of the client [`async_nats`] are part of this interface: [`NatsOptions::connect_options`] and
//! [`credentials_file`] have its `ConnectOptions`, [`NatsStore::open`] its `Client`. The crate is
//! re-exported here, so that an application uses the very version that this library was built with.
//! A new incompatible version of `async-nats` (0.51 to 0.52) is an incompatible version of `divider`:
//! a minor one before 1.0, a major one after.
//!
//! The feature `ring`, on by default, is the client's crypto provider. The client's own features cover
//! the rest: an application that wants another provider, or websockets, depends on `async-nats`, too.
//!
//! ```toml
//! [dependencies]
//! divider = { version = "0.1", default-features = false, features = ["nats"] }
//! async-nats = { version = "0.51", default-features = false, features = ["aws-lc-rs", "websockets"] }
//! ```

mod account;
mod acks;
mod address;
mod api;
mod checkpoint_record;
mod checkpoints;
mod connect;
mod consumer;
mod credentials;
mod delivery_info;
mod denials;
mod error;
mod history;
mod inspect;
mod leaked;
mod mend;
mod message;
mod messages;
mod open;
mod options;
mod patience;
mod progress;
mod publisher;
mod pull;
mod requests;
mod rights;
mod rules;
mod server_clock;
mod servers;
mod silence;
mod stray;
mod stream;
mod subjects;
mod version;
mod watch;
mod writer;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use self::api::Api;
use self::checkpoints::NatsCheckpoints;
use self::leaked::LeakedConsumers;
use self::messages::{MessagesConnection, NatsMessages};
use self::publisher::Publisher;
use self::requests::RequestConnection;
use self::rules::Rules;
use self::server_clock::ServerClock;
use self::stream::Names;
use self::watch::NatsWatch;
use self::writer::NatsWriter;
use super::{
    Checkpoints, Filter, HistoryRecord, HistoryStart, Info, MessageStreams, Outcome, Record,
    RequestTransport, Store, StoreError, Watch, Write, Writer,
};
use crate::id::{GroupName, Revision};
use divider_core::log::{check_filter, check_name};

pub use async_nats;

pub use self::account::{NatsAccount, Server, Storage};
pub use self::checkpoints::CheckpointOptions;
pub use self::credentials::credentials_file;
pub use self::error::OpenError;
pub use self::history::HistoryOptions;
pub use self::inspect::{Inspection, Replica};
pub use self::options::{NatsOptions, StreamOptions};
pub use self::rights::{Right, Role};
pub use self::stray::Stray;
pub use self::stream::BrokenRule;

/// A group's records in the stream `KV_divider_<group>` of a NATS server.
///
/// Clones share one connection. It is closed, and its thread ends, when the last of them and of
/// their watches is dropped.
///
/// The stream is the key-value bucket `divider_<group>`, so that `nats kv watch divider_<group>`
/// shows the log. It listens on `divider.<group>.key.>`, too: a plain publish there, by any client
/// in any language, announces a key.
#[derive(Clone)]
pub struct NatsStore {
    inner: Arc<Inner>,
}

struct Inner {
    group: GroupName,
    names: Names,
    api: Api,
    publisher: Publisher,
    leaked: LeakedConsumers,
    clock: ServerClock,
    rules: Rules,
    requests: RequestConnection,
    /// What stands before the subjects of records and of the history: nothing, or a foreign prefix.
    below: String,
    /// How streams are made that are missing; `None`: they are not.
    create: Option<StreamOptions>,
    /// Whether the stream of the checkpoints is known to be there.
    checkpoints: OnceCell<()>,
    /// The connection for streams of messages.
    messages: OnceCell<MessagesConnection>,
}

impl NatsStore {
    /// Connects to a server (or several, divided by commas) and opens the group there, on a
    /// connection with a thread of its own: what suits most.
    ///
    /// # Errors
    /// As [`NatsOptions::connect`].
    ///
    /// # Cancel safety
    /// Cancel safe: a connection that is half made is closed.
    pub async fn connect(urls: impl AsRef<str>, group: GroupName) -> Result<Self, OpenError> {
        NatsOptions::default().connect(urls, group).await
    }

    /// Opens the group on a client that the application has; see [`NatsOptions::open`].
    ///
    /// # Errors
    /// As [`NatsOptions::open`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn open(client: async_nats::Client, group: GroupName) -> Result<Self, OpenError> {
        NatsOptions::default().open(client, group).await
    }

    /// Everything that can be chosen, and the way to a [`NatsAccount`] where the group is not known
    /// yet.
    pub fn options() -> NatsOptions {
        NatsOptions::default()
    }
}

impl Store for NatsStore {
    fn group(&self) -> &GroupName {
        &self.inner.group
    }

    fn write(&self, write: Write) -> BoxFuture<'static, Outcome> {
        let this = self.clone();
        Box::pin(async move { this.inner.publisher.write(write).await })
    }

    fn writer(&self) -> Option<Box<dyn Writer>> {
        Some(Box::new(NatsWriter::new(self.clone())))
    }

    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Record>, StoreError>> {
        let (this, name) = (self.clone(), name.to_owned());
        Box::pin(async move {
            check_name(&name)?;
            let subject = format!("{}{name}", this.inner.names.records);
            match this.get_message(json!({"last_by_subj": subject})).await? {
                Some(message) => message.record(&name, &this.inner.clock).map(Some),
                None => Ok(None),
            }
        })
    }

    fn watch(&self, filter: Filter) -> BoxFuture<'static, Result<Box<dyn Watch>, StoreError>> {
        let this = self.clone();
        Box::pin(async move {
            check_filter(&filter)?;
            let watch = NatsWatch::open(this, &filter).await?;
            Ok(Box::new(watch) as Box<dyn Watch>)
        })
    }

    fn info(&self) -> BoxFuture<'static, Result<Info, StoreError>> {
        let this = self.clone();
        Box::pin(async move {
            let stream = this.stream_info().await?;
            let mut info = Info::new(stream.created(), Revision(stream.state.last_seq));
            info.replicas = stream.replicas();
            info.bytes = stream.state.bytes;
            info.max_bytes = stream.max_bytes();
            Ok(info)
        })
    }

    fn append_history(&self, id: &str, entry: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        let (this, id) = (self.clone(), id.to_owned());
        Box::pin(async move { this.append(&id, entry).await })
    }

    fn read_history(
        &self,
        from: HistoryStart,
    ) -> BoxFuture<'static, Result<Vec<HistoryRecord>, StoreError>> {
        let this = self.clone();
        Box::pin(async move { this.entries(from).await })
    }

    fn checkpoints(&self) -> Result<Arc<dyn Checkpoints>, StoreError> {
        Ok(Arc::new(NatsCheckpoints(self.clone())))
    }

    fn messages(&self) -> Result<Arc<dyn MessageStreams>, StoreError> {
        Ok(Arc::new(NatsMessages(self.clone())))
    }

    fn requests(&self) -> Option<Arc<dyn RequestTransport>> {
        Some(Arc::new(self.clone()))
    }

    fn is_connected(&self) -> Option<bool> {
        Some(self.inner.api.connection.is_up())
    }

    fn runtime(&self) -> Option<Handle> {
        self.inner.api.connection.own_runtime()
    }
}

impl fmt::Debug for NatsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsStore").field("group", &self.inner.group).finish_non_exhaustive()
    }
}
