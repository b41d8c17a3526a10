//! Observing other nodes' leases, and ending those that are not renewed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Node;
use super::join::Life;
use super::ring::Ring;
use crate::id::{NodeId, Revision, Session};
use crate::time::{Now, Time};
use crate::timing::UNKNOWN_LEASE;
use crate::view::Versioned;
use crate::wire::{LeaseState, MemberRecord};

/// What this node sees of other nodes' leases.
#[derive(Debug)]
pub(super) struct Observer {
    /// Whose leases it ends: of the others it only keeps what it sees.
    pub(super) ring: Ring,
    /// Since when nobody can have been kept from renewing unseen: no reading anew left out more than a
    /// heartbeat, and the watch was never silent for half a lease.
    pub(super) whole_since: Time,
    /// What the last thing was that a watch showed before it was read anew.
    gap_since: Option<Time>,
    pub(super) seen: BTreeMap<NodeId, Seen>,
    /// The nodes whose leases the snapshot has shown so far.
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
    /// Another record stood there when it was to be ended, and the watch has not shown it.
    pub(super) doubted: bool,
}

impl Observer {
    pub(super) fn new(now: Time) -> Self {
        Self {
            ring: Ring::default(),
            whole_since: now,
            gap_since: None,
            seen: BTreeMap::new(),
            shown: BTreeSet::new(),
            deleting: BTreeSet::new(),
        }
    }

    /// The watch is read anew, and shows every lease again.
    pub(super) fn begin_snapshot(&mut self, shown: Time) {
        self.shown.clear();
        self.gap_since.get_or_insert(shown);
    }

    /// The node's session as its lease was last received, and whether it is over.
    pub(super) fn session(&self, node: &NodeId) -> Option<(Session, bool)> {
        let seen = self.seen.get(node)?;
        Some((seen.session?, seen.state != LeaseState::Live))
    }

    /// Those whose leases this node ends.
    pub(super) fn observed(&self) -> impl Iterator<Item = (&NodeId, &Seen)> {
        self.ring.observed().iter().filter_map(|node| self.seen.get_key_value(node))
    }
}

impl Seen {
    /// No record: from now on it is waited for.
    fn absent(now: Time, lease: Duration) -> Self {
        Self {
            revision: Revision::NONE,
            since: now,
            lease,
            session: None,
            state: LeaseState::Live,
            beat: 0,
            killing: false,
            doubted: false,
        }
    }

    /// Whether the session that a member record names is over by this lease: it is its own end, or
    /// that of a session that replaced it.
    pub(super) fn ends(&self, member: &Versioned<MemberRecord>) -> bool {
        let own = self.session == Some(member.record.session);
        self.state != LeaseState::Live && (own || self.revision > member.joined())
    }

    /// The lease by which a member's session is waited for. What is over, but older than that session,
    /// is the end of one before it: that session wrote over it, and the log has lost its lease.
    pub(super) fn lease_of(&self, member: &Versioned<MemberRecord>) -> Duration {
        if self.state == LeaseState::Live { self.lease } else { self.lease.max(member.lease()) }
    }

    /// Whether the node cannot be relied on to observe those behind it in the ring: it has missed
    /// two heartbeats, or is over and its member record not yet deleted.
    fn is_late(&self, now: Time) -> bool {
        self.state != LeaseState::Live || now.since(self.since) >= self.lease / 3
    }
}

impl Node {
    /// A watch that shows not even the own heartbeats is silent because the store is: nobody can renew.
    pub(super) fn note_silence(&mut self, now: Now) {
        if self.watch.is_live() && now.at.since(self.watch.shown()) > self.timing.lease / 2 {
            self.observer.whole_since = now.at;
        }
    }

    /// Kills and clears up.
    pub(super) fn drive_observer(&mut self, now: Now) {
        self.note_silence(now);
        if !self.watch.is_live() || !matches!(self.life, Life::Active(_) | Life::Entering(_)) {
            return;
        }
        let Observer { ring, seen, .. } = &mut self.observer;
        ring.widen(|node| seen.get(node).is_some_and(|seen| seen.is_late(now.at)));
        for node in self.due_kills(now) {
            self.kill(&node);
        }
        for node in self.due_deletions(now) {
            self.delete_member(&node);
        }
    }

    /// The snapshot is complete. Leases that were there and that it does not show are absent from now
    /// on: they expire without a word.
    pub(super) fn on_leases_shown(&mut self, now: Now) {
        let gap = self.observer.gap_since.take();
        if gap.is_none_or(|since| now.at.since(since) > self.timing.heartbeat) {
            self.observer.whole_since = now.at;
        }
        let shown = std::mem::take(&mut self.observer.shown);
        let members = &self.view.members;
        let gone = self.observer.seen.iter_mut().filter(|(node, _)| !shown.contains(*node));
        let lives = |(node, seen): &(&NodeId, &mut Seen)| {
            seen.state == LeaseState::Live || members.get(*node).is_some_and(|m| !seen.ends(m))
        };
        for (node, seen) in gone.filter(lives) {
            if let Some(member) = members.get(node) {
                seen.lease = seen.lease_of(member);
            }
            seen.revision = Revision::NONE;
            seen.since = now.at;
            if seen.state != LeaseState::Live {
                seen.state = LeaseState::Live;
                seen.session = None;
            }
        }
    }

    /// Another node's lease was delivered: a record, its deletion, or something unreadable.
    pub(super) fn on_lease_observed(&mut self, now: Now, node: &NodeId, revision: Revision) {
        if !self.watch.is_live() {
            self.observer.shown.insert(node.clone());
        }
        let found = self.view.leases.get(node).filter(|found| found.revision == revision);
        let found = found.map(|found| &found.record);
        let content = found.map(|f| (f.session, f.beat));
        let known = self.observer.seen.get(node);
        // By its content too, since a log that lost its tail gives revisions out a second time.
        if known.is_some_and(|seen| {
            let same =
                content.is_none_or(|content| seen.session.map(|s| (s, seen.beat)) == Some(content));
            seen.revision == revision && same
        }) {
            return;
        }
        let lease = found.map(|f| Duration::from_millis(f.lease_ms).min(UNKNOWN_LEASE));
        let said = self.view.members.get(node).map(Versioned::lease);
        let seen = Seen {
            revision,
            since: now.at,
            lease: lease.or(said).unwrap_or(UNKNOWN_LEASE),
            session: found.map(|f| f.session),
            state: found.map_or(LeaseState::Live, |f| f.state),
            beat: found.map_or(0, |f| f.beat),
            killing: false,
            doubted: false,
        };
        let news = (seen.session, seen.state);
        let before = self.observer.seen.insert(node.clone(), seen);
        if before.is_none_or(|b| (b.session, b.state) != news) {
            self.on_session_observed(node);
        }
    }

    /// A member record came or went, or was written again.
    pub(super) fn observe_member(&mut self, now: Now, node: &NodeId) {
        if *node != self.config.node
            && self.observer.ring.knows(node) != self.view.members.contains_key(node)
        {
            self.observe_members(now);
        }
    }

    /// There are other members than before. Those whose leases the watch does not show are observed
    /// from now on as absent.
    pub(super) fn observe_members(&mut self, now: Now) {
        let Observer { ring, seen, deleting, .. } = &mut self.observer;
        let members = &self.view.members;
        if !ring.is_of(&self.config.node, members) {
            *ring = Ring::new(&self.config.node, members.keys());
        }
        for (node, member) in members.iter().filter(|(node, _)| **node != self.config.node) {
            if !seen.contains_key(node) {
                seen.insert(node.clone(), Seen::absent(now.at, member.lease()));
            }
        }
        // Who is not a member is about to become one, or never will.
        let fresh = |seen: &Seen| now.at.since(seen.since) < UNKNOWN_LEASE;
        let live = |seen: &Seen| seen.state == LeaseState::Live && fresh(seen);
        seen.retain(|node, seen| members.contains_key(node) || live(seen));
        deleting.retain(|n| members.contains_key(n));
        self.view.leases.retain(|node, _| *node == self.config.node || seen.contains_key(node));
    }

    pub(super) fn observer_timeout(&self) -> Option<Time> {
        if !self.watch.is_live() {
            return None;
        }
        let times = self.observer.observed().flat_map(|(node, seen)| {
            let late = self.observer.ring.is_large().then_some(seen.since + seen.lease / 3);
            [self.kill_at(node, seen), self.deletion_at(node, seen), late]
        });
        times.flatten().min()
    }
}
