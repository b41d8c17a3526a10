//! A record that is written by compare-and-set: how far its write is, and what the answers mean.
//!
//! All records that a node writes again until they stand use it: the lease and its end, the member
//! record, the unconfirmed stops, manifests, and for each key the claim and the completion.

use crate::edge::{ReadId, WriteId};
use crate::log::{Outcome, StoreError};
use crate::time::Time;

/// One record. At most one write of it is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Register {
    /// Nothing is on its way.
    #[default]
    Idle,
    /// A write is on its way.
    Writing(WriteId),
    /// What stands in the log is not known; it is being read from the leader.
    Reading(ReadId),
    /// The write is tried again at this time.
    Retry(Time),
}

/// What the outcome of a write says about the record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    /// The record stands as it was written, at this revision.
    Landed(crate::id::Revision),
    /// It is not known what stands: the leader has to be asked.
    Ask,
    /// Nothing was written.
    Refused(&'a StoreError),
}

impl Register {
    /// The outcome of a write; no verdict if it is that of an earlier write. A write that is refused
    /// was not stored, and one that is in conflict never will be. The write of an unknown outcome may
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
            Outcome::Conflict | Outcome::Unknown(_) => Verdict::Ask,
            Outcome::Refused(error) => Verdict::Refused(error),
        })
    }

    /// Whether this is the answer that is waited for.
    pub(super) fn on_read(&mut self, id: ReadId) -> bool {
        let is = *self == Self::Reading(id);
        if is {
            *self = Self::Idle;
        }
        is
    }

    /// Whether the outcome of a write is not certain yet.
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
