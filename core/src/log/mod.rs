//! The log of a group: records, writes and their outcomes, and the steps of a watch.
//!
//! A log has *records* by name (`claim.orders.17`), the newest of each. Every write gets a higher
//! [`Revision`] than all writes before it. So a watch delivers the newest record of each name in one
//! order, and skips records that were replaced meanwhile.

mod limits;

use std::time::Duration;

use bytes::Bytes;

use crate::id::Revision;

pub use limits::{check_filter, check_name, check_write, whole_seconds};

/// The longest value of a record, in bytes.
pub const MAX_VALUE: usize = 8 * 1024;

/// The records that a watch follows: 1 to 64 names that do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filter {
    /// Names, or prefixes that end in `.>` and cover every name below. `>` alone covers all.
    pub names: Vec<String>,
}

/// One step of a watch. This enum gets no further variants, because every reader of a log must
/// handle each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The newest record of a name, or its tombstone.
    Record(Record),
    /// Everything that existed when the watch was opened is delivered, and everything up to a later
    /// point. Sent once. Before that, absence proves nothing.
    CaughtUp,
}

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Its name in the log, such as `claim.orders.17`.
    pub name: String,
    /// Its revision.
    pub revision: Revision,
    /// Its value. `None`: a tombstone.
    pub value: Option<Bytes>,
    /// After this time, counted from when it was stored, the store removes the record. `None`: never.
    pub ttl: Option<Duration>,
    /// After this time the record no longer holds, but the store keeps it. Zero: the time has passed.
    /// `None`: it holds for ever.
    pub expires_in: Option<Duration>,
}

/// A write of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Write {
    /// The record's name.
    pub name: String,
    /// The new value. `None` deletes the record.
    pub value: Option<Bytes>,
    /// The revision of the newest record of this name. [`Revision::NONE`]: no record (a tombstone is a
    /// record). `None`: the write replaces any record.
    pub expected: Option<Revision>,
    /// After this time the store removes the record without a trace, rounded up to whole seconds.
    /// `None`: never. If a NATS server crashes after that, it may show the record again that this one
    /// replaced. So only records that no node needs any more have a time to live.
    pub ttl: Option<Duration>,
    /// After this time the record no longer holds, rounded up to whole seconds. The store only reports
    /// it to readers.
    pub expires_in: Option<Duration>,
}

impl Filter {
    /// Creates a filter of these names; see [`names`](Self::names).
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect() }
    }

    /// The filter of every record.
    pub fn everything() -> Self {
        Self::new([">"])
    }
}

impl Record {
    /// Creates a record that stays until it is replaced. The value `None` makes a tombstone. The
    /// times are public fields.
    pub fn new(name: impl Into<String>, revision: Revision, value: Option<Bytes>) -> Self {
        Self { name: name.into(), revision, value, ttl: None, expires_in: None }
    }
}

impl Write {
    /// Writes a value that stays until it is replaced. `expected` is as in
    /// [the field](Self::expected).
    pub fn put(
        name: impl Into<String>,
        value: impl Into<Bytes>,
        expected: Option<Revision>,
    ) -> Self {
        let value = Some(value.into());
        Self { name: name.into(), value, expected, ttl: None, expires_in: None }
    }

    /// Deletes a record, with a tombstone that stays. `expected` is as in [the field](Self::expected).
    pub fn delete(name: impl Into<String>, expected: Option<Revision>) -> Self {
        Self { name: name.into(), value: None, expected, ttl: None, expires_in: None }
    }

    /// Sets a time to live; see [`ttl`](Self::ttl).
    #[must_use]
    pub fn with_ttl(self, ttl: impl Into<Option<Duration>>) -> Self {
        Self { ttl: ttl.into(), ..self }
    }

    /// Sets a time after which the record no longer holds; see [`expires_in`](Self::expires_in).
    #[must_use]
    pub fn with_expires_in(self, span: impl Into<Option<Duration>>) -> Self {
        Self { expires_in: span.into(), ..self }
    }
}

impl Info {
    /// Creates the state of an empty log with one replica and no limit. The other values are public
    /// fields.
    pub fn new(created: i128, last: Revision) -> Self {
        Self { created, last, replicas: 1, bytes: 0, max_bytes: None }
    }
}

/// The outcome of a write. This enum gets no further variants, because every writer must handle
/// each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the log at this revision.
    Acked(Revision),
    /// It is not in the log and never will be: another revision is the newest.
    Conflict,
    /// It is not in the log and never will be, for another reason, such as a full store.
    Refused(StoreError),
    /// It may be in the log, may get there later, or may never get there.
    Unknown(StoreError),
}

/// The state of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Identifies this log among all logs of the same name. On NATS: the creation time of the stream,
    /// in ns since 1970.
    pub created: i128,
    /// The newest revision.
    pub last: Revision,
    /// How many servers have a replica.
    pub replicas: usize,
    /// The size in bytes.
    pub bytes: u64,
    /// The limit of the size in bytes. `None`: no limit.
    pub max_bytes: Option<u64>,
}

/// Why a store could not carry out an operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No answer in time. The operation may have happened, or may happen later.
    #[error("no answer from the store within {after:?}: {what}")]
    Timeout {
        /// The operation, with its subject and the rights to check.
        what: String,
        /// How long the store waited.
        after: Duration,
    },
    /// The server refused the subject: the user has no right to it.
    #[error("permission denied, the user needs this right: {what}")]
    Denied {
        /// The server's text, which names the subject.
        what: String,
    },
    /// The group does not exist. An operator must create it.
    #[error(
        "the group does not exist (make it with `divider init`, or open it with create_if_missing): {group}"
    )]
    NoGroup {
        /// The group's name.
        group: String,
    },
    /// There is no connection, or no server answers for the store.
    #[error("the store cannot be reached: {what}")]
    Unreachable {
        /// The cause, if known.
        what: String,
    },
    /// The store is full.
    #[error("the store is full: {what}")]
    Full {
        /// The server's text.
        what: String,
    },
    /// The request itself breaks a limit; nothing was sent.
    #[error("invalid request: {what}")]
    Invalid {
        /// The limit and the value found.
        what: String,
    },
    /// The watch lost its position: a gap, a silent server, another log of the same name.
    #[error("the watch lost its position: {what}")]
    Gap {
        /// The observation.
        what: String,
    },
    /// The backend keeps no history of the group.
    #[error("the group keeps no history: {what}")]
    NoHistory {
        /// How to create a history, or why there cannot be one.
        what: String,
    },
    /// The store keeps no checkpoints of the group.
    #[error("the group keeps no checkpoints: {what}")]
    NoCheckpoints {
        /// How to create them, or why there cannot be any.
        what: String,
    },
    /// The backend does not offer this operation.
    #[error("not supported: {what}")]
    Unsupported {
        /// The operation, and what to use instead.
        what: String,
    },
    /// Another error of the backend.
    #[error("the store failed: {what}")]
    Other {
        /// The backend's text.
        what: String,
    },
}

impl StoreError {
    /// The watch lost its position.
    pub fn gap(what: impl Into<String>) -> Self {
        Self::Gap { what: what.into() }
    }
}
