//! Nodes that are gone.

use super::Moment;
use crate::id::NodeId;

/// A node that was a member in the last day and is none now, as its lease record shows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GoneNode {
    /// Its node id.
    pub node: NodeId,
    /// How its session ended.
    pub end: NodeEnd,
    /// When, by the store's clock.
    pub since: Moment,
    /// How many keys it had then, if this viewer was there.
    pub keys: Option<u64>,
}

/// How the session of a node ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeEnd {
    /// Its own node ended it.
    Left,
    /// It sent no heartbeats for its whole lease, and another node ended it.
    Died {
        /// The node that ended it.
        by: Option<NodeId>,
    },
}

impl GoneNode {
    /// A node that is gone.
    pub fn new(node: NodeId, end: NodeEnd, since: Moment) -> Self {
        Self { node, end, since, keys: None }
    }
}
