//! The log of a group: what a backend has to do, and those that are here.
//!
//! A store holds *records* by name (`claim.orders.17`), the newest of each. Every write gives the
//! whole store a higher [`Revision`](crate::Revision), so that the store is one ordered log of which a watch delivers
//! every name's newest record in order, skipping superseded ones.

mod address;
mod checkpoints;
mod history;
pub(crate) mod memory;
mod messages;
#[cfg(test)]
pub(crate) mod minimal;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
pub(crate) mod requests;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, ready};
use tokio::runtime::Handle;

use crate::id::GroupName;

pub use address::{Backend, ConnectError, StoreOptions};
pub use checkpoints::{
    CheckpointContent, CheckpointRecord, CheckpointWrite, Checkpoints, MAX_CHECKPOINT,
    MAX_POSITIONS, Position,
};
pub use divider_core::log::{
    Change, Filter, Info, MAX_VALUE, Outcome, Record, StoreError, Write, check_filter, check_name,
    check_write, whole_seconds,
};
pub use history::{HistoryRecord, HistoryStart};
pub use memory::MemoryStore;
pub use messages::{
    Delivery, FollowStream, MessageStream, MessageStreams, SourceError, StreamState,
};
pub use requests::{
    AnswerStatus, ReceivedRequest, RequestAnswer, RequestListener, RequestTransport, Responder,
    SendError,
};
pub(crate) use writer::EachWriter;
pub use writer::Writer;

/// A backend: one group's records, with compare-and-set, leader reads and watches.
///
/// A backend may show a superseded record again when it crashes, once the last record of that name has
/// expired: nats-server does, in all versions known (its issue 8505). Nodes are prepared for that: the
/// tombstones of keys and members have no [`ttl`](Write::ttl) until a manifest covers them
/// (PROTOCOL.md, "What is gone").
///
/// What an implementation answers with has constructors ([`Record::new`], [`Info::new`]) and public
/// fields to be set: records and answers may get more fields in time.
///
/// # What a backend guarantees
/// With the cargo feature `testing`, `divider::testing::store::Suite` checks these on any backend.
///
/// - **One order.** Each write gets a revision above all earlier ones, and revisions become visible in
///   their order: who has seen one is never shown a lower one for the first time. (A sequence that
///   several transactions draw from and commit in another order does not do.)
/// - **Compare-and-set** is decided where writes are ordered, and knows tombstones. Revision 0 expects
///   that the name has no record, also after the record has expired.
/// - **[`Outcome::Conflict`] and [`Outcome::Refused`] are final**: the write never lands. A write whose
///   end is not known, as when the connection breaks during a commit, is [`Outcome::Unknown`].
/// - **A write over a revision that cannot exist** (2^63 - 1) is a conflict, or
///   [`StoreError::Denied`] without the right to write the record. A node that lacked a right finds out
///   with it whether it has the right again.
/// - **[`StoreError::NoGroup`] and [`StoreError::Denied`]** end the start of a node, so they are no
///   answers to a fault that passes.
/// - **A watch** shows the newest record of each name in the order of their revisions, then
///   [`Change::CaughtUp`] once, when everything that was acknowledged before the watch was opened has
///   been shown, then every change in order. It may skip a record that was superseded meanwhile. If it
///   cannot know that it misses nothing, it ends with [`StoreError::Gap`]: never silence. A watch of a
///   healthy backend shows a write within 2 s of its acknowledgement.
/// - **What was superseded stays superseded**, also when the newest record of the name has expired.
/// - **A time to live** removes a record later, silently and never too early. Revisions keep rising.
/// - **Another log is another [`Info::created`]**: one that was made again, or restored.
/// - **A renewal of a lease passes in a full store**: it does not grow.
///
/// Implementations bring their own connection. Every future except [`Watch::next`] ends at the latest
/// when the backend's own request time-out has passed; the engine puts its own deadlines on top. An idle
/// `next` stays pending, and one whose connection is lost fails. A future that is dropped leaves nothing
/// behind, except a write that may land.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The group whose records these are.
    fn group(&self) -> &GroupName;

    /// Writes or deletes one record. The future does nothing before it is first polled.
    fn write(&self, write: Write) -> BoxFuture<'static, Outcome>;

    /// Opens a path for many writes at a time, if the backend carries out several together for less than
    /// one by one. `None`: a node calls [`write`](Self::write) for each.
    ///
    /// A node opens two, so that its lease waits behind no other write.
    fn writer(&self) -> Option<Box<dyn Writer>> {
        None
    }

    /// The newest record of that name as the leader knows it, tombstones included.
    ///
    /// Even a leader may answer with an old record for some seconds after it lost its office: a read
    /// is a hint for the next compare-and-set, which decides.
    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Record>, StoreError>>;

    /// Follows the records that the filter names: first the newest of each, then each change.
    fn watch(&self, filter: Filter) -> BoxFuture<'static, Result<Box<dyn Watch>, StoreError>>;

    /// What the backend says about the log as a whole.
    fn info(&self) -> BoxFuture<'static, Result<Info, StoreError>>;

    /// Appends an entry to the history of the group, if the backend keeps one. An entry with the same id
    /// within two minutes is the same entry. Nodes and operators' tools append a few for each event;
    /// nothing depends on them.
    ///
    /// Unless it is implemented, the answer is [`StoreError::NoHistory`].
    fn append_history(&self, id: &str, entry: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        let _ = (id, entry);
        Box::pin(ready(Err(no_history())))
    }

    /// The entries of the history from a place on, oldest first.
    ///
    /// Unless it is implemented, the answer is [`StoreError::NoHistory`].
    fn read_history(
        &self,
        from: HistoryStart,
    ) -> BoxFuture<'static, Result<Vec<HistoryRecord>, StoreError>> {
        let _ = from;
        Box::pin(ready(Err(no_history())))
    }

    /// The saved state of the keys, if the backend keeps any: see [`Checkpoints`]. Nothing is asked of
    /// the backend before one is used.
    ///
    /// Unless it is implemented, the answer is [`StoreError::Unsupported`].
    fn checkpoints(&self) -> Result<Arc<dyn Checkpoints>, StoreError> {
        Err(no_checkpoints())
    }

    /// The streams of messages that the backend has beside the log: see [`MessageStreams`]. Nothing is
    /// asked of the backend before one is used.
    ///
    /// Unless it is implemented, the answer is [`StoreError::Unsupported`].
    fn messages(&self) -> Result<Arc<dyn MessageStreams>, StoreError> {
        let what = "this backend has no streams of messages".to_owned();
        Err(StoreError::Unsupported { what })
    }

    /// What carries requests to the owners of keys ([`Group::request`](crate::Group::request)), if the
    /// backend has that. Neither this nor [`RequestTransport`] costs anything before the first request is
    /// sent or listened for.
    ///
    /// Unless it is implemented, the backend carries none, and whoever asks gets an error that says so.
    fn requests(&self) -> Option<Arc<dyn RequestTransport>> {
        None
    }

    /// Whether the connection to the backend is up at this moment, as far as this process knows. It
    /// asks nobody. `None`: the backend has no connection, or does not know.
    ///
    /// Health checks show it. Nothing depends on it.
    fn is_connected(&self) -> Option<bool> {
        None
    }

    /// Where a node on this store had best run: the runtime that reads and writes the backend's
    /// connection, if the backend has one to itself. Every answer then wakes one thread and not two.
    /// `None`: the node gets a thread of its own.
    ///
    /// It must be one that nobody else may block, since heartbeats are sent from it, and it has to
    /// last for as long as this store does.
    fn runtime(&self) -> Option<Handle> {
        None
    }

    /// Whether it needs nothing from outside this process and measures its times on tokio's clock, so
    /// that a test may pause that. A node does not start on any other store while it is paused.
    fn keeps_paused_time(&self) -> bool {
        false
    }
}

fn no_checkpoints() -> StoreError {
    StoreError::Unsupported { what: "this backend keeps no checkpoints".to_owned() }
}

fn no_history() -> StoreError {
    StoreError::NoHistory { what: "this backend has none".to_owned() }
}

/// A shared store is a store.
impl<S: Store + ?Sized> Store for Arc<S> {
    fn group(&self) -> &GroupName {
        (**self).group()
    }
    fn write(&self, write: Write) -> BoxFuture<'static, Outcome> {
        (**self).write(write)
    }
    fn writer(&self) -> Option<Box<dyn Writer>> {
        (**self).writer()
    }
    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Record>, StoreError>> {
        (**self).read(name)
    }
    fn watch(&self, filter: Filter) -> BoxFuture<'static, Result<Box<dyn Watch>, StoreError>> {
        (**self).watch(filter)
    }
    fn info(&self) -> BoxFuture<'static, Result<Info, StoreError>> {
        (**self).info()
    }
    fn append_history(&self, id: &str, entry: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        (**self).append_history(id, entry)
    }
    fn read_history(
        &self,
        from: HistoryStart,
    ) -> BoxFuture<'static, Result<Vec<HistoryRecord>, StoreError>> {
        (**self).read_history(from)
    }
    fn checkpoints(&self) -> Result<Arc<dyn Checkpoints>, StoreError> {
        (**self).checkpoints()
    }
    fn messages(&self) -> Result<Arc<dyn MessageStreams>, StoreError> {
        (**self).messages()
    }

    fn requests(&self) -> Option<Arc<dyn RequestTransport>> {
        (**self).requests()
    }
    fn is_connected(&self) -> Option<bool> {
        (**self).is_connected()
    }
    fn runtime(&self) -> Option<Handle> {
        (**self).runtime()
    }
    fn keeps_paused_time(&self) -> bool {
        (**self).keeps_paused_time()
    }
}

/// A running watch. Dropping it without [`close`](Self::close), also after an error, leaves what the
/// backend keeps for it to the backend's own clean-up (30 s on NATS).
pub trait Watch: Send + 'static {
    /// The next change. After an error the watch is over; a watch never resumes by itself, whoever
    /// follows opens a new one and gets everything again.
    ///
    /// # Cancel safety
    /// Cancel safe: a change that was not returned is returned by the next call.
    fn next(&mut self) -> BoxFuture<'_, Result<Change, StoreError>>;

    /// The next change if it has come already and can be told without waiting for anything; `None`
    /// says no more than that [`next`](Self::next) has to be asked.
    fn ready(&mut self) -> Option<Result<Change, StoreError>> {
        self.next().now_or_never()
    }

    /// How long ago the record that was returned last had been stored, by the store's clock. Only
    /// viewers ask: they show ages with it, and tell a dead group from a live one at the first look.
    /// `None`: unknown, and ages begin with the viewer.
    fn last_age(&self) -> Option<Duration> {
        None
    }

    /// Ends the watch and what the backend keeps for it.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}
