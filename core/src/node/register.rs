//! A record that is written by compare-and-set: the state of its write, and the meaning of the
//! answers.
//!
//! It serves every record that a node writes again until the log has it: the lease and its end, the
//! member record, the unconfirmed stops, manifests, and for each key the claim and the completion.

use crate::edge::{ReadId, WriteId};
use crate::log::{Outcome, StoreError};
use crate::time::Time;

/// One record. At most one write of it is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Register {
    /// Nothing is in flight.
    #[default]
    Idle,
    /// A write is in flight.
    Writing(WriteId),
    /// The record in the log is unknown. It is being read from the leader.
    Reading(ReadId),
    /// The write is tried again at this time.
    Retry(Time),
}

/// What the outcome of a write shows about the record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    /// The record is in the log as it was written, at this revision.
    Landed(crate::id::Revision),
    /// The record in the log is unknown: it must be read from the leader.
    MustRead,
    /// Nothing was written.
    Refused(&'a StoreError),
}

impl Register {
    /// Handles the outcome of a write. Returns no verdict for an earlier write. A refused write was
    /// not stored, and a write with a conflict never will be. A write with an unknown outcome may
    /// land until the leader shows another revision.
    pub(super) fn on_wrote<'a>(
        &mut self,
        id: WriteId,
        outcome: &'a Outcome,
    ) -> Option<Verdict<'a>> {
        if *self != Self::Writing(id) {
            return None;
        }
        *self = Self::Idle;
        Some(match outcome {
            Outcome::Acked(revision) => Verdict::Landed(*revision),
            Outcome::Conflict | Outcome::Unknown(_) => Verdict::MustRead,
            Outcome::Refused(error) => Verdict::Refused(error),
        })
    }

    /// Whether this is the expected answer.
    pub(super) fn on_read(&mut self, id: ReadId) -> bool {
        let is = *self == Self::Reading(id);
        if is {
            *self = Self::Idle;
        }
        is
    }

    /// Whether the outcome of a write is still unknown.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Writing(_) | Self::Reading(_))
    }

    /// Whether the record may be written now.
    pub(super) fn is_due(self, now: Time) -> bool {
        match self {
            Self::Idle => true,
            Self::Writing(_) | Self::Reading(_) => false,
            Self::Retry(at) => at <= now,
        }
    }

    /// When the write is tried again, if it waits for a time.
    pub(super) fn timeout(self) -> Option<Time> {
        match self {
            Self::Retry(at) => Some(at),
            _ => None,
        }
    }
}
