//! The errors of announcers and operators.

use crate::id::NodeId;
use crate::key::Key;
use crate::store::StoreError;
use divider_core::wire::Malformed;

use super::DrainId;

/// Keys were not announced or retracted, or not all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnnounceError {
    /// The store refused this key, or did not answer 16 attempts.
    ///
    /// `acked` keys are durable. Keys after this one may or may not be; no further ones were sent.
    /// Repeat the whole call when the cause is gone: announcing and retracting again is harmless.
    #[error("the store did not take a key, after it had acknowledged {acked}: {key}")]
    NotTaken {
        /// The first key that failed, in the order of the call.
        key: Key,
        /// How many keys were acknowledged, at any position.
        acked: u64,
        /// The last error of the store.
        source: StoreError,
    },
    /// The existing keys could not be read. Nothing was changed.
    #[error("the keys of the group could not be read")]
    Unread {
        /// The last error of the store.
        #[from]
        source: StoreError,
    },
    /// A listed key does not start with the prefix. Nothing was changed.
    #[error("a key is not under the prefix {prefix:?}: {key}")]
    OutsidePrefix {
        /// The prefix.
        prefix: String,
        /// The first such key.
        key: Key,
    },
    /// The list is empty, and keys would be retracted. Nothing was changed. If this is intended, use
    /// [`ReconcileOptions::allow_empty`](super::ReconcileOptions::allow_empty).
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
    /// More keys would be retracted than are allowed at once. Nothing was changed. Check the list. If
    /// it is right, allow more with
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
        /// How many keys exist.
        existing: u64,
        /// How many may be retracted.
        most: u64,
    },
}

/// An operator's request was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperateError {
    /// The node is no member and has no control record. Nothing was changed.
    #[error("no such node, the group's nodes are {}: {node}", list(known))]
    UnknownNode {
        /// The node in the request.
        node: NodeId,
        /// The members.
        known: Vec<NodeId>,
    },
    /// A drain without nodes. Nothing was changed.
    #[error("a drain needs at least one node")]
    NoNode,
    /// The node does not drain, so its drain cannot be paused or continued. Nothing was changed.
    #[error("the node is not draining: {node}")]
    NotDraining {
        /// The node.
        node: NodeId,
    },
    /// A text is too long for the record. Nothing was changed.
    #[error("{what} is too long, at most {most} bytes: {len}")]
    TooLong {
        /// The name of the text.
        what: &'static str,
        /// The limit in bytes.
        most: usize,
        /// Its length in bytes.
        len: usize,
    },
    /// The existing record is unreadable, so it is not overwritten. A newer version of this library may
    /// have written it: use that version, or delete the record by hand.
    #[error("the record that is there cannot be read: {name}")]
    Malformed {
        /// The record's name.
        name: String,
        /// What is wrong with the record.
        source: Malformed,
    },
    /// The group has another protocol. Nothing was changed.
    #[error("the group speaks another protocol, this version speaks 1: {found}")]
    Protocol {
        /// The group's protocol.
        found: u32,
    },
    /// The watch is not complete (yet, or since it lost the store), so there is no preview. Wait for a
    /// complete snapshot.
    #[error("the group is not read completely")]
    Incomplete,
    /// Other clients kept changing the record. Nothing was changed. Try again.
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
        /// The last error of the store.
        source: StoreError,
    },
    /// The drain was based on a preview, and another node was drained or cordoned between the preview
    /// and this drain. Keys would go elsewhere, or nowhere. The drain was taken back. Look at a new
    /// preview and drain again, or drain both nodes in one call.
    #[error(
        "the plan does not hold any more, {} is draining or cordoned by {} since it was made; this \
         drain was taken back, look at its plan again and run it again, or drain both nodes at once: {}",
        node, if by.is_empty() { "somebody" } else { by.as_str() }, node
    )]
    Overtaken {
        /// The other node.
        node: NodeId,
        /// Who drained or cordoned it.
        by: String,
    },
    /// The request was recorded for some nodes of a drain and failed for one. That node and those after
    /// it get no new keys until another request names them. Drain again (the same nodes are allowed),
    /// or resume all of them.
    #[error("the drain {drain} was begun at {} and not at: {node}", list(told))]
    Partly {
        /// The drain.
        drain: DrainId,
        /// The nodes whose request is recorded.
        told: Vec<NodeId>,
        /// The first node whose request failed.
        node: NodeId,
        /// The cause.
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
