//! Nodes that are gone, as their lease records show for a day.

use std::sync::Arc;

use super::model::Model;
use crate::id::NodeId;
use crate::snapshot::{GoneNode, Moment, NodeEnd};
use divider_core::wire::{LeaseRecord, LeaseState};

impl Model {
    /// The lease of a node changed. Whether the list of gone nodes may differ.
    pub(super) fn note_end(&mut self, node: &NodeId) -> bool {
        let state = self.view.leases.get(node).map(|lease| lease.record.state);
        match state {
            Some(LeaseState::Live) => self.keys_at_end.remove(node).is_some(),
            Some(LeaseState::Dead | LeaseState::Ended) => {
                // The snapshot still shows the node as it was before.
                if let Some(status) = self.snapshot.node(node) {
                    self.keys_at_end.entry(node.clone()).or_insert(status.keys);
                }
                true
            }
            None => true,
        }
    }

    /// Updates the list of gone nodes. Returns whether it differs.
    pub(super) fn publish_gone(&mut self) -> bool {
        let leases = self.view.leases.iter();
        let gone = leases.filter(|(node, _)| !self.view.members.contains_key(*node));
        let gone = gone.filter_map(|(node, lease)| {
            let mut gone =
                GoneNode::new(node.clone(), end_of(&lease.record)?, Moment(lease.received));
            gone.keys = self.keys_at_end.get(node).copied();
            Some(gone)
        });
        let mut gone: Vec<GoneNode> = gone.collect();
        gone.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.node.cmp(&b.node)));
        let differs = *self.snapshot.gone != gone;
        if differs {
            self.snapshot.gone = Arc::new(gone);
        }
        differs
    }
}

/// How the session of a lease ended, if it did.
fn end_of(lease: &LeaseRecord) -> Option<NodeEnd> {
    match lease.state {
        LeaseState::Live => None,
        LeaseState::Ended => Some(NodeEnd::Left),
        LeaseState::Dead => Some(NodeEnd::Died { by: lease.by.clone() }),
    }
}
