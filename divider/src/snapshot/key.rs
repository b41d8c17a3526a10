//! A key, as a viewer sees it.

use super::Moment;
use crate::id::{NodeId, Revision, Token};

/// Where a key is, and how it does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The live node that has it; `None` for an orphan.
    pub owner: Option<NodeId>,
    /// What it is doing.
    pub phase: Phase,
    /// Where the plan puts it, while that is not where it is. (Which keys a balance generation moves
    /// is its donor's choice, and shows when the stop is told.)
    pub to: Option<NodeId>,
    /// The fencing token of its last assignment; 0 where there is no claim.
    pub token: Token,
    /// The revision of its claim, 0 where there is none.
    pub revision: Revision,
    /// Since when its owner and phase are so, as this viewer saw it: a viewer that has just come
    /// counts from its coming.
    pub since: Moment,
}

impl KeyStatus {
    /// Whether owner, phase and token are the same.
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
    /// No live node has it: it waits for one.
    Orphaned,
    /// A live node has it.
    Running,
    /// A live node has it and was told to stop: it was retracted, or its node says that the stop is
    /// not confirmed (of which a node names the 32 oldest; of more it is known only where it stops
    /// everything it has).
    Stopping,
}

impl Phase {
    /// One lower-case word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orphaned => "orphaned",
            Self::Running => "running",
            Self::Stopping => "stopping",
        }
    }
}
