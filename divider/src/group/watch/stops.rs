//! Stops that are not confirmed, beyond those that a node names.

use super::model::Model;
use crate::id::NodeId;
use divider_core::view::{Claim, KeyIx, OwnerIx};
use divider_core::wire::OldestStop;

impl Model {
    /// Whether the session that has this key says that its stop is not confirmed: it names it, or it
    /// stops everything it has. What the node's session before said is over with it.
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

    /// Notes which of the nodes that changed stop everything they have: with that, all their keys'
    /// phases are other ones.
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

    /// The session of a node that has more stops than it can name, and no fewer than keys.
    fn stops_all(&self, node: &NodeId) -> Option<OwnerIx> {
        let stops = &self.view.stops.get(node)?.record;
        let owner = self.view.owners.find(node, stops.session)?;
        let keys = self.view.owners.get(owner)?.keys.len() as u64;
        let waiting = stops.count.saturating_sub(stops.given);
        let all = stops.count > stops.oldest.len() as u64 && waiting >= keys && keys > 0;
        (all && self.planner.is_member(owner)).then_some(owner)
    }
}
