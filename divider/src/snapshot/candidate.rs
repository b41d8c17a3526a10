//! Who may take a key.

use std::time::Duration;

use crate::id::NodeId;

/// A node, as it suits one key.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// The node.
    pub node: NodeId,
    /// What it is planned with.
    pub affinity: u32,
    /// How well it suits the key: the highest of those with room for it gets the key when it has to
    /// go somewhere. 0 where it takes nothing new.
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
    /// It takes keys of other prefixes only.
    OtherPrefix,
    /// It released the key, and may have it again after this time.
    Released(Duration),
    /// Eight other nodes released the key lately, so that no node takes it before this time is over.
    Resting(Duration),
}

impl Candidate {
    /// A node that may take the key.
    pub fn new(node: NodeId, affinity: u32, score: f64) -> Self {
        Self { node, affinity, score, ineligible: None }
    }
}
