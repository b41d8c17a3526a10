//! Since when things are as they are, from the times at which the store stored their records.

use std::collections::HashMap;

use super::model::Model;
use crate::id::NodeId;
use crate::snapshot::{NodeState, Phase};
use divider_core::time::Time;
use divider_core::view::{Effect, KeyIx, OwnerIx};
use divider_core::wire::LeaseState;

/// When the records of keys were stored that a snapshot of the log showed. It is kept until these keys
/// are shown; from then on each change is seen as it happens.
#[derive(Debug, Default)]
pub(super) struct Ages {
    stored: HashMap<KeyIx, Time>,
}

impl Ages {
    /// The snapshot showed a record. The claim counts, and without one the announcement.
    pub(super) fn on_read(&mut self, effect: &Effect, stored: Time) {
        match effect {
            Effect::Claim(ix, _) => _ = self.stored.insert(*ix, stored),
            Effect::Key(ix) => _ = self.stored.entry(*ix).or_insert(stored),
            _ => {}
        }
    }

    /// The keys of the snapshot are shown.
    pub(super) fn forget(&mut self) {
        self.stored = HashMap::new();
    }
}

impl Model {
    /// Since when a key is as it is, as far as records show that.
    pub(super) fn key_since(&self, ix: KeyIx, node: Option<&NodeId>, phase: Phase) -> Option<Time> {
        let stored = *self.ages.stored.get(&ix)?;
        let entry = self.view.keys.get(ix)?;
        match (phase, node) {
            (Phase::Running | Phase::Quarantined, _) => Some(stored),
            (Phase::Stopping, Some(node)) => {
                let stops = self.view.stops.get(node)?;
                let text = self.view.keys.text(ix)?;
                let stop = stops.record.oldest.iter().find(|stop| stop.key.as_str() == text)?;
                Some(stops.received - std::time::Duration::from_millis(stop.since_ms))
            }
            (Phase::Stopping, None) => None,
            (Phase::Orphaned, _) if entry.claim.owner == OwnerIx::NONE => Some(stored),
            (Phase::Orphaned, _) => self.session_over_since(entry.claim.owner),
        }
    }

    /// Since when a session is over, if its lease record is there.
    fn session_over_since(&self, owner: OwnerIx) -> Option<Time> {
        let owner = self.view.owners.get(owner)?;
        let lease = self.view.leases.get(&owner.node)?;
        if lease.record.session != owner.session {
            return None;
        }
        Some(match lease.record.state {
            LeaseState::Live => lease.received + self.silent_after(&owner.node),
            LeaseState::Ended | LeaseState::Dead => lease.received,
        })
    }

    /// Since when a node is in a state, as far as records show that.
    pub(super) fn state_since(&self, node: &NodeId, state: NodeState) -> Option<Time> {
        match state {
            NodeState::Lost | NodeState::Away => {
                let session = self.view.current(node)?;
                self.session_over_since(session)
            }
            NodeState::Late => {
                let lease = self.view.leases.get(node)?;
                Some(lease.received + self.late_after(node))
            }
            NodeState::Draining | NodeState::Cordoned | NodeState::Absent => {
                Some(self.view.controls.get(node)?.received)
            }
            // Its own change of state is seen, unless this is the first look at it.
            _ if self.snapshot.nodes.contains_key(node) => None,
            _ => Some(self.view.members.get(node)?.received),
        }
    }
}
