//! The history of drains, because a claim does not name the owner before.

use std::collections::{BTreeMap, HashMap};

use crate::id::{NodeId, Session};
use crate::key::Key;
use divider_core::wire::ControlRecord;

/// The drains that go on or have finished, by node.
#[derive(Debug, Default)]
pub(super) struct Drains {
    by_node: BTreeMap<NodeId, Drain>,
    /// Keys that left a draining node and have no owner since.
    adrift: HashMap<Key, NodeId>,
}

#[derive(Debug)]
struct Drain {
    id: Option<String>,
    from: u64,
    adrift: u64,
    taken_over: u64,
    /// The node's session, and how many keys left it since its last heartbeat that this viewer saw.
    session: Option<Session>,
    unproved: u64,
}

impl Drains {
    /// Follows a drain of a node that has this many keys. Returns how many it had at the beginning of
    /// the drain, how many of its keys have no owner, and how many were taken over.
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

    /// A key left a node whose session lives, as far as this viewer knows.
    pub(super) fn on_given(&mut self, node: &NodeId) {
        if let Some(drain) = self.by_node.get_mut(node) {
            drain.unproved += 1;
        }
    }

    /// The lease of a node shows that this session lives, or how it ended. The node itself gave away
    /// the keys that left it before. If the record of the end was replaced before the viewer saw it,
    /// that is unknown.
    pub(super) fn on_lease(&mut self, node: &NodeId, session: Session) {
        let Some(drain) = self.by_node.get_mut(node) else { return };
        let unproved = std::mem::take(&mut drain.unproved);
        if drain.session.replace(session).is_some_and(|before| before != session) {
            drain.taken_over += unproved;
        }
    }

    /// Another node took a key because the session of this node was over.
    pub(super) fn on_taken_over(&mut self, node: &NodeId) {
        if let Some(drain) = self.by_node.get_mut(node) {
            drain.taken_over += 1;
        }
    }

    /// The node does not drain (any more).
    pub(super) fn on_no_drain(&mut self, node: &NodeId) {
        if self.by_node.remove(node).is_some() {
            self.adrift.retain(|_, from| from != node);
        }
    }

    /// A key of this node has no owner now.
    pub(super) fn on_orphan(&mut self, key: &Key, from: &NodeId) -> Option<NodeId> {
        let drain = self.by_node.get_mut(from)?;
        let before = self.adrift.insert(key.clone(), from.clone());
        drain.adrift += u64::from(before.is_none());
        Some(from.clone())
    }

    /// A key has an owner or is gone. Returns the node whose drain had left it without an owner.
    pub(super) fn on_settled(&mut self, key: &Key) -> Option<NodeId> {
        let from = self.adrift.remove(key)?;
        if let Some(drain) = self.by_node.get_mut(&from) {
            drain.adrift -= 1;
        }
        Some(from)
    }
}
