//! Observing other nodes' leases, and ending those that are not renewed.

use std::time::Duration;

use super::ring::Ring;
use super::{PeerHandler, Peers};
use crate::id::{NodeId, Revision, Session};
use crate::node::session::Life;
use crate::time::{Now, Time};
use crate::timing::{ENDED_LEASE_TTL, UNKNOWN_LEASE};
use crate::view::Versioned;
use crate::wire::{LeaseState, MemberRecord};

/// One lease, as last received.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) revision: Revision,
    /// When this revision was first received.
    pub(super) since: Time,
    /// When the end of the session was first received, if it is over.
    pub(super) over_since: Time,
    pub(super) lease: Duration,
    pub(super) session: Option<Session>,
    pub(super) state: LeaseState,
    pub(super) beat: u64,
    pub(super) killing: bool,
    /// This node tried to end the lease, but found another record, which the watch has not shown.
    pub(super) conflicted: bool,
}

impl Seen {
    /// There is no record. The wait for the end of the lease starts now.
    pub(super) fn absent(now: Time, lease: Duration) -> Self {
        Self {
            revision: Revision::NONE,
            since: now,
            over_since: now,
            lease,
            session: None,
            state: LeaseState::Live,
            beat: 0,
            killing: false,
            conflicted: false,
        }
    }

    /// Whether this lease shows that the member record's session is over: it is the end of that
    /// session, or the end of a session that replaced it.
    pub(super) fn ends(&self, member: &Versioned<MemberRecord>) -> bool {
        let own = self.session == Some(member.record.session);
        self.state != LeaseState::Live && (own || self.revision > member.joined())
    }

    /// The lease time after which a member's session counts as over. An end that is older than the
    /// member's session belongs to an earlier session. The member's session replaced that record,
    /// and the log then lost the newer lease.
    pub(super) fn lease_of(&self, member: &Versioned<MemberRecord>) -> Duration {
        if self.state == LeaseState::Live { self.lease } else { self.lease.max(member.lease()) }
    }

    /// Whether the node may fail to observe the nodes behind it in the ring. It has missed two
    /// heartbeats, or its session is over and its member record is not deleted yet.
    fn is_late(&self, now: Time) -> bool {
        self.state != LeaseState::Live || now.since(self.since) >= self.lease / 3
    }
}

impl PeerHandler<'_> {
    /// If the watch does not even show this node's own heartbeats, the store is silent: no node can
    /// renew its lease.
    pub(crate) fn note_silence(&mut self, now: Now) {
        if self.watch.is_live() && now.at.since(self.watch.shown()) > self.timing.lease / 2 {
            self.peers.unbroken_since = now.at;
        }
    }

    /// Ends expired sessions and deletes the member records of ended sessions.
    pub(crate) fn drive(&mut self, now: Now) {
        self.note_silence(now);
        if !self.watch.is_live()
            || !matches!(self.session.life, Life::Active(_) | Life::Entering(_))
        {
            return;
        }
        let Peers { ring, seen, .. } = &mut *self.peers;
        ring.widen(|node| seen.get(node).is_some_and(|seen| seen.is_late(now.at)));
        for node in self.due_kills(now) {
            self.kill(&node);
        }
        for node in self.due_deletions(now) {
            self.delete_member(now, &node);
        }
    }

    /// The snapshot is complete. From now on, leases that it does not show count as absent: no
    /// watch shows that a record expires.
    pub(crate) fn on_leases_shown(&mut self, now: Now) {
        let gap = self.peers.gap_since.take();
        if gap.is_none_or(|since| now.at.since(since) > self.timing.heartbeat) {
            self.peers.unbroken_since = now.at;
        }
        let shown = std::mem::take(&mut self.peers.shown);
        for (_, awaited) in self.peers.awaited.iter_mut().filter(|(n, _)| !shown.contains(*n)) {
            awaited.since = now.at;
        }
        for (node, seen) in self.peers.seen.iter_mut().filter(|(node, _)| !shown.contains(*node)) {
            let member = self.view.members.get(node);
            seen.lease = member.map_or(UNKNOWN_LEASE, |member| seen.lease_of(member));
            seen.revision = Revision::NONE;
            // An ended session stays ended, unless a member record names another session.
            let over = seen.state != LeaseState::Live;
            if over && member.is_none_or(|member| seen.ends(member)) {
                continue;
            }
            seen.since = now.at;
            if over {
                seen.state = LeaseState::Live;
                seen.session = None;
            }
        }
    }

    /// The watch delivered another node's lease: a record, its deletion, or an unreadable record.
    pub(crate) fn on_lease_observed(&mut self, now: Now, node: &NodeId, revision: Revision) {
        if !self.watch.is_live() {
            self.peers.shown.insert(node.clone());
        }
        let found = self.view.leases.get(node).filter(|found| found.revision == revision);
        let found = found.map(|found| &found.record);
        let content = found.map(|f| (f.session, f.beat));
        let known = self.peers.seen.get(node);
        // Also compares the content: a log that lost its tail assigns the same revisions a second
        // time.
        if known.is_some_and(|seen| {
            let same =
                content.is_none_or(|content| seen.session.map(|s| (s, seen.beat)) == Some(content));
            seen.revision == revision && same
        }) {
            return;
        }
        let lease = found.map(|f| Duration::from_millis(f.lease_ms).min(UNKNOWN_LEASE));
        let of_member = self.view.members.get(node).map(Versioned::lease);
        let session = found.map(|f| f.session);
        let state = found.map_or(LeaseState::Live, |f| f.state);
        let same_end =
            known.filter(|k| k.session == session && ![k.state, state].contains(&LeaseState::Live));
        let seen = Seen {
            revision,
            since: now.at,
            over_since: same_end.map_or(now.at, |known| known.over_since),
            lease: lease.or(of_member).unwrap_or(UNKNOWN_LEASE),
            session,
            state,
            beat: found.map_or(0, |f| f.beat),
            killing: false,
            conflicted: false,
        };
        let news = (seen.session, seen.state, false);
        let before = self.peers.seen.insert(node.clone(), seen);
        if before.is_none_or(|b| (b.session, b.state, b.revision == Revision::NONE) != news)
            || self.peers.awaited.contains_key(node)
        {
            self.on_session_observed(node);
        }
    }

    /// A member record was created, deleted, or written again.
    pub(crate) fn observe_member(&mut self, now: Now, node: &NodeId) {
        if *node != self.config.node
            && self.peers.ring.knows(node) != self.view.members.contains_key(node)
        {
            self.observe_members(now);
        }
    }

    /// The set of members changed. Members whose leases the watch does not show are observed as
    /// absent from now on.
    pub(crate) fn observe_members(&mut self, now: Now) {
        let Peers { ring, seen, deleting, .. } = &mut *self.peers;
        let members = &self.view.members;
        if !ring.is_of(&self.config.node, members) {
            *ring = Ring::new(&self.config.node, members.keys());
        }
        for (node, member) in members.iter().filter(|(node, _)| **node != self.config.node) {
            if !seen.contains_key(node) {
                seen.insert(node.clone(), Seen::absent(now.at, member.lease()));
            }
        }
        // A claim may name a session that is no longer a member, for as long as the log keeps the
        // end of that session.
        let fresh = |seen: &Seen| now.at.since(seen.since) < ENDED_LEASE_TTL;
        seen.retain(|node, seen| members.contains_key(node) || fresh(seen));
        deleting.retain(|n| members.contains_key(n));
        self.view.leases.retain(|node, _| *node == self.config.node || seen.contains_key(node));
    }

    /// When the peers are driven next. `driven_at` is when they were driven last: a lease that was
    /// late then has no effect again.
    pub(crate) fn timeout(&self, driven_at: Time) -> Option<Time> {
        if !self.watch.is_live() {
            return None;
        }
        let times = self.peers.judged().flat_map(|(node, seen)| {
            let late = self.peers.ring.is_large().then_some(seen.since + seen.lease / 3);
            let late = late.filter(|at| *at > driven_at);
            [self.kill_at(node, seen), self.deletion_at(node, seen), late]
        });
        times.flatten().min()
    }
}
