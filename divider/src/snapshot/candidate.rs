//! The nodes that may take a key.

use std::time::Duration;

use crate::id::NodeId;

/// A node as a candidate for one key.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// The node.
    pub node: NodeId,
    /// The affinity that it is planned with.
    pub affinity: u32,
    /// Its score for the key. When the key needs a place, the node with room and the highest score gets
    /// it. 0 if the node gets no new keys.
    pub score: f64,
    /// Why it may not take the key, if it may not.
    pub ineligible: Option<Ineligible>,
}

/// Why a node may not take a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ineligible {
    /// It takes nothing new: it is cordoned, drained or leaving, or its affinity is 0.
    TakesNothing,
    /// A rollout is under way, and nodes of a later deploy take the keys
    /// ([`Builder::rollout`](crate::Builder::rollout)).
    Superseded,
    /// No prefix of it matches.
    OtherPrefix,
    /// It released the key, and is cooling down for this time.
    Released(Duration),
    /// Eight other nodes are cooling down for the key, so no node takes it for this time.
    Resting(Duration),
}

impl Candidate {
    /// A node that may take the key.
    pub fn new(node: NodeId, affinity: u32, score: f64) -> Self {
        Self { node, affinity, score, ineligible: None }
    }
}
