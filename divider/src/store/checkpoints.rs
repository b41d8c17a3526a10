//! The saved state of keys: what a backend has to do.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::{Outcome, StoreError};
use crate::id::{Revision, Token};
use crate::key::Key;

/// The longest value of a checkpoint, in bytes: 512 KiB. A backend may have a lower limit.
pub const MAX_CHECKPOINT: usize = 512 * 1024;

/// The most positions in one checkpoint. Each takes about 150 bytes.
pub const MAX_POSITIONS: usize = 16;

/// The checkpoints of one group: a record for each key that has saved state, apart from the group's
/// log. Nobody watches them.
///
/// A backend needs compare-and-set on one record and a read of the newest record. The rules of tokens
/// are not its concern: the library compares them.
pub trait Checkpoints: fmt::Debug + Send + Sync + 'static {
    /// How long the backend waits for the answer to one request. A save waits no longer than this.
    fn request_timeout(&self) -> Duration;

    /// The longest value in bytes, at most [`MAX_CHECKPOINT`].
    fn max_value(&self) -> usize {
        MAX_CHECKPOINT
    }

    /// The newest record of the key, a deleted one included. `None` if there is none, or if it has
    /// expired.
    ///
    /// The answer may be old for some seconds: the compare-and-set that follows decides.
    ///
    /// # Errors
    /// [`StoreError::NoCheckpoints`] if nobody has created them.
    fn read(&self, key: &Key) -> BoxFuture<'static, Result<Option<CheckpointRecord>, StoreError>>;

    /// Writes or deletes the record of the key, if its newest revision is the expected one. The future
    /// does nothing before it is first polled. If it is dropped, the write may still happen, also
    /// later.
    fn write(&self, write: CheckpointWrite) -> BoxFuture<'static, Outcome>;
}

/// The checkpoint of a key, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckpointRecord {
    /// Its revision: higher than that of every earlier record of this key.
    pub revision: Revision,
    /// The fencing token of the assignment that wrote it. 0 if it was not written by an assignment.
    pub token: Token,
    /// What was saved; `None` if the record was deleted.
    pub content: Option<CheckpointContent>,
}

impl CheckpointRecord {
    /// A record that a backend has read.
    pub fn new(revision: Revision, token: Token, content: Option<CheckpointContent>) -> Self {
        Self { revision, token, content }
    }
}

/// What an assignment has saved for its key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CheckpointContent {
    /// The application's value; `None` if nobody has saved one.
    pub value: Option<Bytes>,
    /// How far the key has read its streams of messages, at most [`MAX_POSITIONS`].
    pub positions: Vec<Position>,
}

impl CheckpointContent {
    /// A value, and how far the key has read its streams.
    pub fn new(value: Option<Bytes>, positions: Vec<Position>) -> Self {
        Self { value, positions }
    }
}

/// How far a key has read the messages of a stream that match a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Position {
    /// The name of the stream.
    pub stream: String,
    /// The subject filter.
    pub filter: String,
    /// When the stream was created, in nanoseconds since 1970: a stream of the same name that was
    /// created again has other messages.
    pub created_ns: u64,
    /// Every message of the filter up to this sequence of the stream is done. 0: none is.
    pub done: u64,
    /// The message that was last counted when its work started: its sequence, or 0.
    pub started: u64,
    /// How many times the work on that message has started.
    pub attempts: u32,
}

impl Position {
    /// The start of a stream that was created at this time.
    pub fn new(stream: impl Into<String>, filter: impl Into<String>, created_ns: u64) -> Self {
        let (stream, filter) = (stream.into(), filter.into());
        Self { stream, filter, created_ns, done: 0, started: 0, attempts: 0 }
    }

    /// Whether it is of this stream and filter.
    pub fn is_of(&self, stream: &str, filter: &str) -> bool {
        self.stream == stream && self.filter == filter
    }

    /// The line as which servers keep it: stream, filter, creation of the stream, done, started,
    /// attempts. Names of streams and filters have no spaces.
    #[cfg(any(feature = "nats", feature = "postgres", feature = "redis"))]
    pub(crate) fn line(&self) -> String {
        let Self { stream, filter, created_ns, done, started, attempts } = self;
        format!("{stream} {filter} {created_ns} {done} {started} {attempts}")
    }

    /// The position in such a line.
    #[cfg(any(feature = "nats", feature = "postgres", feature = "redis"))]
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let mut parts = line.split(' ');
        let (stream, filter) = (parts.next()?, parts.next()?);
        let mut number = || parts.next()?.parse::<u64>().ok();
        let mut position = Self::new(stream, filter, number()?);
        position.done = number()?;
        position.started = number()?;
        position.attempts = u32::try_from(number()?).ok()?;
        Some(position)
    }
}

/// A write of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckpointWrite {
    /// The key.
    pub key: Key,
    /// The revision of the newest record of this key, deleted ones included; [`Revision::NONE`] if
    /// there must be none.
    pub expected: Revision,
    /// The fencing token of the assignment that writes.
    pub token: Token,
    /// What is saved; `None` deletes the record and leaves the token.
    pub content: Option<CheckpointContent>,
    /// When the record expires, counted from its storage, in whole seconds; `None`: never.
    pub ttl: Option<Duration>,
}

impl CheckpointWrite {
    /// A write of this content over the expected revision, which does not expire.
    pub fn new(
        key: Key,
        expected: Revision,
        token: Token,
        content: Option<CheckpointContent>,
    ) -> Self {
        Self { key, expected, token, content, ttl: None }
    }
}
