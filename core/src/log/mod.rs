//! The log of a group as the core sees it: records, writes and what became of them, and the steps of a
//! watch.
//!
//! A log holds *records* by name (`claim.orders.17`), the newest of each. Every write gives the whole
//! log a higher [`Revision`], so a watch delivers every name's newest record in one order, and skips
//! records that were replaced meanwhile.

mod limits;

use std::time::Duration;

use bytes::Bytes;

use crate::id::Revision;

pub use limits::{check_filter, check_name, check_write, whole_seconds};

/// The longest value of a record, in bytes.
pub const MAX_VALUE: usize = 8 * 1024;

/// Which records a watch follows: 1 to 64 names, none of which covers another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filter {
    /// Names, or prefixes that end in `.>` and stand for every name below; `>` alone is everything.
    pub names: Vec<String>,
}

/// One step of a watch. There will be no other, since whoever follows a log has to deal with each.
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
#[non_exhaustive]
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
#[non_exhaustive]
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

impl Filter {
    /// A filter of these names; see [`names`](Self::names).
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect() }
    }

    /// The filter of every record.
    pub fn everything() -> Self {
        Self::new([">"])
    }
}

impl Record {
    /// A record that stays until it is replaced; `None` as its value is a tombstone. The times are
    /// fields to be set.
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

    /// The same write with a time to live; see [`ttl`](Self::ttl).
    #[must_use]
    pub fn with_ttl(self, ttl: impl Into<Option<Duration>>) -> Self {
        Self { ttl: ttl.into(), ..self }
    }

    /// The same write of what holds for a time only; see [`expires_in`](Self::expires_in).
    #[must_use]
    pub fn with_expires_in(self, span: impl Into<Option<Duration>>) -> Self {
        Self { expires_in: span.into(), ..self }
    }
}

impl Info {
    /// A log of one replica with nothing in it and no limit; the rest are fields to be set.
    pub fn new(created: i128, last: Revision) -> Self {
        Self { created, last, replicas: 1, bytes: 0, max_bytes: None }
    }
}

/// What became of a write. There will be no other outcome, since every writer has to deal with each.
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
#[non_exhaustive]
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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// The watch lost its place.
    pub fn gap(what: impl Into<String>) -> Self {
        Self::Gap { what: what.into() }
    }
}
