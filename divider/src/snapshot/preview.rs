//! Previews by the functions that plan the real moves, exact at a revision.

use crate::id::{NodeId, Revision};
use crate::key::Key;

/// What a drain would do now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainPreview {
    /// The revision of the view that it is computed from.
    pub revision: Revision,
    /// Every key that would leave a drained node, in the order of placing.
    pub moves: Vec<PlannedMove>,
    /// How many keys each receiver would get, by node id.
    pub receivers: Vec<Receiver>,
    /// How many of the moves have no receiver. These keys would keep running where they are.
    pub without_receiver: u64,
}

/// One key that would move.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedMove {
    /// The key.
    pub key: Key,
    /// The node that owns it.
    pub from: NodeId,
    /// The node that would get it. `None`: no node may take it.
    pub to: Option<NodeId>,
}

/// A node that would get keys.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receiver {
    /// The node.
    pub node: NodeId,
    /// The keys it has.
    pub now: u64,
    /// The keys it would get.
    pub adds: u64,
}

/// What a rebalance would do now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RebalancePreview {
    /// The revision of the view that it is computed from.
    pub revision: Revision,
    /// How many keys each donor would give to each receiver. The donor chooses which.
    pub shifts: Vec<Shift>,
}

/// Keys that would go from one node to another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shift {
    /// The donor.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// How many keys.
    pub keys: u64,
}
