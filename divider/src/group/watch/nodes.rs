//! Showing nodes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::judge::Pulse;
use super::model::Model;
use crate::id::{NodeId, Revision};
use crate::snapshot::{
    Changed, DesiredState, Moment, NodeState, NodeStatus, Unconfirmed, UnconfirmedStop,
};
use divider_core::time::{Now, Time};
use divider_core::view::{KeyEntry, OwnerIx};
use divider_core::wire::{LeaseState, Mode};

/// The share of each session by affinity, in thousandths of a key.
type Targets = HashMap<OwnerIx, u128>;

impl Model {
    /// Marks the nodes whose state changes by time.
    pub(super) fn mark_due(&mut self, judged: Now) {
        while let Some((_, node)) = self.due.first().filter(|(at, _)| *at <= judged.at).cloned() {
            self.set_due(&node, None);
            self.dirty_nodes.insert(node);
        }
    }

    /// Finds which of the changed nodes are over. That changes the phases of all their keys.
    pub(super) fn mark_over(&mut self, judged: Now) {
        for node in &self.dirty_nodes {
            let is_member = self.view.members.contains_key(node);
            let over = is_member
                && matches!(self.pulse(node, judged), Pulse::Over | Pulse::Silent | Pulse::None);
            if over == self.over.contains(node) {
                continue;
            }
            let owner = self.view.current(node).and_then(|owner| self.view.owners.get(owner));
            let keys = owner.map_or(&[][..], |owner| &owner.keys[..]);
            self.dirty_keys.extend(keys.iter().copied());
            if over {
                self.over.insert(node.clone());
            } else {
                self.over.remove(node);
            }
        }
    }

    /// Shows the changed nodes, by what was heard up to `judged`.
    pub(super) fn publish_nodes(&mut self, now: Now, judged: Now, changed: &mut Changed) {
        if self.dirty_nodes.is_empty() {
            return;
        }
        let targets = self.targets();
        for node in std::mem::take(&mut self.dirty_nodes) {
            let status = self.node_status(&node, (now, judged), &targets);
            if self.show_node(&node, status) {
                changed.nodes.push(node);
            }
        }
    }

    /// Puts the status of a node into the snapshot. Returns whether it differs.
    fn show_node(&mut self, node: &NodeId, status: Option<NodeStatus>) -> bool {
        let before = self.snapshot.nodes.get(node);
        let status = status.map(|status| match before {
            Some(before) if before.state == status.state => {
                NodeStatus { since: before.since, ..status }
            }
            _ => status,
        });
        if before.map(|before| &**before) == status.as_ref() {
            return false;
        }
        match status {
            Some(status) => self.snapshot.nodes.insert(node.clone(), Arc::new(status)),
            None => self.snapshot.nodes.remove(node),
        };
        true
    }

    /// Marks the nodes whose target differs from the one shown.
    pub(super) fn mark_targets(&mut self) {
        let targets = self.targets();
        let is_other = |(node, shown): &(&NodeId, &Arc<NodeStatus>)| {
            self.view.current(node).map_or(0, |owner| rounded(&targets, owner)) != shown.target
        };
        let other = self.snapshot.nodes.iter().filter(is_other).map(|(node, _)| node.clone());
        let other: BTreeSet<NodeId> = other.collect();
        self.dirty_nodes.extend(other);
    }

    fn targets(&self) -> Targets {
        let mut targets = Targets::new();
        for (owner, share) in self.planner.classes().targets() {
            *targets.entry(owner).or_default() += share;
        }
        targets
    }

    /// The status of a node. `None`: it is over and has left nothing behind.
    fn node_status(
        &mut self,
        node: &NodeId,
        (now, judged): (Now, Now),
        targets: &Targets,
    ) -> Option<NodeStatus> {
        let pulse = self.pulse(node, judged);
        self.set_due(node, pulse.due());
        let mut status = NodeStatus::new(node.clone(), NodeState::Absent, Moment(now.at));
        self.fill_from_member(&mut status, targets);
        self.fill_from_lease(&mut status);
        self.fill_from_stops(&mut status);
        status.desired = self.desired(&status);
        status.state = self.judge(&status, pulse, now)?;
        if let Some(since) = self.state_since(node, status.state) {
            status.since = Moment(since.min(now.at));
        }
        Some(status)
    }

    fn fill_from_member(&self, status: &mut NodeStatus, targets: &Targets) {
        let Some(member) = self.view.members.get(&status.node) else {
            status.keys = self.left_behind(&status.node);
            return;
        };
        let owner = self.view.current(&status.node);
        let member = &member.record;
        status.session = Some(member.session);
        status.joined = member.joined;
        status.affinity = member.affinity;
        status.balanced = member.balanced;
        status.away = member.away();
        status.rollout = member.rollout;
        status.lease = Duration::from_millis(member.lease_ms);
        status.prefixes.clone_from(&member.prefixes);
        status.labels.clone_from(&member.labels);
        status.host.clone_from(&member.host);
        status.build.clone_from(&member.build);
        let standing = self.planner.standings().get(&status.node);
        status.effective_affinity = standing.map_or(0, |standing| standing.affinity);
        let session = owner.and_then(|owner| self.view.owners.get(owner));
        status.keys = session.map_or(0, |session| session.keys.len() as u64);
        status.target = owner.map_or(0, |owner| rounded(targets, owner));
    }

    fn fill_from_lease(&self, status: &mut NodeStatus) {
        let Some(lease) = self.view.leases.get(&status.node) else { return };
        if status.session.is_some_and(|session| session != lease.record.session) {
            return;
        }
        status.session = Some(lease.record.session);
        status.held = lease.record.held;
        status.stopping = lease.record.stopping;
        status.left = lease.record.state == LeaseState::Ended && lease.record.stopping == 0;
        status.seen = lease.record.seen;
        status.lease = Duration::from_millis(lease.record.lease_ms);
        status.last_beat = Some(Moment(lease.received));
    }

    fn fill_from_stops(&self, status: &mut NodeStatus) {
        let Some(stops) = self.view.stops.get(&status.node) else { return };
        if status.session != Some(stops.record.session) {
            return;
        }
        let stop = |stop: &divider_core::wire::OldestStop| UnconfirmedStop {
            key: stop.key.clone(),
            token: stop.token,
            told: Moment(stops.received - Duration::from_millis(stop.since_ms)),
            given: stop.given,
        };
        let owner = self.view.owners.find(&status.node, stops.record.session);
        let stands = |stop: &&divider_core::wire::OldestStop| {
            let entry = self.view.keys.find(&stop.key).and_then(|ix| self.view.keys.get(ix));
            let is_its =
                entry.is_some_and(|e| Some(e.claim.owner) == owner && e.claim.token == stop.token);
            is_its || stop.given
        };
        // The record is written with a heartbeat. A key that the node gave away since then is
        // confirmed, unless the record lists it as given away unconfirmed.
        let oldest: Vec<_> = stops.record.oldest.iter().filter(stands).map(stop).collect();
        let gone = (stops.record.oldest.len() - oldest.len()) as u64;
        let given = stops.record.given.min(stops.record.count);
        let waiting = (stops.record.count - given).saturating_sub(gone).min(status.keys);
        status.unconfirmed = Unconfirmed { count: waiting + given, given, oldest };
    }

    fn desired(&mut self, status: &NodeStatus) -> Option<DesiredState> {
        let Some(control) = self.view.controls.get(&status.node) else {
            self.drains.on_no_drain(&status.node);
            return None;
        };
        let (drained_from, adrift, taken_over) = if control.record.mode == Mode::Drain {
            self.drains.on_drain(&status.node, &control.record, status.keys, status.session)
        } else {
            self.drains.on_no_drain(&status.node);
            (0, 0, 0)
        };
        let (record, revision) = (&control.record, control.revision);
        if record.mode == Mode::Active && record.affinity.is_none() && record.at_ms == 0 {
            // It only lists moves of keys: nothing is requested of the node.
            return None;
        }
        Some(DesiredState {
            mode: record.mode,
            affinity: record.affinity,
            by: record.by.clone(),
            reason: record.reason.clone(),
            at_ms: record.at_ms,
            revision,
            drain_id: record.drain_id.clone(),
            deadline_ms: record.deadline_ms,
            on_deadline: record.on_deadline,
            parallel: record.parallel,
            paused: record.paused,
            planned: Revision(record.plan_rev),
            drained_from,
            adrift,
            taken_over,
        })
    }

    /// How many keys have claims that name a session of a node that is no member.
    fn left_behind(&self, node: &NodeId) -> u64 {
        let sessions = self.view.owners.iter().filter(|(_, owner)| owner.node == *node);
        let exists = |ix| self.view.keys.get(ix).is_some_and(KeyEntry::exists);
        sessions.map(|(_, owner)| owner.keys.iter().filter(|ix| exists(**ix)).count() as u64).sum()
    }

    /// Sets when the state of a node changes without a record.
    fn set_due(&mut self, node: &NodeId, due: Option<Time>) {
        if let Some(before) = self.due_of.remove(node) {
            self.due.remove(&(before, node.clone()));
        }
        if let Some(at) = due {
            self.due_of.insert(node.clone(), at);
            self.due.insert((at, node.clone()));
        }
    }
}

fn rounded(targets: &Targets, owner: OwnerIx) -> u64 {
    let share = targets.get(&owner).copied().unwrap_or_default();
    u64::try_from((share + 500) / 1000).unwrap_or(u64::MAX)
}
