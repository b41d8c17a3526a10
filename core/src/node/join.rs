//! A node's life: from the first look at its lease to membership, and back after a fence.

use std::time::Duration;

use super::Node;
use super::lease::{Lease, Step};
use super::outcome::ReadFor;
use crate::config::JoinPolicy;
use crate::edge::{Action, End, Notice};
use crate::guard::broken;
use crate::id::{Revision, Session};
use crate::log::{Record, StoreError};
use crate::time::{Now, Time};
use crate::timing::{UNKNOWN_LEASE, observed};
use crate::wire::{GroupRecord, LeaseRecord, LeaseState, PROTOCOL, RecordName};

/// The only plan version there is so far.
pub(super) const PLAN: u32 = 1;

/// Where a node is in its life.
#[derive(Debug)]
pub(super) enum Life {
    /// It waits for its view to be complete.
    Opening,
    /// It asks the leader for its own lease record: at this time, or (none) it has.
    Checking { ask_at: Option<Time> },
    /// Somebody seems to hold its id: it watches that session.
    Observing { revision: Revision, until: Time },
    /// It writes its lease; nothing is held yet.
    Claiming(Lease),
    /// It holds a lease; its member record has not come back through the watch.
    Entering(Lease),
    /// It is a member.
    Active(Lease),
    /// It has told everything `Lost` and waits until nothing runs any more, at the latest until its
    /// lease is over, and not to come back too early.
    Fenced { until: Time, rejoin: Time },
    /// The application has cancelled it: it waits until nothing runs any more, then ends its lease.
    Cancelling(Lease),
    /// It is over.
    Over,
}

impl Node {
    pub(super) fn lease(&self) -> Option<&Lease> {
        match &self.life {
            Life::Claiming(lease)
            | Life::Entering(lease)
            | Life::Active(lease)
            | Life::Cancelling(lease) => Some(lease),
            _ => None,
        }
    }

    pub(super) fn lease_mut(&mut self) -> Option<&mut Lease> {
        match &mut self.life {
            Life::Claiming(lease)
            | Life::Entering(lease)
            | Life::Active(lease)
            | Life::Cancelling(lease) => Some(lease),
            _ => None,
        }
    }

    pub(super) fn life_timeout(&self) -> Option<Time> {
        let lease_at = |lease: &Lease| {
            let beat = (lease.step == Step::Idle).then_some(lease.next);
            beat.into_iter().chain(lease.fence_at(&self.timing)).min()
        };
        match &self.life {
            Life::Opening | Life::Over => None,
            Life::Checking { ask_at } => *ask_at,
            Life::Observing { until, .. } => Some(*until),
            Life::Fenced { until, rejoin } => {
                [*until, *rejoin].into_iter().filter(|at| *at > self.looked).min()
            }
            Life::Claiming(lease) | Life::Active(lease) => lease_at(lease),
            Life::Entering(lease) => lease_at(lease).into_iter().chain(self.shut_out_at()).min(),
            Life::Cancelling(lease) => self.cancel_timeout(lease),
        }
    }

    pub(super) fn drive_life(&mut self, now: Now) {
        if self.shut_out_at().is_some_and(|at| at <= now.at) {
            let member = self.member_name();
            return self.fence_until_it_may_write(
                now,
                "the member record cannot be written",
                member,
            );
        }
        match &self.life {
            Life::Opening if self.watch.is_live() => self.check_lease_record(now),
            Life::Checking { ask_at: Some(at) } if *at <= now.at => {
                self.read(ReadFor::Join, &self.lease_name());
                self.life = Life::Checking { ask_at: None };
            }
            Life::Observing { until, revision, .. } if *until <= now.at => {
                let revision = *revision;
                self.claim_lease(now, revision);
            }
            Life::Claiming(_) | Life::Entering(_) | Life::Active(_) => self.drive_heartbeat(now),
            Life::Fenced { until, .. } => {
                let quiet = self.holds.unconfirmed.is_empty()
                    || *until <= now.at
                    || broken!(QuietBeforeRejoin);
                if quiet && self.is_cancelled() {
                    return self.end(End::Cancelled);
                }
                let comes_back = self.watch.is_live() && self.may_rejoin();
                if quiet && comes_back && self.drive_rejoin(now) {
                    self.check_lease_record(now);
                }
            }
            Life::Cancelling(_) => self.drive_cancel(now),
            _ => {}
        }
    }

    pub(super) fn check_lease_record(&mut self, now: Now) {
        if let Some(end) = self.bar() {
            return self.end(end);
        }
        self.life = Life::Checking { ask_at: Some(now.at) };
        self.drive_life(now);
    }

    /// What keeps this build out of the group.
    fn bar(&self) -> Option<End> {
        let group = self.view.group.as_ref().map(|g| &g.record);
        if let Some(&GroupRecord { protocol: found, .. }) = group
            && found != PROTOCOL
        {
            return Some(End::Protocol { found });
        }
        let others = self.view.members.iter().filter(|(node, _)| **node != self.config.node);
        let (node, highest) = others.map(|(n, m)| (n, m.record.plan.1)).min_by_key(|(_, h)| *h)?;
        (highest < PLAN).then(|| End::PlanTooOld { node: node.clone(), highest })
    }

    pub(super) fn lease_name(&self) -> RecordName {
        RecordName::Lease(self.config.node.clone())
    }

    /// The leader's answer to a question for the own lease record.
    pub(super) fn on_join_read(&mut self, now: Now, answer: Result<Option<Record>, StoreError>) {
        if !matches!(self.life, Life::Checking { .. }) {
            return;
        }
        let record = match answer {
            Ok(record) => record,
            Err(error) => {
                self.notice(Notice::StoreFailed { what: "read the own lease", error });
                let ask_at = Some(now.at + self.timing.retry.max(Duration::from_millis(100)));
                self.life = Life::Checking { ask_at };
                return;
            }
        };
        let revision = record.as_ref().map_or(Revision::NONE, |r| r.revision);
        let value = record.as_ref().and_then(|r| r.value.as_deref());
        let Some(found) = value.and_then(|v| LeaseRecord::decode(v).ok()) else {
            return self.on_no_lease(now, revision);
        };
        let is_own = self.was_own(found.session);
        match (found.state, self.config.join) {
            (LeaseState::Live, _) if is_own => self.claim_lease(now, revision),
            (_, _) if !self.old_sessions.is_empty() && !is_own => {
                self.end(End::Replaced { session: found.session });
            }
            (LeaseState::Live, JoinPolicy::FailIfInUse) => self.end_in_use(found.session),
            (LeaseState::Live, JoinPolicy::Observe) => {
                let lease = Duration::from_millis(found.lease_ms).min(UNKNOWN_LEASE);
                let until = now.at + observed(lease);
                self.life = Life::Observing { revision, until };
            }
            _ => self.claim_lease(now, revision),
        }
    }

    /// No lease can be read. Absent is not dead: the session that the member record names may live,
    /// and writes its lease again with its next heartbeat.
    fn on_no_lease(&mut self, now: Now, revision: Revision) {
        let member = self.view.members.get(&self.config.node).map(|m| &m.record);
        let other = member.filter(|m| !self.was_own(m.session));
        match other.map(|m| (m.session, Duration::from_millis(m.lease_ms))) {
            Some((session, _)) if !self.old_sessions.is_empty() => {
                self.end(End::Replaced { session });
            }
            Some((_, lease)) if self.config.join != JoinPolicy::TakeOver => {
                let until = now.at + observed(lease.min(UNKNOWN_LEASE));
                self.life = Life::Observing { revision, until };
            }
            _ => self.claim_lease(now, revision),
        }
    }

    /// Whether a session is one that this process had before it was fenced.
    fn was_own(&self, session: Session) -> bool {
        self.old_sessions.contains(&session)
            || broken!(ReplacedIsOver) && !self.old_sessions.is_empty()
    }

    fn end_in_use(&mut self, session: Session) {
        let member = self.view.members.get(&self.config.node);
        let host = member.map(|m| m.record.host.clone()).unwrap_or_default();
        self.end(End::NodeIdInUse { session, host });
    }

    /// The own lease record changed while somebody else seemed to hold it.
    pub(super) fn on_observed_change(&mut self, now: Now) {
        let Life::Observing { revision, .. } = self.life else { return };
        let Some(found) = self.view.leases.get(&self.config.node) else {
            return self.check_lease_record(now);
        };
        if found.revision <= revision {
            return;
        }
        match found.record.state {
            LeaseState::Live => self.end_in_use(found.record.session),
            LeaseState::Ended | LeaseState::Dead => self.check_lease_record(now),
        }
    }

    /// Begins a new session over the record at that revision.
    fn claim_lease(&mut self, now: Now, revision: Revision) {
        let session = (self.config.sessions)();
        self.life = Life::Claiming(Lease::new(session, revision, now.at));
        self.drive_heartbeat(now);
    }

    /// The session is recorded: this node holds a lease from now on.
    pub(super) fn on_session_began(&mut self, now: Now) {
        let Life::Claiming(lease) = std::mem::replace(&mut self.life, Life::Opening) else {
            return;
        };
        let (session, joined) = (lease.session, lease.revision);
        self.life = Life::Entering(lease);
        self.me = self.view.owners.intern(&self.config.node, session, joined).unwrap_or_default();
        let stands = self.view.members.get(&self.config.node).map(|m| m.revision);
        self.member.begin(now, session, joined, stands.unwrap_or_default());
        self.watch.forget_heartbeats();
        self.watch.on_lease_acked(now.at, joined);
        self.holds.marks.clear();
        self.actions.push_back(Action::Session(session));
        self.tell_lease();
    }

    /// The own member record came back through the watch.
    pub(super) fn on_own_member(&mut self) {
        if !self.planner.is_member(self.me) {
            return;
        }
        if let Life::Entering(_) = self.life
            && let Life::Entering(lease) = std::mem::replace(&mut self.life, Life::Opening)
        {
            self.life = Life::Active(lease);
            self.planner.mark_dirty(self.view.keys.iter().map(|(ix, _)| ix));
            self.notice(Notice::Joined { joined: self.member.joined() });
        }
    }
}
