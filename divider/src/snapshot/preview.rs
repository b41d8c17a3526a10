//! What would move where: worked out by the functions that move it, exact at a revision.

use crate::id::{NodeId, Revision};
use crate::key::Key;

/// What a drain would do if it began now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainPreview {
    /// The revision at which this is exact.
    pub revision: Revision,
    /// Every key that would leave a drained node, in the order in which they are placed.
    pub moves: Vec<PlannedMove>,
    /// Who would get how many, by node id.
    pub receivers: Vec<Receiver>,
    /// How many of the moves have no receiver: these keys would keep running where they are.
    pub without_receiver: u64,
}

/// One key that would move.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedMove {
    /// The key.
    pub key: Key,
    /// The node that has it.
    pub from: NodeId,
    /// The node that would get it; `None`: nobody may take it.
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

/// What a rebalance would do if it was asked for now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RebalancePreview {
    /// The revision at which this is exact.
    pub revision: Revision,
    /// Who would give how many keys to whom. Which keys is their donor's choice.
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
