//! Observing other nodes' leases, and ending those that are not renewed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Node;
use super::join::Life;
use super::ring::{Observed, Ring};
use crate::core::edge::{Action, WatchId};
use crate::core::time::{Now, Time};
use crate::core::timing::{UNKNOWN_LEASE, observed};
use crate::core::view::Placed;
use crate::id::{NodeId, Revision, Session};
use crate::store::{Change, Filter, Record};
use crate::wire::{LeaseRecord, LeaseState, MemberRecord, RecordName};

/// The pause between two attempts to open the watch.
const PAUSE: Duration = Duration::from_millis(200);

/// How long the watch may take to show everything.
const LOADING: Duration = Duration::from_secs(10);

/// What this node sees of other nodes' leases.
#[derive(Debug)]
pub(super) struct Observer {
    watch: Option<WatchId>,
    ring: Ring,
    pub(super) observed: Observed,
    pub(super) live: bool,
    opened: Time,
    /// Since when nothing could be missed for longer than a heartbeat.
    pub(super) live_since: Time,
    /// Since when the watch is broken.
    gap_since: Option<Time>,
    pub(super) seen: BTreeMap<NodeId, Seen>,
    /// The nodes whose leases the watch has shown since it was opened.
    shown: BTreeSet<NodeId>,
    /// Members whose deletion is on its way.
    pub(super) deleting: BTreeSet<NodeId>,
}

/// One lease as it was last received.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) revision: Revision,
    /// When this revision was received first.
    pub(super) since: Time,
    pub(super) lease: Duration,
    pub(super) session: Option<Session>,
    pub(super) state: LeaseState,
    pub(super) beat: u64,
    pub(super) killing: bool,
}

impl Observer {
    pub(super) fn new(now: Time) -> Self {
        Self {
            watch: None,
            ring: Ring::default(),
            observed: Observed::Nobody,
            live: false,
            opened: now,
            live_since: now,
            gap_since: None,
            seen: BTreeMap::new(),
            shown: BTreeSet::new(),
            deleting: BTreeSet::new(),
        }
    }

    pub(super) fn take_watch(&mut self) -> Option<WatchId> {
        self.observed = Observed::Nobody;
        self.live = false;
        self.watch.take()
    }

    /// The node's session as its lease was last received, and whether it is over.
    pub(super) fn session(&self, node: &NodeId) -> Option<(Session, bool)> {
        let seen = self.seen.get(node)?;
        Some((seen.session?, seen.state != LeaseState::Live))
    }
}

impl Seen {
    /// Whether the session that a member record names is over by this lease: it is its own end, or
    /// that of a session that replaced it.
    pub(super) fn ends(&self, member: &Placed<MemberRecord>) -> bool {
        let own = self.session == Some(member.record.session);
        self.state != LeaseState::Live && (own || self.revision > member.joined())
    }

    /// Whether the node cannot be relied on to observe those behind it in the ring: it has missed
    /// two heartbeats, or is over and its member record not yet deleted.
    fn is_late(&self, now: Time) -> bool {
        self.state != LeaseState::Live || now.since(self.since) >= self.lease / 3
    }
}

impl Node {
    /// Opens the watch of the leases to observe, kills and clears up.
    pub(super) fn drive_observer(&mut self, now: Now) {
        if !self.watch.is_live() || !matches!(self.life, Life::Active(_) | Life::Entering(_)) {
            return;
        }
        let Observer { ring, seen, .. } = &mut self.observer;
        let late = |node: &NodeId| seen.get(node).is_some_and(|seen| seen.is_late(now.at));
        let observed = ring.observed(late);
        let dead = self.unopened_at().is_some_and(|at| at <= now.at);
        let dead = dead || self.owed_at().is_some_and(|at| at <= now.at);
        if observed != self.observer.observed || dead {
            self.open_observer(now, observed, Duration::ZERO);
        }
        for node in self.due_kills(now) {
            self.kill(&node);
        }
        for node in self.due_deletions(now) {
            self.delete_member(&node);
        }
    }

    pub(super) fn open_observer(&mut self, now: Now, whom: Observed, delay: Duration) {
        if let Some(id) = self.observer.watch.take() {
            self.actions.push_back(Action::Unwatch(id));
        }
        self.observer.live = false;
        self.observer.shown.clear();
        self.observer.gap_since.get_or_insert(now.at);
        let names = whom.names();
        self.observer.observed = whom;
        if !names.is_empty() {
            let id = self.watch_id();
            self.actions.push_back(Action::Watch(id, Filter { names }, delay));
            self.observer.watch = Some(id);
            self.observer.opened = now.at + delay;
        }
    }

    /// When a watch that was opened and has not shown everything counts as dead.
    fn unopened_at(&self) -> Option<Time> {
        let loading = self.observer.watch.is_some() && !self.observer.live;
        loading.then_some(self.observer.opened + LOADING)
    }

    /// When a watch that has not shown the lease of a member's new session, only the end of the one
    /// before it, counts as dead.
    fn owed_at(&self) -> Option<Time> {
        let owed = |(node, seen): (&NodeId, &Seen)| {
            let member = self.view.members.get(node)?;
            let owed = seen.state != LeaseState::Live && !seen.ends(member);
            let owed = owed && self.observer.observed.covers(node);
            let since = member.received.max(self.observer.opened);
            owed.then_some(since + observed(seen.lease))
        };
        self.observer.seen.iter().filter_map(owed).min().filter(|_| self.observer.live)
    }

    pub(super) fn on_observer_ended(&mut self, now: Now, id: WatchId) {
        if self.observer.watch == Some(id) {
            self.observer.watch = None;
            let whom = std::mem::take(&mut self.observer.observed);
            self.open_observer(now, whom, PAUSE);
        }
    }

    pub(super) fn on_observed(&mut self, now: Now, id: WatchId, change: Change) {
        if self.observer.watch != Some(id) {
            return;
        }
        match change {
            Change::Record(record) => self.on_lease_observed(now, &record),
            Change::CaughtUp => {
                self.observer.live = true;
                let gap = self.observer.gap_since.take();
                if gap.is_none_or(|since| now.at.since(since) > self.timing.heartbeat) {
                    self.observer.live_since = now.at;
                }
                self.forget_unshown(now);
                self.observe_members(now);
            }
        }
    }

    /// Leases that were there and that a new watch does not show are absent from now on: they expire
    /// without a word.
    fn forget_unshown(&mut self, now: Now) {
        let shown = std::mem::take(&mut self.observer.shown);
        let members = &self.view.members;
        let gone = self.observer.seen.iter_mut().filter(|(node, _)| !shown.contains(*node));
        let lives = |(node, seen): &(&NodeId, &mut Seen)| {
            seen.state == LeaseState::Live || members.get(*node).is_some_and(|m| !seen.ends(m))
        };
        for (_, seen) in gone.filter(lives) {
            seen.revision = Revision::NONE;
            seen.since = now.at;
            if seen.state != LeaseState::Live {
                seen.state = LeaseState::Live;
                seen.session = None;
            }
        }
    }

    fn on_lease_observed(&mut self, now: Now, record: &Record) {
        let Ok(RecordName::Lease(node)) = RecordName::parse(&record.name) else { return };
        if node == self.config.node {
            return;
        }
        if !self.observer.live {
            self.observer.shown.insert(node.clone());
        }
        let found = record.value.as_deref().and_then(|v| LeaseRecord::decode(v).ok());
        let content = found.as_ref().map(|f| (f.session, f.beat));
        let known = self.observer.seen.get(&node);
        // By its content too, since a log that lost its tail gives revisions out a second time.
        if known.is_some_and(|seen| {
            let same =
                content.is_none_or(|content| seen.session.map(|s| (s, seen.beat)) == Some(content));
            seen.revision == record.revision && same
        }) {
            return;
        }
        let lease = found.as_ref().map(|f| Duration::from_millis(f.lease_ms).min(UNKNOWN_LEASE));
        let seen = Seen {
            revision: record.revision,
            since: now.at,
            lease: lease.unwrap_or_else(|| self.lease_of(&node)),
            session: found.as_ref().map(|f| f.session),
            state: found.as_ref().map_or(LeaseState::Live, |f| f.state),
            beat: found.as_ref().map_or(0, |f| f.beat),
            killing: false,
        };
        let news = (seen.session, seen.state);
        let before = self.observer.seen.insert(node.clone(), seen);
        if before.is_none_or(|b| (b.session, b.state) != news) {
            self.on_session_observed(&node);
        }
    }

    /// Members whose leases the watch does not show are observed from now on as absent.
    pub(super) fn observe_members(&mut self, now: Now) {
        if !self.observer.ring.is_of(&self.config.node, &self.view.members) {
            self.observer.ring = Ring::new(&self.config.node, self.view.members.keys());
        }
        if !self.observer.live {
            return;
        }
        let missing: Vec<_> = self
            .view
            .members
            .keys()
            .filter(|n| **n != self.config.node && !self.observer.seen.contains_key(*n))
            .filter(|n| self.observer.observed.covers(n))
            .cloned()
            .collect();
        for node in missing {
            let lease = self.lease_of(&node);
            let seen = Seen {
                revision: Revision::NONE,
                since: now.at,
                lease,
                session: None,
                state: LeaseState::Live,
                beat: 0,
                killing: false,
            };
            self.observer.seen.insert(node, seen);
        }
        let members = &self.view.members;
        // Who is not a member is about to become one, or never will.
        let fresh = |seen: &Seen| now.at.since(seen.since) < UNKNOWN_LEASE;
        let live = |seen: &Seen| seen.state == LeaseState::Live && fresh(seen);
        self.observer.seen.retain(|node, seen| members.contains_key(node) || live(seen));
        self.observer.deleting.retain(|n| members.contains_key(n));
    }

    /// The length of a node's lease as its member record says it.
    fn lease_of(&self, node: &NodeId) -> Duration {
        let said = self.view.members.get(node).map(|m| Duration::from_millis(m.record.lease_ms));
        said.map_or(UNKNOWN_LEASE, |lease| lease.min(UNKNOWN_LEASE))
    }

    pub(super) fn observer_timeout(&self) -> Option<Time> {
        if !self.watch.is_live() {
            return None;
        }
        let times = self.observer.seen.iter().flat_map(|(node, seen)| {
            let late = self.observer.ring.is_large().then_some(seen.since + seen.lease / 3);
            [self.kill_at(node, seen), self.deletion_at(node, seen), late]
        });
        times.flatten().chain(self.unopened_at()).chain(self.owed_at()).min()
    }
}
