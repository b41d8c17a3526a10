//! Stops that are not confirmed, beyond those that a node names.

use super::model::Model;
use crate::core::view::{KeyIx, OwnerIx};
use crate::id::{NodeId, Token};
use crate::key::Key;

impl Model {
    /// Whether the node says that this key's stop is not confirmed: it names it, or it stops
    /// everything it has.
    pub(super) fn is_unconfirmed(&self, owner: &NodeId, ix: KeyIx, token: Token) -> bool {
        let is = |key: &Key| self.view.keys.text(ix) == Some(key.as_str());
        self.stop_all.contains(owner)
            || self.view.stops.get(owner).is_some_and(|stops| {
                stops.record.oldest.iter().any(|stop| stop.token == token && is(&stop.key))
            })
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
        let all = stops.count > stops.oldest.len() as u64 && stops.count >= keys && keys > 0;
        (all && self.planner.is_member(owner)).then_some(owner)
    }
}
