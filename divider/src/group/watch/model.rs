//! The viewer's fold of the log: the same view and plan as a node's, and a snapshot.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::ages::Ages;
use super::drains::Drains;
use crate::id::{GroupName, NodeId, Revision};
use crate::snapshot::{Changed, Moment, NodeState, Snapshot};
use crate::store::Record;
use divider_core::planner::Planner;
use divider_core::time::{Now, Time};
use divider_core::view::{Effect, Expiry, KeyEntry, KeyIx, OwnerIx, View};
use divider_core::wire::LeaseState;

/// What a viewer knows, what it has shown, and which parts of that are out of date.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) view: View,
    pub(super) planner: Planner,
    pub(super) drains: Drains,
    pub(super) snapshot: Snapshot,
    expiry: Expiry,
    pub(super) ages: Ages,
    /// The members whose session is over, or whose lease was not renewed for its whole time.
    pub(super) over: BTreeSet<NodeId>,
    /// How many keys the nodes had whose sessions this viewer saw end.
    pub(super) keys_at_end: BTreeMap<NodeId, u64>,
    /// The session of each member, as shown last.
    current: BTreeMap<NodeId, OwnerIx>,
    /// The nodes that received a stop for every key.
    pub(super) stop_all: BTreeSet<NodeId>,
    pub(super) dirty_keys: HashSet<KeyIx>,
    pub(super) dirty_nodes: BTreeSet<NodeId>,
    /// When the state of a node changes without a record.
    pub(super) due: BTreeSet<(Time, NodeId)>,
    pub(super) due_of: HashMap<NodeId, Time>,
    stale: Stale,
    /// A snapshot of the log is being read. Nothing is planned or judged before its end.
    reading: bool,
    /// The revision up to which the snapshot was read. The history before it is unknown.
    pub(super) came: Revision,
}

/// The other parts of the snapshot that may be out of date.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each part is up to date or not by itself")]
struct Stale {
    /// Loads or affinities changed, so the share of every node may have changed.
    shares: bool,
    group: bool,
    problems: bool,
    gone: bool,
}

impl Model {
    pub(super) fn new(group: GroupName, now: Now) -> Self {
        Self {
            view: View::default(),
            planner: Planner::default(),
            drains: Drains::default(),
            snapshot: Snapshot::empty(group, Moment(now.at)),
            expiry: Expiry::default(),
            ages: Ages::default(),
            over: BTreeSet::new(),
            keys_at_end: BTreeMap::new(),
            current: BTreeMap::new(),
            stop_all: BTreeSet::new(),
            dirty_keys: HashSet::new(),
            dirty_nodes: BTreeSet::new(),
            due: BTreeSet::new(),
            due_of: HashMap::new(),
            stale: Stale::default(),
            reading: true,
            came: Revision::NONE,
        }
    }

    /// The log is read from the start.
    pub(super) fn begin(&mut self) {
        self.view.begin_snapshot();
        // A node keeps what it knew of leases, as proof of death. A viewer shows only what exists.
        self.view.leases.clear();
        self.ages = Ages::default();
        self.reading = true;
    }

    /// The snapshot is complete.
    pub(super) fn on_caught_up(&mut self, now: Now) {
        let (keys, claims) = self.view.end_snapshot();
        for &ix in &keys {
            self.view.drop_key(ix);
        }
        for &ix in &claims {
            self.view.drop_claim(ix);
        }
        self.planner.on_caught_up(&mut self.view, now);
        self.reading = false;
        self.came = self.view.seen;
        self.dirty_keys.extend(self.view.keys.iter().map(|(ix, _)| ix));
        self.all_nodes();
        self.stale = Stale { shares: true, group: true, problems: true, gone: true };
    }

    /// Folds one record, which was stored this long ago.
    pub(super) fn on_record(&mut self, now: Now, record: &Record, age: Duration) {
        // What counts from the receipt of a record counts from when it was stored: the lease of a node
        // that nobody watched may be over at the first look.
        let stored = Now { at: now.at - age, ..now };
        let effect = self.view.apply(stored, record);
        if self.reading {
            self.ages.on_read(&effect, stored.at);
        }
        if let Effect::Key(ix) = &effect {
            self.expiry.note(*ix, record, now.at);
        }
        if self.reading {
            return;
        }
        self.on_effect(now, effect);
        // A record that was a problem may be readable now, and leaves the list.
        self.stale.problems |=
            self.view.problems.iter().count() != self.snapshot.problems.shown.len();
    }

    fn on_effect(&mut self, now: Now, effect: Effect) {
        match effect {
            Effect::Nothing => {}
            Effect::Problem => self.stale.problems = true,
            Effect::Key(ix) => {
                let owner = self.view.keys.get(ix).map_or(OwnerIx::NONE, |e| e.claim.owner);
                self.planner.on_key(&mut self.view, now, ix);
                self.on_key(ix);
                self.on_owner(owner);
            }
            Effect::Claim(ix, from) => {
                let to = self.view.keys.get(ix).map_or(OwnerIx::NONE, |e| e.claim.owner);
                self.planner.on_claim(&mut self.view, now, ix, from);
                if from != to {
                    self.note_take_over(from);
                }
                self.on_key(ix);
                self.on_owner(from);
                self.on_owner(to);
            }
            Effect::Member(node) => {
                self.planner.on_member(&mut self.view, now);
                self.on_member(node);
                self.stale.group = true;
                self.stale.gone = true;
            }
            Effect::Control(node) => {
                self.planner.on_member(&mut self.view, now);
                self.stale.shares = true;
                self.dirty_nodes.insert(node);
            }
            Effect::Lease(node) => {
                if let Some(lease) = self.view.leases.get(&node) {
                    self.drains.on_lease(&node, lease.record.session);
                }
                self.stale.gone |= self.note_end(&node);
                self.dirty_nodes.insert(node);
            }
            Effect::Stops(node) => self.on_stops(node),
            Effect::Rebalance | Effect::Group => {
                self.planner.on_generation(&mut self.view, now);
                self.stale.group = true;
            }
        }
    }

    /// Removes keys whose time to live is over. For nodes they are gone too, except for their owners,
    /// which first ask the leader.
    fn drop_expired(&mut self, now: Now) {
        while let Some(ix) = self.expiry.pop(now.at) {
            if self.view.keys.get(ix).is_some_and(KeyEntry::exists) {
                let effect = self.view.drop_key(ix);
                self.on_effect(now, effect);
            }
        }
    }

    fn on_key(&mut self, ix: KeyIx) {
        self.dirty_keys.insert(ix);
        self.stale.shares = true;
    }

    /// A claim no longer names this session. If the session is over, it did not give the key away.
    fn note_take_over(&mut self, from: OwnerIx) {
        let Some(owner) = self.view.owners.get(from) else { return };
        let lease = self.view.leases.get(&owner.node).map(|lease| &lease.record);
        let its_own = lease.filter(|lease| lease.session == owner.session);
        match its_own.map(|lease| (lease.state, lease.stopping)) {
            Some((LeaseState::Live, _)) => self.drains.on_given(&owner.node),
            Some((LeaseState::Ended, 0)) => {}
            _ => self.drains.on_taken_over(&owner.node),
        }
    }

    fn on_owner(&mut self, owner: OwnerIx) {
        if let Some(owner) = self.view.owners.get(owner) {
            self.dirty_nodes.insert(owner.node.clone());
        }
    }

    /// A new session of a node changes the phases of its keys.
    fn on_member(&mut self, node: NodeId) {
        let now = self.view.current(&node);
        let before = match now {
            Some(owner) => self.current.insert(node.clone(), owner),
            None => self.current.remove(&node),
        };
        if before != now {
            for owner in [before, now].into_iter().flatten() {
                let keys = self.view.owners.get(owner).map_or(&[][..], |o| &o.keys[..]);
                self.dirty_keys.extend(keys.iter().copied());
            }
        }
        // The record may settle joins. Then joining nodes become ready.
        let joining = self.snapshot.nodes.iter().filter(|(_, n)| n.state == NodeState::Joining);
        self.dirty_nodes.extend(joining.map(|(node, _)| node.clone()));
        self.stale.shares = true;
        self.dirty_nodes.insert(node);
    }

    /// Marks the keys that were listed as stopping, and those that are listed now.
    fn on_stops(&mut self, node: NodeId) {
        let shown = self.snapshot.node(&node).map(|n| n.unconfirmed.oldest.as_slice());
        let before = shown.unwrap_or_default().iter().map(|stop| &stop.key);
        let listed = self.view.stops.get(&node).map(|s| s.record.oldest.as_slice());
        let now = listed.unwrap_or_default().iter().map(|stop| &stop.key);
        self.dirty_keys.extend(before.chain(now).filter_map(|key| self.view.keys.find(key)));
        self.dirty_nodes.insert(node);
    }

    fn all_nodes(&mut self) {
        let members = self.view.members.keys();
        let others = self.view.controls.keys().chain(self.view.leases.keys());
        let owners = self.view.owners.iter().map(|(_, owner)| &owner.node);
        let shown = self.snapshot.nodes.keys();
        self.dirty_nodes = members.chain(others).chain(owners).chain(shown).cloned().collect();
        self.current = self
            .view
            .members
            .keys()
            .filter_map(|node| Some((node.clone(), self.view.current(node)?)))
            .collect();
    }

    /// When [`publish`](Self::publish) has something to show although no record came.
    pub(super) fn next_due(&self) -> Due {
        if self.reading {
            return Due::default();
        }
        let of_nodes = self.due.first().map(|(at, _)| *at);
        let others = [self.planner.next(), self.expiry.next()].into_iter().flatten().min();
        Due { of_nodes, others }
    }

    /// Updates the snapshot. Returns the differences. The store was heard last at `heard`: later than
    /// that, the silence of a node says nothing.
    pub(super) fn publish(&mut self, now: Now, heard: Time) -> Changed {
        let mut changed = Changed::default();
        if self.reading {
            return changed;
        }
        self.drop_expired(now);
        self.planner.on_time(&mut self.view, now);
        while let Some(ix) = self.planner.pop_dirty() {
            self.dirty_keys.insert(ix);
            self.stale.shares = true;
        }
        let judged = Now { at: now.at.min(heard), ..now };
        self.mark_due(judged);
        self.mark_over(judged);
        self.mark_stops();
        self.publish_keys(now, &mut changed);
        self.ages.forget();
        if std::mem::take(&mut self.stale.shares) {
            self.mark_targets();
        }
        self.publish_nodes(now, judged, &mut changed);
        if std::mem::take(&mut self.stale.problems) {
            changed.problems = self.publish_problems();
        }
        if std::mem::take(&mut self.stale.group) {
            changed.group = self.publish_group();
        }
        if std::mem::take(&mut self.stale.gone) {
            changed.group |= self.publish_gone();
        }
        self.snapshot.revision = self.view.seen;
        self.snapshot.taken = Moment(now.at);
        if self.view.owners.count() > 2 * self.view.members.len() + SPARE_SESSIONS {
            self.sweep();
        }
        changed
    }

    /// Removes the sessions that nothing names any more.
    fn sweep(&mut self) {
        let current: HashSet<OwnerIx> = self.current.values().copied().collect();
        let planner = &self.planner;
        self.view.owners.sweep(|owner, _| current.contains(&owner) || planner.is_member(owner));
    }
}

/// When something changes without a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Due {
    /// The state of a node, if the store is heard then and the node is not.
    pub(super) of_nodes: Option<Time>,
    /// Anything else.
    pub(super) others: Option<Time>,
}

/// How many sessions above two for each member are kept before old ones are removed.
const SPARE_SESSIONS: usize = 64;
