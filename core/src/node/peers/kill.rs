//! Ending sessions that are not renewed, and deleting the member records of ended sessions.

use std::time::Duration;

use super::observe::Seen;
use super::{Awaited, PeerHandler};
use crate::edge::Notice;
use crate::guard::broken;
use crate::id::{NodeId, Revision, Session};
use crate::log::{Outcome, Write};
use crate::node::io::{Demand, WriteFor};
use crate::node::session::Life;
use crate::time::{Now, Time};
use crate::timing::{ENDED_LEASE_TTL, UNKNOWN_LEASE, observed};
use crate::wire::{LeaseRecord, LeaseState, Mode, RecordName};

/// A session that this node ends unless its lease changes.
struct Suspect {
    session: Session,
    /// Since when the lease has been unchanged.
    since: Time,
    lease: Duration,
}

impl PeerHandler<'_> {
    /// The session that other nodes wait for: the one that a member record names, or the one that
    /// claims name.
    fn suspect(&self, node: &NodeId, seen: &Seen) -> Option<Suspect> {
        let live = seen.state == LeaseState::Live;
        let session = seen.session.filter(|_| live);
        if let Some(member) = self.view.members.get(node) {
            let since = if live { seen.since } else { seen.since.max(member.received) };
            let session = session.unwrap_or(member.record.session);
            return (!seen.ends(member)).then(|| Suspect {
                session,
                since,
                lease: seen.lease_of(member),
            });
        }
        let &Awaited { session: awaited, since } = self.peers.awaited.get(node)?;
        if self.is_awaited_over(node, awaited) {
            return None;
        }
        if let Some(session) = session {
            return Some(Suspect { session, since: seen.since, lease: seen.lease });
        }
        // The end of another session of that node is no older than the awaited session's lease if
        // the log kept what it acknowledged, so any wait will do. If it did not, the two sessions
        // probably had the same lease.
        let lease = seen.session.map_or(UNKNOWN_LEASE, |_| seen.lease);
        Some(Suspect { session: awaited, since: seen.since.max(since), lease })
    }

    /// When this node may begin to end sessions: its own lease is valid, and its watch has had no
    /// gap for one lease time.
    fn may_kill_from(&self) -> Option<Time> {
        let whole = self.peers.unbroken_since + self.timing.lease;
        matches!(self.session.life, Life::Active(_)).then_some(whole)
    }

    /// When the awaited session of a node counts as over, unless its lease changes before.
    pub(super) fn kill_at(&self, node: &NodeId, seen: &Seen) -> Option<Time> {
        let suspect = self.suspect(node, seen).filter(|_| !seen.killing)?;
        Some((suspect.since + observed(suspect.lease)).max(self.may_kill_from()?))
    }

    pub(super) fn due_kills(&self, now: Now) -> Vec<NodeId> {
        let due = |(node, seen): (&NodeId, &Seen)| {
            self.kill_at(node, seen).filter(|at| *at <= now.at).map(|_| node.clone())
        };
        self.peers.judged().filter_map(due).collect()
    }

    /// **Invariant (proof of death):** the write replaces the record at the same revision that this
    /// node has seen unchanged for the whole time. So it fails if the lease was renewed in between.
    pub(super) fn kill(&mut self, node: &NodeId) {
        let Some(seen) = self.peers.seen.get(node) else { return };
        let Some(Suspect { session, lease, .. }) = self.suspect(node, seen) else { return };
        let last = self.view.leases.get(node).filter(|last| last.record.session == session);
        let held = last.map(|last| last.record.held);
        let write = self.dead_write(node, session, seen.revision, lease);
        if let Some(seen) = self.peers.seen.get_mut(node) {
            seen.killing = true;
        }
        self.io.write(self.view, WriteFor::Kill(node.clone(), session, held), write);
    }

    /// The record of the end of a session that was not renewed.
    fn dead_write(
        &self,
        node: &NodeId,
        session: Session,
        expected: Revision,
        lease: Duration,
    ) -> Write {
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        let record = LeaseRecord {
            session,
            beat: 0,
            lease_ms,
            state: LeaseState::Dead,
            held: 0,
            stopping: 0,
            seen: self.view.seen,
            by: Some(self.config.node.clone()),
        };
        Write {
            name: RecordName::Lease(node.clone()).to_string(),
            value: Some(record.encode()),
            expected: Some(expected).filter(|_| !broken!(KillCas)),
            ttl: Some(ENDED_LEASE_TTL),
            expires_in: None,
        }
    }

    pub(crate) fn on_kill_wrote(
        &mut self,
        now: Now,
        node: &NodeId,
        (session, held): (Session, Option<u64>),
        outcome: &Outcome,
    ) {
        if let Outcome::Acked(revision) = outcome {
            self.io.notice(Notice::Killed { node: node.clone(), held });
            // The watch may have shown a later record already.
            if let Some(seen) = self.peers.seen.get_mut(node).filter(|s| s.revision < *revision) {
                seen.revision = *revision;
                seen.since = now.at;
                seen.over_since = now.at;
                seen.session = Some(session);
                seen.state = LeaseState::Dead;
                seen.beat = 0;
                seen.killing = false;
            }
            self.on_session_observed(node);
            self.delete_member(now, node);
        } else if let Some(seen) = self.peers.seen.get_mut(node).filter(|seen| seen.killing) {
            // The lease was renewed, or another node ended it: the watch shows which. If the watch
            // has shown neither by the next attempt, the watch cannot be trusted, or the record
            // expired. No watch shows an expiry.
            seen.killing = false;
            seen.since = now.at;
            let conflict = *outcome == Outcome::Conflict && self.watch.is_live();
            if conflict && std::mem::replace(&mut seen.conflicted, true) {
                seen.conflicted = false;
                self.io.demand(Demand::Resync("the view lacks the lease of another node"));
            }
        }
    }

    /// When to delete a member whose session is over, if the node that ended the session did not
    /// live to delete it.
    pub(super) fn deletion_at(&self, node: &NodeId, seen: &Seen) -> Option<Time> {
        let member = self.view.members.get(node)?;
        let over = seen.ends(member);
        let free = !self.peers.deleting.contains(node);
        let tried = seen.since + self.timing.heartbeat * 2;
        (over && free).then(|| self.away_until(node, seen).map_or(tried, |until| until.max(tried)))
    }

    /// Until when the keys of an ended session wait for the node that restarts, by this node's clock.
    /// Another observer may have seen the end of the session earlier. An operator ends the wait with a
    /// drain.
    fn away_until(&self, node: &NodeId, seen: &Seen) -> Option<Time> {
        let away = self.view.members.get(node)?.record.away()?;
        let mode = self.view.controls.get(node).map_or(Mode::Active, |c| c.record.mode);
        let waits = mode != Mode::Drain && !broken!(AwayIsKept);
        waits.then_some(seen.over_since + away)
    }

    pub(super) fn due_deletions(&self, now: Now) -> Vec<NodeId> {
        let due = |(node, seen): (&NodeId, &Seen)| {
            self.deletion_at(node, seen).filter(|at| *at <= now.at).map(|_| node.clone())
        };
        self.peers.observed().filter_map(due).collect()
    }

    /// Deletes a member record at the revision that names the ended session, or at the revision of
    /// an unreadable record that replaced it. A later reader could not tell which session the
    /// unreadable record belongs to.
    pub(super) fn delete_member(&mut self, now: Now, node: &NodeId) {
        let (Some(seen), Some(member)) = (self.peers.seen.get(node), self.view.members.get(node))
        else {
            return;
        };
        if !seen.ends(member) || self.away_until(node, seen).is_some_and(|until| until > now.at) {
            return;
        }
        let name = RecordName::Member(node.clone()).to_string();
        let stands = self.view.problems.revision(&name).unwrap_or(member.revision);
        let write = Write::delete(name, Some(stands).filter(|_| !broken!(MemberCas)));
        self.peers.deleting.insert(node.clone());
        self.io.write(self.view, WriteFor::MemberGone(node.clone()), write);
    }

    /// The delete has an outcome. The watch shows that the member is gone, or the delete is tried
    /// again.
    pub(crate) fn on_member_gone_wrote(&mut self, now: Now, node: &NodeId) {
        self.peers.deleting.remove(node);
        if let Some(seen) = self.peers.seen.get_mut(node) {
            seen.since = now.at;
        }
    }
}
