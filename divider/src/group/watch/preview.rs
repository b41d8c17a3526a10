//! Previews: the plan of a request that nobody has made yet.

use std::collections::{BTreeMap, BTreeSet};

use super::model::Model;
use crate::id::NodeId;
use crate::snapshot::{DrainPreview, PlannedMove, RebalancePreview, Receiver, Shift};
use divider_core::time::Now;
use divider_core::view::OwnerIx;

impl Model {
    pub(super) fn preview_drain(&self, now: Now, nodes: &BTreeSet<NodeId>) -> DrainPreview {
        let mut adds: BTreeMap<NodeId, u64> = BTreeMap::new();
        let mut moves = Vec::new();
        for (ix, to) in self.planner.preview_drain(&self.view, now, nodes) {
            let keys = &self.view.keys;
            let (Some(entry), Some(key)) = (keys.get(ix), keys.key(ix)) else { continue };
            let Some(from) = self.node_of(entry.claim.owner) else { continue };
            let to = self.node_of(to);
            if let Some(to) = &to {
                *adds.entry(to.clone()).or_default() += 1;
            }
            moves.push(PlannedMove { key, from, to });
        }
        let without_receiver = moves.iter().filter(|planned| planned.to.is_none()).count() as u64;
        let receiver = |(node, adds): (NodeId, u64)| Receiver {
            now: self.snapshot.node(&node).map_or(0, |status| status.keys),
            adds,
            node,
        };
        let receivers = adds.into_iter().map(receiver).collect();
        DrainPreview { revision: self.view.seen, moves, receivers, without_receiver }
    }

    pub(super) fn preview_rebalance(&self, resumed: &BTreeSet<NodeId>) -> RebalancePreview {
        let mut keys: BTreeMap<(NodeId, NodeId), u64> = BTreeMap::new();
        for (from, to, moved) in self.planner.preview_rebalance(&self.view, resumed) {
            if let (Some(from), Some(to)) = (self.node_of(from), self.node_of(to)) {
                *keys.entry((from, to)).or_default() += moved;
            }
        }
        let shifts = keys.into_iter().map(|((from, to), keys)| Shift { from, to, keys }).collect();
        RebalancePreview { revision: self.view.seen, shifts }
    }

    fn node_of(&self, owner: OwnerIx) -> Option<NodeId> {
        self.view.owners.get(owner).map(|owner| owner.node.clone())
    }
}
