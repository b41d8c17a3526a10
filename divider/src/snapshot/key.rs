//! A key for viewers.

use super::Moment;
use crate::id::{NodeId, Revision, Token};

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The live node that owns it. `None`: it is an orphan, or its owner is lost.
    pub owner: Option<NodeId>,
    /// What it is doing.
    pub phase: Phase,
    /// The node that it is planned for, if that is not its owner. (The keys of a generation are the
    /// choice of its donor. They show when the donor sends the stop.)
    pub to: Option<NodeId>,
    /// The fencing token of its claim; 0 without a claim.
    pub token: Token,
    /// The revision of its claim; 0 without a claim.
    pub revision: Revision,
    /// Since when owner and phase are unchanged: as this viewer saw it, or as the times of the records
    /// show it. The time of the viewer's first snapshot where neither is known.
    pub since: Moment,
}

impl KeyStatus {
    /// Whether owner, phase and token are equal.
    pub(crate) fn is_same_state(&self, other: &Self) -> bool {
        let state = |key: &Self| -> (Option<NodeId>, Phase, Token) {
            (key.owner.clone(), key.phase, key.token)
        };
        state(self) == state(other)
    }
}

/// What a key is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// No live node owns it. That includes the keys of a node that is lost, until others take them.
    Orphaned,
    /// A live node owns it.
    Running,
    /// A live node owns it and received a stop: the key was retracted, or the node lists the stop as
    /// unconfirmed. (A node lists its 32 oldest stops. If it has more, the others are known only if it
    /// stops all its keys.)
    Stopping,
}

impl Phase {
    /// One lower-case word for the phase.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orphaned => "orphaned",
            Self::Running => "running",
            Self::Stopping => "stopping",
        }
    }
}
