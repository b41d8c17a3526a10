//! Judging how far a drain is: pure, so that it can be tested without one.

use std::collections::HashMap;

use divider::snapshot::{NodeState, NodeStatus, Snapshot};
use divider::wire::Mode;
use divider::{Key, NodeId};

use super::left::{LeftKey, left_of};
use crate::contract::Viewer;
use crate::output::{age, count};

/// The nodes of a drain, and the keys that it is to move.
pub(super) struct Monitor {
    nodes: Vec<Tracked>,
    /// The drain's name; none where any drain of these nodes is meant.
    drain: Option<String>,
    /// Where each key was that the plan moves. All of them need an owner elsewhere.
    planned: HashMap<Key, NodeId>,
    /// Whether keys that nobody else may take are freed by now.
    freed: bool,
}

/// One node of a drain.
struct Tracked {
    node: NodeId,
    /// How many keys it had.
    from: u64,
    /// Whether its drain was seen: before, it is in whatever state it was.
    begun: bool,
    drained: bool,
}

/// What a snapshot shows of one node that it did not show before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// It is drained; it had so many keys.
    Drained(NodeId, u64),
    /// Somebody said something else of it.
    Undone(NodeId),
}

impl Monitor {
    /// A drain that was begun from here, by its plan.
    pub(super) fn new(
        nodes: &[NodeId],
        drain: Option<String>,
        planned: HashMap<Key, NodeId>,
    ) -> Self {
        let from = |node: &NodeId| planned.values().filter(|from| *from == node).count() as u64;
        let tracked = |node: &NodeId| Tracked {
            node: node.clone(),
            from: from(node),
            begun: false,
            drained: false,
        };
        let nodes = nodes.iter().map(tracked).collect();
        Self { nodes, drain, planned, freed: false }
    }

    /// The deadline is over, and what nobody else may take is nobody's.
    pub(super) fn on_freed(&mut self) {
        self.freed = true;
    }

    /// Looks at a complete snapshot.
    pub(super) fn on_snapshot(&mut self, snapshot: &Snapshot) -> Vec<News> {
        let mut news = Vec::new();
        let mut nodes = std::mem::take(&mut self.nodes);
        for tracked in nodes.iter_mut().filter(|tracked| !tracked.drained) {
            let status = snapshot.node(&tracked.node);
            let Some(status) = status.filter(|status| self.is_meant(status)) else {
                if tracked.begun {
                    news.push(News::Undone(tracked.node.clone()));
                }
                continue;
            };
            tracked.begun = true;
            tracked.from = tracked.from.max(status.wish.as_ref().map_or(0, |w| w.drained_from));
            if self.is_drained(status, snapshot) {
                tracked.drained = true;
                news.push(News::Drained(tracked.node.clone(), tracked.from));
            }
        }
        self.nodes = nodes;
        news
    }

    /// Whether every node is drained.
    pub(super) fn is_done(&self) -> bool {
        self.nodes.iter().all(|tracked| tracked.drained)
    }

    pub(super) fn is_node_drained(&self, node: &NodeId) -> bool {
        self.nodes.iter().any(|tracked| tracked.node == *node && tracked.drained)
    }

    /// How far it is, in one line.
    pub(super) fn line(&self, snapshot: &Snapshot, viewer: &Viewer) -> String {
        let of: u64 = self.nodes.iter().map(|tracked| tracked.from).sum();
        let status = |tracked: &Tracked| snapshot.node(&tracked.node);
        let undone = || self.nodes.iter().filter(|tracked| !tracked.drained).filter_map(status);
        let left: u64 = undone().map(|status| status.keys).sum();
        let stopping: u64 = undone().map(|status| status.stopping).sum();
        // What left a node and nobody has is on its way, and not there.
        let adrift = |status: &NodeStatus| status.wish.as_ref().map_or(0, |wish| wish.adrift);
        let adrift: u64 = undone().map(adrift).sum();
        let moved = of.saturating_sub(left + adrift);
        let percent = moved * 100 / of.max(1);
        let mut line =
            format!("{moved} of {of} moved, {stopping} stopping, {left} left ({percent}%)");
        if adrift > 0 {
            line = format!("{line}, {adrift} without an owner");
        }
        let stops = undone().filter_map(|s| s.unconfirmed.oldest.first().map(|stop| (s, stop)));
        let oldest = stops.min_by_key(|(_, stop)| stop.told).map(|(status, stop)| {
            let span = age(viewer.anchor.moment().since(stop.told));
            format!("; oldest stop not confirmed: {} on {}, {span}", stop.key, status.node)
        });
        let paused = undone().any(|status| status.wish.as_ref().is_some_and(|wish| wish.paused));
        line + &oldest.unwrap_or_default() + if paused { "; paused" } else { "" }
    }

    /// What is left of every node that is not drained.
    pub(super) fn left(&self, snapshot: &Snapshot, viewer: &Viewer) -> Vec<LeftKey> {
        let undone = self.nodes.iter().filter(|tracked| !tracked.drained);
        let status = undone.filter_map(|tracked| snapshot.node(&tracked.node));
        status.flat_map(|status| left_of(status, &self.planned, snapshot, viewer)).collect()
    }

    /// What is left in one sentence.
    pub(super) fn left_words(&self, left: &[LeftKey]) -> String {
        let undone = self.nodes.iter().filter(|tracked| !tracked.drained);
        let each = undone.map(|tracked| {
            let keys = left.iter().filter(|key| key.node == tracked.node.as_str()).count();
            format!("node/{} {}", tracked.node, count(keys as u64, "key"))
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// Whether the node's wish is the drain that is watched.
    fn is_meant(&self, status: &NodeStatus) -> bool {
        let wish = status.wish.as_ref().filter(|wish| wish.mode == Mode::Drain);
        wish.is_some_and(|wish| self.drain.is_none() || wish.drain_id == self.drain)
    }

    /// No claim names it, it stops nothing, and what it had has live owners elsewhere.
    fn is_drained(&self, status: &NodeStatus, snapshot: &Snapshot) -> bool {
        let adrift = status.wish.as_ref().map_or(0, |wish| wish.adrift);
        let is_gone = status.state == NodeState::Absent && status.keys == 0 && adrift == 0;
        let is_empty = is_gone || status.state == NodeState::Drained;
        is_empty
            && self
                .planned
                .iter()
                .filter(|(_, from)| **from == status.node)
                .all(|(key, _)| self.is_settled(key, &status.node, snapshot))
    }

    /// Whether a key has a live owner elsewhere, or exists no more.
    fn is_settled(&self, key: &Key, from: &NodeId, snapshot: &Snapshot) -> bool {
        let Some(status) = snapshot.key(key) else { return true };
        let Some(owner) = &status.owner else { return self.freed };
        let is_live = snapshot.node(owner).is_some_and(|node| node.state != NodeState::Lost);
        owner != from && is_live
    }
}
