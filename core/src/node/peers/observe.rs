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

impl Seen {
    /// No record: from now on it is waited for.
    pub(super) fn absent(now: Time, lease: Duration) -> Self {
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

impl PeerHandler<'_> {
    /// A watch that shows not even the own heartbeats is silent because the store is: nobody can renew.
    pub(crate) fn note_silence(&mut self, now: Now) {
        if self.watch.is_live() && now.at.since(self.watch.shown()) > self.timing.lease / 2 {
            self.peers.whole_since = now.at;
        }
    }

    /// Kills and clears up.
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
            self.delete_member(&node);
        }
    }

    /// The snapshot is complete. Leases that it does not show are absent from now on: no watch shows that
    /// a record expires.
    pub(crate) fn on_leases_shown(&mut self, now: Now) {
        let gap = self.peers.gap_since.take();
        if gap.is_none_or(|since| now.at.since(since) > self.timing.heartbeat) {
            self.peers.whole_since = now.at;
        }
        let shown = std::mem::take(&mut self.peers.shown);
        for (node, seen) in self.peers.seen.iter_mut().filter(|(node, _)| !shown.contains(*node)) {
            let member = self.view.members.get(node);
            seen.lease = member.map_or(UNKNOWN_LEASE, |member| seen.lease_of(member));
            seen.revision = Revision::NONE;
            // What is over stays over, unless a member record names another session.
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

    /// Another node's lease was delivered: a record, its deletion, or something unreadable.
    pub(crate) fn on_lease_observed(&mut self, now: Now, node: &NodeId, revision: Revision) {
        if !self.watch.is_live() {
            self.peers.shown.insert(node.clone());
        }
        let found = self.view.leases.get(node).filter(|found| found.revision == revision);
        let found = found.map(|found| &found.record);
        let content = found.map(|f| (f.session, f.beat));
        let known = self.peers.seen.get(node);
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
        let before = self.peers.seen.insert(node.clone(), seen);
        if before.is_none_or(|b| (b.session, b.state) != news) {
            self.on_session_observed(node);
        }
    }

    /// A member record came or went, or was written again.
    pub(crate) fn observe_member(&mut self, now: Now, node: &NodeId) {
        if *node != self.config.node
            && self.peers.ring.knows(node) != self.view.members.contains_key(node)
        {
            self.observe_members(now);
        }
    }

    /// There are other members than before. Those whose leases the watch does not show are observed
    /// from now on as absent.
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
        // A claim may name a session that is no member any more, for as long as the log knows its end.
        let fresh = |seen: &Seen| now.at.since(seen.since) < ENDED_LEASE_TTL;
        seen.retain(|node, seen| members.contains_key(node) || fresh(seen));
        deleting.retain(|n| members.contains_key(n));
        self.view.leases.retain(|node, _| *node == self.config.node || seen.contains_key(node));
    }

    pub(crate) fn timeout(&self) -> Option<Time> {
        if !self.watch.is_live() {
            return None;
        }
        let times = self.peers.judged().flat_map(|(node, seen)| {
            let late = self.peers.ring.is_large().then_some(seen.since + seen.lease / 3);
            [self.kill_at(node, seen), self.deletion_at(node, seen), late]
        });
        times.flatten().min()
    }
}
