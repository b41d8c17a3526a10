//! The log of a group: what a backend has to do, and the two that are here.
//!
//! A store holds *records* by name (`claim.orders.17`), the newest of each. Every write gives the
//! whole store a higher [`Revision`], so that the store is one ordered log of which a watch delivers
//! every name's newest record in order, skipping superseded ones.

mod check;
mod memory;
mod nats;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use tokio::runtime::Handle;

use crate::id::{GroupName, Revision};
use crate::report::debug_as_report;

pub use memory::{Fault, MemoryStore};
pub use nats::{
    BrokenRule, Copy, Inspection, NatsAccount, NatsOptions, NatsStore, OpenError, Right, Role,
    Server, Storage, Stray, StreamOptions, credentials_file,
};

/// The longest value of a record, in bytes.
pub const MAX_VALUE: usize = 8 * 1024;

/// A backend: one group's records, with compare-and-set, leader reads and watches.
///
/// A backend may show a superseded record again when it crashes, once the last record of that name has
/// expired: nats-server does, in all versions known (its issue 8505). Nodes are prepared for that: the
/// tombstones of keys and members have no [`ttl`](Write::ttl) until a manifest covers them
/// (PROTOCOL.md, "What is gone").
///
/// Implementations bring their own connection; every future has to end, at the latest when the
/// backend's own request time-out passes. The engine puts its own deadlines on top.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The group whose records these are.
    fn group(&self) -> &GroupName;

    /// Writes or deletes one record. The future does nothing before it is first polled.
    fn write(&self, write: Write) -> BoxFuture<'static, Outcome>;

    /// The newest record of that name as the leader knows it, tombstones included.
    ///
    /// Even a leader may answer with an old record for some seconds after it lost its office: a read
    /// is a hint for the next compare-and-set, which decides.
    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Record>, StoreError>>;

    /// Follows the records that the filter names: first the newest of each, then each change.
    fn watch(&self, filter: Filter) -> BoxFuture<'static, Result<Box<dyn Watch>, StoreError>>;

    /// What the backend says about the log as a whole.
    fn info(&self) -> BoxFuture<'static, Result<Info, StoreError>>;

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

/// A shared store is a store.
impl<S: Store + ?Sized> Store for Arc<S> {
    fn group(&self) -> &GroupName {
        (**self).group()
    }
    fn write(&self, write: Write) -> BoxFuture<'static, Outcome> {
        (**self).write(write)
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

    /// Ends the watch and what the backend keeps for it.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Which records a watch follows: 1 to 64 names, none of which covers another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Names, or prefixes that end in `.>` and stand for every name below; `>` alone is everything.
    pub names: Vec<String>,
}

/// One step of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The newest record of a name, tombstones included.
    Record(Record),
    /// Everything that existed when the watch was opened has been delivered, and everything up to
    /// some point after that. Said once. Before it, absence proves nothing.
    CaughtUp,
}

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name below the group, as `claim.orders.17`.
    pub name: String,
    /// Its place in the log.
    pub revision: Revision,
    /// Its value; `None` for a tombstone.
    pub value: Option<Bytes>,
    /// How long the store keeps it from the time it was stored, where it does not keep it for ever.
    pub ttl: Option<Duration>,
    /// How long what it says still holds, where that has an end; zero once it is over. The store keeps
    /// the record all the same.
    pub expires_in: Option<Duration>,
}

/// A write of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The record's name.
    pub name: String,
    /// The new value, or `None` to delete it.
    pub value: Option<Bytes>,
    /// The revision its newest record must have ([`Revision::NONE`]: no record at all; a tombstone is
    /// a record), or `None` to write over anything.
    pub expected: Option<Revision>,
    /// After what time the store removes the record without a trace, rounded up to whole seconds; it
    /// never does without it. What this record replaced may then come back if the store crashes (it
    /// does on NATS), so that only what nobody needs any more has one.
    pub ttl: Option<Duration>,
    /// After what time what the record says no longer holds, rounded up to whole seconds. The store
    /// does nothing about it but to tell it to those who read.
    pub expires_in: Option<Duration>,
}

impl Write {
    /// Deletes a record, with a tombstone that stays. `expected` is as in [the field](Self::expected).
    pub fn delete(name: impl Into<String>, expected: Option<Revision>) -> Self {
        Self { name: name.into(), value: None, expected, ttl: None, expires_in: None }
    }
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the log at this revision.
    Acked(Revision),
    /// It is not in the log and never will be: the expected revision was not the newest.
    Conflict,
    /// It is not in the log and never will be, for another reason: too large, the store is full.
    Refused(StoreError),
    /// Nobody knows: it may be in the log, may never be, or may get there later.
    Unknown(StoreError),
}

/// What a backend says about a log as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Tells this log from another one of the same name made before or after it (on NATS the
    /// stream's creation time in nanoseconds since 1970).
    pub created: i128,
    /// The newest revision.
    pub last: Revision,
    /// How many servers keep a copy.
    pub replicas: usize,
    /// Bytes kept now.
    pub bytes: u64,
    /// The limit on bytes, if there is one.
    pub max_bytes: Option<u64>,
}

/// Why a store could not do what it was asked.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No answer in time. The operation may have happened, or may happen yet.
    #[error("no answer from the store within {after:?}: {what}")]
    Timeout {
        /// What was asked, with the subject it went to and the rights to check.
        what: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The server refused the subject; the user's permissions lack it.
    #[error("permission denied, the user needs this right: {what}")]
    Denied {
        /// The server's words, which name the subject.
        what: String,
    },
    /// The group does not exist (any more); somebody has to make it.
    #[error(
        "the group does not exist (make it with `divider init`, or open it with create_if_missing): {group}"
    )]
    NoGroup {
        /// The group's name.
        group: String,
    },
    /// There is no connection, or nobody who answers for the store.
    #[error("the store cannot be reached: {what}")]
    Unreachable {
        /// What is known of the reason.
        what: String,
    },
    /// The store is full.
    #[error("the store is full: {what}")]
    Full {
        /// The server's words.
        what: String,
    },
    /// The request itself breaks a limit; nothing was sent.
    #[error("not a legal request: {what}")]
    Invalid {
        /// The limit, and what was found.
        what: String,
    },
    /// The watch lost its place: a gap, a silent server, another log of the same name.
    #[error("the watch lost its place: {what}")]
    Gap {
        /// What was noticed.
        what: String,
    },
    /// Something else that the backend said.
    #[error("the store failed: {what}")]
    Other {
        /// The backend's words.
        what: String,
    },
}

impl StoreError {
    pub(crate) fn gap(what: impl Into<String>) -> Self {
        Self::Gap { what: what.into() }
    }
}

debug_as_report!(StoreError);
