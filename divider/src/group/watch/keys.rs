//! The states of keys.

use std::sync::Arc;

use super::model::Model;
use crate::id::{NodeId, Token};
use crate::key::Key;
use crate::snapshot::{Changed, KeyStatus, Moment, NodeState, NodeStatus, Phase, Quarantine};
use divider_core::time::Now;
use divider_core::view::{KeyIx, OwnerIx};

impl Model {
    pub(super) fn publish_keys(&mut self, now: Now, changed: &mut Changed) {
        let orphaned = self.snapshot.counts.orphaned;
        for ix in std::mem::take(&mut self.dirty_keys) {
            let Some(key) = self.view.keys.key(ix) else { continue };
            let status = self.key_status(ix, now);
            if self.show_key(&key, status) {
                changed.keys.push(key);
            }
            self.view.keys.forget_if_idle(ix);
        }
        changed.keys.sort_unstable();
        if (orphaned == 0) != (self.snapshot.counts.orphaned == 0) {
            // The number of orphans decides whether a drain that freed keys has finished.
            let done =
                |node: &NodeStatus| matches!(node.state, NodeState::Drained | NodeState::Emptied);
            let nodes = self.snapshot.nodes.values().filter(|node| done(node));
            self.dirty_nodes.extend(nodes.map(|node| node.node.clone()));
        }
        self.snapshot.counts.unplaced = self.planner.unplaced() as u64;
    }

    /// Puts the status of a key into the snapshot. Returns whether it differs.
    fn show_key(&mut self, key: &Key, status: Option<KeyStatus>) -> bool {
        let before = self.snapshot.keys.get(key);
        let status = status.map(|status| match before {
            Some(before) if before.is_same_state(&status) => {
                KeyStatus { since: before.since, ..status }
            }
            _ => status,
        });
        if before == status.as_ref() {
            return false;
        }
        let had = before.and_then(|before| before.owner.clone());
        let phases = (before.map(|before| before.phase), status.as_ref().map(|now| now.phase));
        self.count(phases.0, phases.1);
        let touched = match phases.1 {
            Some(Phase::Orphaned) => had.and_then(|had| self.drains.on_orphan(key, &had)),
            _ => self.drains.on_settled(key),
        };
        self.dirty_nodes.extend(touched);
        match status {
            Some(status) => self.snapshot.keys.insert(key.clone(), status),
            None => self.snapshot.keys.remove(key),
        };
        true
    }

    fn count(&mut self, before: Option<Phase>, now: Option<Phase>) {
        if let Some(before) = before {
            *self.snapshot.counts.of(before) -= 1;
        }
        if let Some(now) = now {
            *self.snapshot.counts.of(now) += 1;
        }
    }

    /// The status of a key. `None`: it neither exists nor has a live owner.
    fn key_status(&self, ix: KeyIx, now: Now) -> Option<KeyStatus> {
        let entry = self.view.keys.get(ix)?;
        let claim = &entry.claim;
        let owner = self.live(claim.owner);
        if !entry.exists() && owner.is_none() {
            return None;
        }
        let quarantine = self.quarantine(ix);
        let phase = match &owner {
            None if quarantine.is_some() => Phase::Quarantined,
            None => Phase::Orphaned,
            Some(_) if !entry.exists() => Phase::Stopping,
            Some(owner) if self.is_unconfirmed(owner, ix, claim) => Phase::Stopping,
            Some(_) => Phase::Running,
        };
        let since = self.key_since(ix, owner.as_ref(), phase);
        Some(KeyStatus {
            owner,
            phase,
            to: self.live(entry.target).or_else(|| self.away(claim.owner)),
            token: if claim.exists { claim.token } else { Token::default() },
            quarantine,
            revision: claim.revision,
            since: Moment(since.unwrap_or(now.at).min(now.at)),
        })
    }

    fn quarantine(&self, ix: KeyIx) -> Option<Arc<Quarantine>> {
        let found = self.view.keys.quarantine(ix)?;
        let (failed, node) = (self.view.keys.failed(ix), found.node.clone());
        let mut quarantine = Quarantine::new(&found.reason, node, found.at_ms);
        (quarantine.attempts, quarantine.runs) = (failed.attempts, failed.runs);
        Some(Arc::new(quarantine))
    }

    /// The node of the session, if that is over and its keys wait for the node.
    fn away(&self, owner: OwnerIx) -> Option<NodeId> {
        let entry = self.view.owners.get(owner).filter(|_| self.planner.is_member(owner))?;
        let waits = self.planner.standings().get(&entry.node).is_some_and(|s| s.away && !s.departs);
        (waits && self.over.contains(&entry.node)).then(|| entry.node.clone())
    }

    /// The node of the session, if that is a member's current one and not over.
    fn live(&self, owner: OwnerIx) -> Option<NodeId> {
        let entry = self.view.owners.get(owner).filter(|_| self.planner.is_member(owner))?;
        (!self.over.contains(&entry.node)).then(|| entry.node.clone())
    }
}
