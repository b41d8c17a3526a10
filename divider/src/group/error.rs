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
    /// `acked` keys are durable, those behind this one may or may not be; no further ones were sent.
    /// Announcing and retracting again is harmless: do the whole once more when the reason is gone.
    #[error("the store refused a key after {acked} acknowledged keys: {key}")]
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
         was changed (allow it explicitly)"
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
        "{retracted} of the {existing} keys under the prefix {prefix:?} would be retracted, the \
         limit is {most}; nothing was changed (raise the limit explicitly)"
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
    /// The node is a member, so it cannot be forgotten. Nothing was changed.
    #[error("the node is a member of the group, end its process first: {node}")]
    Present {
        /// The node.
        node: NodeId,
    },
    /// No claim of the key is on record: it does not exist, or nobody has taken it yet. Nothing was
    /// changed.
    #[error("no such key, or it never had an owner: {key}")]
    NoSuchKey {
        /// The key in the request.
        key: Key,
    },
    /// The key has no owner, so that nobody can hand it over. Nothing was changed.
    #[error("the key has no owner: {key}")]
    NotOwned {
        /// The key in the request.
        key: Key,
    },
    /// The key is not in quarantine, so there is nothing to retry. Nothing was changed.
    #[error("the key is not in quarantine: {key}")]
    NotQuarantined {
        /// The key in the request.
        key: Key,
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
    /// The existing record cannot be read, so it is not written over. A newer version of this
    /// library may have written it: use that, or delete the record by hand.
    #[error("the existing record cannot be read: {name}")]
    Malformed {
        /// The record's name.
        name: String,
        /// What is wrong with the record.
        source: Malformed,
    },
    /// The group uses another protocol version; nothing was changed.
    #[error("the group uses another protocol version, this build supports 1: {found}")]
    Protocol {
        /// The group's protocol.
        found: u32,
    },
    /// A watch has not read everything (yet, or since it lost the store), so it previews nothing.
    /// Wait for a complete snapshot.
    #[error("the group has not been read completely")]
    Incomplete,
    /// Others kept changing the record; nothing was changed. Try again.
    #[error("the record kept changing: {name}")]
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
        "the plan is outdated: {node} was drained or cordoned by {}; this drain was cancelled, review \
         the new plan, or drain both nodes in one command",
        if by.is_empty() { "somebody" } else { by.as_str() }
    )]
    Overtaken {
        /// The other node.
        node: NodeId,
        /// Who drained or cordoned it.
        by: String,
    },
    /// Some nodes of a drain were told and one could not be. It and those after it get nothing new
    /// either until something is said to them: drain again (the same nodes may be named), or resume
    /// all of them.
    #[error("drain {drain} started on {}, but not on: {node}", list(told))]
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
