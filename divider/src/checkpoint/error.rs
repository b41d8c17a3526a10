//! Why a checkpoint could not be opened or saved.

use crate::id::Token;
use crate::key::Key;
use crate::store::StoreError;

/// Why a checkpoint could not be opened or saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A newer assignment of the key, on this node or another, has opened the checkpoint: this one may
    /// not save any more, and nothing was stored. Stop the work on the key; the node will be, or was,
    /// notified.
    #[error(
        "a newer assignment of the key has its checkpoint, {token} may not save: {key} is with {newer}"
    )]
    Fenced {
        /// The key.
        key: Key,
        /// The token of this assignment.
        token: Token,
        /// The token of the newer assignment.
        newer: Token,
    },
    /// The value is too large, and nothing was stored. Save less, or save where it is and not what it
    /// is.
    #[error("the value is too large for a checkpoint, at most {limit} bytes are possible: {found}")]
    TooLarge {
        /// The size of the value in bytes.
        found: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The store did not answer in time, or the connection was lost: the value is stored, or is not, or
    /// will be. The next save or [`reload`](super::Checkpoint::reload) of this assignment finds out. If
    /// there is none, the next owner sees either this value or the one before.
    #[error("it is not known whether the checkpoint was saved, save again or reload: {key}")]
    Unknown {
        /// The key.
        key: Key,
        /// What the store said last.
        source: StoreError,
    },
    /// The store refused, and nothing was stored: a right is missing, the store is full, or it keeps no
    /// checkpoints. The source has the remedy.
    #[error("the store refused the checkpoint: {key}")]
    Refused {
        /// The key.
        key: Key,
        /// What the store said.
        source: StoreError,
    },
    /// The bytes in the store are not a value of this type, or the value cannot be written as bytes.
    /// Nothing was changed: [`checkpoint_bytes`](crate::Assignment::checkpoint_bytes) reads them as
    /// they are.
    #[error("the checkpoint has another format: {key}")]
    Format {
        /// The key.
        key: Key,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The record was deleted or has expired since this assignment opened the checkpoint, and nothing
    /// was stored. Open the checkpoint again to begin with no value.
    #[error("the checkpoint was deleted or has expired, open it again: {key}")]
    Gone {
        /// The key.
        key: Key,
    },
    /// The assignment is over: its stop was confirmed, or the key was released or completed. Nothing
    /// was stored.
    #[error("the assignment is over, its checkpoint cannot be used any more: {key}")]
    Over {
        /// The key.
        key: Key,
    },
    /// The key reads too many streams. Nothing was stored.
    #[error(
        "the checkpoint has positions in too many streams, at most {limit} are possible: {key}"
    )]
    TooManyStreams {
        /// The key.
        key: Key,
        /// The limit.
        limit: usize,
    },
}
