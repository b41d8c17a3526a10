//! Why the messages of a key cannot be read.

use crate::checkpoint::CheckpointError;
use crate::key::Key;
use crate::store::SourceError;

/// Why the messages of a key cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InboxError {
    /// The position could not be read or saved. After [`CheckpointError::Fenced`] another assignment
    /// has the key: stop.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The stream cannot be read: it does not exist, the filter matches none of its subjects, or its
    /// retention does not fit. Nothing was changed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The stream was deleted and created again since the key read it, so its sequences mean other
    /// messages. Nothing was changed. If this was meant, open the inbox with
    /// [`accept_new_stream`](super::Messages::accept_new_stream).
    #[error(
        "the stream {stream} was created again, its messages are not those that {key} has read: \
         done up to {done}, the stream ends at {last}"
    )]
    Recreated {
        /// The key.
        key: Key,
        /// The stream.
        stream: String,
        /// The sequence up to which the key has done the messages of the former stream.
        done: u64,
        /// The last sequence of the stream now.
        last: u64,
    },
    /// The work on a message has started [`max_deliver`](super::Messages::max_deliver) times, and it was
    /// never done. The key waits: each call of [`next`](super::Inbox::next) returns this error, also on
    /// the next owner. Correct the handler and raise `max_deliver`, or
    /// [`skip`](super::Inbox::skip) the message.
    #[error(
        "the work on a message has started {attempts} times and was never done, {key} waits: {stream} {sequence}"
    )]
    Poison {
        /// The key.
        key: Key,
        /// The stream.
        stream: String,
        /// The sequence of the message.
        sequence: u64,
        /// How many times the work on it has started.
        attempts: u32,
    },
    /// The same assignment has opened an inbox with the same stream and filter again: that one gets the
    /// messages now.
    #[error("the inbox was opened again by the same assignment, use the newer one: {key}")]
    OpenedAgain {
        /// The key.
        key: Key,
    },
}
