//! What a write makes of a checkpoint.

use std::time::Duration;

use bytes::Bytes;

use crate::store::{CheckpointContent, Position};

/// What a write makes of the record.
pub(super) enum Change {
    /// Saves a value, and what is done with it.
    Value(Bytes, Option<Mark>),
    /// Saves the positions alone; nothing if they are stored.
    Positions,
    /// Settles what is in doubt.
    Settle,
    /// Writes the record as it is.
    Reseal,
    /// Gives the record a time to live.
    Expire(Duration),
    /// Deletes the record; the tombstone has this time to live.
    Delete(Duration),
}

impl Change {
    /// Whether the record is as wanted, for certain.
    pub(super) fn is_done(
        &self,
        settled: bool,
        stored: &CheckpointContent,
        wanted: Option<&CheckpointContent>,
    ) -> bool {
        match self {
            Self::Settle => settled,
            Self::Value(..) | Self::Positions => settled && Some(stored) == wanted,
            Self::Reseal | Self::Expire(_) | Self::Delete(_) => false,
        }
    }

    /// Whether the assignment writes nothing after it.
    pub(super) fn is_last(&self) -> bool {
        matches!(self, Self::Expire(_) | Self::Delete(_))
    }
}

/// A message that counts as done once a write is stored, with all before it.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) stream: String,
    pub(crate) filter: String,
    pub(crate) sequence: u64,
}

impl Mark {
    /// Moves the position of its stream and filter, never back.
    pub(crate) fn apply(&self, positions: &mut [Position]) {
        let of_same = |own: &&mut Position| own.is_of(&self.stream, &self.filter);
        if let Some(own) = positions.iter_mut().find(of_same) {
            own.done = own.done.max(self.sequence);
        }
    }
}
