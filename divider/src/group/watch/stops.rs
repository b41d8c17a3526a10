//! Unconfirmed stops, beyond those that a node lists.

use super::model::Model;
use crate::id::NodeId;
use divider_core::view::{Claim, KeyIx, OwnerIx};
use divider_core::wire::OldestStop;

impl Model {
    /// Whether the owner's session lists the stop of this key as unconfirmed, or stops all its keys.
    /// Records of the node's earlier sessions do not count.
    pub(super) fn is_unconfirmed(&self, node: &NodeId, ix: KeyIx, claim: &Claim) -> bool {
        if self.stop_all.contains(node) {
            return true;
        }
        let Some(stops) = self.view.stops.get(node).map(|stops| &stops.record) else {
            return false;
        };
        let is = |stop: &OldestStop| {
            stop.token == claim.token && self.view.keys.text(ix) == Some(stop.key.as_str())
        };
        self.view.owners.find(node, stops.session) == Some(claim.owner)
            && stops.oldest.iter().any(is)
    }

    /// Finds which of the changed nodes stop all their keys. That changes the phases of all these keys.
    pub(super) fn mark_stops(&mut self) {
        for node in &self.dirty_nodes {
            let session = self.stops_all(node);
            if session.is_some() == self.stop_all.contains(node) {
                continue;
            }
            let known = session.or_else(|| self.view.current(node));
            let keys = known.and_then(|owner| self.view.owners.get(owner)).map(|o| &o.keys[..]);
            self.dirty_keys.extend(keys.unwrap_or_default().iter().copied());
            match session {
                Some(_) => _ = self.stop_all.insert(node.clone()),
                None => _ = self.stop_all.remove(node),
            }
        }
    }

    /// The session of a node that has more stops than it can list, and at least as many as keys.
    fn stops_all(&self, node: &NodeId) -> Option<OwnerIx> {
        let stops = &self.view.stops.get(node)?.record;
        let owner = self.view.owners.find(node, stops.session)?;
        let keys = self.view.owners.get(owner)?.keys.len() as u64;
        let waiting = stops.count.saturating_sub(stops.given);
        let all = stops.count > stops.oldest.len() as u64 && waiting >= keys && keys > 0;
        (all && self.planner.is_member(owner)).then_some(owner)
    }
}
