//! What a viewer remembers of drains: a claim does not say whom it came from.

use std::collections::{BTreeMap, HashMap};

use crate::id::{NodeId, Session};
use crate::key::Key;
use divider_core::wire::ControlRecord;

/// The drains that go on or are done, by node.
#[derive(Debug, Default)]
pub(super) struct Drains {
    by_node: BTreeMap<NodeId, Drain>,
    /// The keys that left a draining node and that nobody has since.
    adrift: HashMap<Key, NodeId>,
}

#[derive(Debug)]
struct Drain {
    id: Option<String>,
    from: u64,
    adrift: u64,
    taken_over: u64,
    /// The node's session, and how many keys left it since its last heartbeat that was seen.
    session: Option<Session>,
    unproved: u64,
}

impl Drains {
    /// A node is drained; it has this many keys. Says how many it had at the drain's beginning, how
    /// many are adrift, and how many were taken over.
    pub(super) fn on_drain(
        &mut self,
        node: &NodeId,
        desired: &ControlRecord,
        keys: u64,
        session: Option<Session>,
    ) -> (u64, u64, u64) {
        let fresh = || Drain {
            id: desired.drain_id.clone(),
            from: keys,
            adrift: 0,
            taken_over: 0,
            session,
            unproved: 0,
        };
        let drain = self.by_node.entry(node.clone()).or_insert_with(fresh);
        if drain.id != desired.drain_id {
            *drain = Drain { adrift: drain.adrift, ..fresh() };
        }
        (drain.from, drain.adrift, drain.taken_over)
    }

    /// A key left a node whose session lives, as far as is known.
    pub(super) fn on_given(&mut self, node: &NodeId) {
        if let Some(drain) = self.by_node.get_mut(node) {
            drain.unproved += 1;
        }
    }

    /// A node's lease shows that this session lives, or how it ended. What left it before it gave away
    /// itself. Where the record of its end was replaced unseen, that is not known.
    pub(super) fn on_lease(&mut self, node: &NodeId, session: Session) {
        let Some(drain) = self.by_node.get_mut(node) else { return };
        let unproved = std::mem::take(&mut drain.unproved);
        if drain.session.replace(session).is_some_and(|before| before != session) {
            drain.taken_over += unproved;
        }
    }

    /// A key of a node was taken by another since its session was over.
    pub(super) fn on_taken_over(&mut self, node: &NodeId) {
        if let Some(drain) = self.by_node.get_mut(node) {
            drain.taken_over += 1;
        }
    }

    /// A node is not drained (any more).
    pub(super) fn on_no_drain(&mut self, node: &NodeId) {
        if self.by_node.remove(node).is_some() {
            self.adrift.retain(|_, from| from != node);
        }
    }

    /// A key has no owner; it was this node's.
    pub(super) fn on_orphan(&mut self, key: &Key, from: &NodeId) -> Option<NodeId> {
        let drain = self.by_node.get_mut(from)?;
        let before = self.adrift.insert(key.clone(), from.clone());
        drain.adrift += u64::from(before.is_none());
        Some(from.clone())
    }

    /// A key has an owner, or is gone: the drain that had set it adrift, if one had.
    pub(super) fn on_settled(&mut self, key: &Key) -> Option<NodeId> {
        let from = self.adrift.remove(key)?;
        if let Some(drain) = self.by_node.get_mut(&from) {
            drain.adrift -= 1;
        }
        Some(from)
    }
}
