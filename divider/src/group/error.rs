//! What can go wrong for announcers and operators.

use crate::id::NodeId;
use crate::key::Key;
use crate::store::StoreError;
use divider_core::wire::Malformed;

use super::DrainId;

/// Keys were not announced or retracted, or not all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnnounceError {
    /// The store refused this key, or did not answer through 16 attempts.
    ///
    /// `acked` keys are durable, those behind this one may or may not be; no further ones were sent.
    /// Announcing and retracting again is harmless: do the whole once more when the reason is gone.
    #[error("the store did not take a key, after it had acknowledged {acked}: {key}")]
    NotTaken {
        /// The first key that failed, in the order in which they were given.
        key: Key,
        /// How many keys were acknowledged, wherever they stood.
        acked: u64,
        /// What the store said last.
        source: StoreError,
    },
    /// The keys that are there could not be read; nothing was changed.
    #[error("the keys of the group could not be read")]
    Unread {
        /// What the store said last.
        #[from]
        source: StoreError,
    },
    /// A key that does not start with the prefix that is to be reconciled; nothing was changed.
    #[error("a key is not under the prefix {prefix:?}: {key}")]
    OutsidePrefix {
        /// The prefix.
        prefix: String,
        /// The first such key.
        key: Key,
    },
    /// The list to reconcile with has no key, and keys would be retracted; nothing was changed. Where
    /// that is meant, allow it: [`ReconcileOptions::allow_empty`](super::ReconcileOptions::allow_empty).
    #[error(
        "the list is empty, {retracted} keys under the prefix {prefix:?} would be retracted; nothing \
         was changed, an empty list has to be allowed"
    )]
    EmptyList {
        /// The prefix.
        prefix: String,
        /// How many keys would be retracted.
        retracted: u64,
    },
    /// More keys would be retracted than may be at once; nothing was changed. Look at the list; where
    /// it is right, allow more:
    /// [`ReconcileOptions::max_retract`](super::ReconcileOptions::max_retract).
    #[error(
        "{retracted} of the {existing} keys under the prefix {prefix:?} would be retracted, at most \
         {most} may be at once; nothing was changed, more has to be allowed"
    )]
    TooManyRetracted {
        /// The prefix.
        prefix: String,
        /// How many keys would be retracted.
        retracted: u64,
        /// How many keys there are.
        existing: u64,
        /// How many may be retracted.
        most: u64,
    },
}

/// An operator's request was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperateError {
    /// No such node is a member, and nothing is on record for one; nothing was changed.
    #[error("no such node, the group's nodes are {}: {node}", list(known))]
    UnknownNode {
        /// The node that was asked for.
        node: NodeId,
        /// The nodes that are members.
        known: Vec<NodeId>,
    },
    /// A drain of no node; nothing was changed.
    #[error("a drain needs at least one node")]
    NoNode,
    /// Only a drain can be paused or continued; nothing was changed.
    #[error("the node is not draining: {node}")]
    NotDraining {
        /// The node.
        node: NodeId,
    },
    /// It would not fit into the record; nothing was changed.
    #[error("{what} is too long, at most {most} bytes: {len}")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// The limit in bytes.
        most: usize,
        /// Its length in bytes.
        len: usize,
    },
    /// The record that is there cannot be read, so it is not written over. A newer version of this
    /// library may have written it: use that, or delete the record by hand.
    #[error("the record that is there cannot be read: {name}")]
    Malformed {
        /// The record's name.
        name: String,
        /// Why not.
        source: Malformed,
    },
    /// The group speaks another protocol; nothing was changed.
    #[error("the group speaks another protocol, this version speaks 1: {found}")]
    Protocol {
        /// The group's protocol.
        found: u32,
    },
    /// A watch has not read everything (yet, or since it lost the store), so it previews nothing.
    /// Wait for a complete snapshot.
    #[error("the group is not read completely")]
    Incomplete,
    /// Others kept changing the record; nothing was changed. Try again.
    #[error("others kept changing the record: {name}")]
    Contended {
        /// The record's name.
        name: String,
    },
    /// The store refused or did not answer. After a time-out the request may be on record all the same:
    /// look, or make it again, which is harmless.
    #[error("the store failed at the record: {name}")]
    Store {
        /// The record's name.
        name: String,
        /// What the store said last.
        source: StoreError,
    },
    /// A drain was decided on by a preview, and another node was drained or cordoned after that and
    /// before this drain began: keys would go elsewhere, or nowhere. The drain was taken back. Look at a
    /// new preview, and drain again, or name both nodes in one drain.
    #[error(
        "the plan does not hold any more, {} is draining or cordoned by {} since it was made; this \
         drain was taken back, look at its plan again and run it again, or drain both nodes at once: {}",
        node, if by.is_empty() { "somebody" } else { by.as_str() }, node
    )]
    Overtaken {
        /// The other node.
        node: NodeId,
        /// Who wants that.
        by: String,
    },
    /// Some nodes of a drain were told and one could not be. It and those after it get nothing new
    /// either until something is said to them: drain again (the same nodes may be named), or resume
    /// all of them.
    #[error("the drain {drain} was begun at {} and not at: {node}", list(told))]
    Partly {
        /// The drain.
        drain: DrainId,
        /// The nodes that were told.
        told: Vec<NodeId>,
        /// The node that could not be told.
        node: NodeId,
        /// Why not.
        source: Box<OperateError>,
    },
}

/// At most ten names, and how many more there are.
fn list(nodes: &[NodeId]) -> String {
    if nodes.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<&str> = nodes.iter().take(SHOWN).map(NodeId::as_str).collect();
    let more = nodes.len() - shown.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    shown.join(", ") + &rest
}

const SHOWN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_node_is_told_from_the_known_ones() {
        let node = |at: usize| NodeId::new(format!("n{at}")).expect("legal");
        let check = |count: usize, want: &str| {
            let known = (0..count).map(node).collect();
            let error = OperateError::UnknownNode { node: node(99), known };
            assert_eq!(error.to_string(), want);
        };
        check(0, "no such node, the group's nodes are none: n99");
        check(2, "no such node, the group's nodes are n0, n1: n99");
        check(
            12,
            "no such node, the group's nodes are n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 2 more: n99",
        );
    }
}
