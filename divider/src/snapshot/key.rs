//! A key for viewers.

use std::sync::Arc;

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
    /// Why no node works on it, if it is [quarantined](Phase::Quarantined).
    pub quarantine: Option<Arc<Quarantine>>,
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

/// Why no node works on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quarantine {
    /// The last error of its work, at most 512 bytes.
    pub reason: String,
    /// The node that ran it last.
    pub node: NodeId,
    /// How often its work has failed in a row.
    pub attempts: u32,
    /// How many times in a row a node gave it up.
    pub runs: u32,
    /// Since when, in Unix ms by the clock of that node.
    pub at_ms: u64,
}

impl Quarantine {
    /// A quarantine without counts.
    pub fn new(reason: impl Into<String>, node: NodeId, at_ms: u64) -> Self {
        Self { reason: reason.into(), node, attempts: 0, runs: 0, at_ms }
    }
}

impl Phase {
    /// All phases.
    pub const ALL: [Self; 4] = [Self::Quarantined, Self::Orphaned, Self::Running, Self::Stopping];
}

/// What a key is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Its work failed too often: no node works on it until an operator retries it.
    Quarantined,
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
            Self::Quarantined => "quarantined",
            Self::Orphaned => "orphaned",
            Self::Running => "running",
            Self::Stopping => "stopping",
        }
    }
}
