//! Beginning a session: from the first read of the lease record to the first heartbeat.

use std::time::Duration;

use super::lease::Lease;
use super::{Life, SessionHandler};
use crate::config::JoinPolicy;
use crate::edge::{End, Notice};
use crate::guard::broken;
use crate::id::{Revision, Session};
use crate::log::{Record, StoreError};
use crate::node::io::{Demand, ReadFor};
use crate::time::Now;
use crate::timing::{UNKNOWN_LEASE, observed};
use crate::wire::{GroupRecord, LeaseRecord, LeaseState, PROTOCOL, RecordName};

/// The only plan version so far.
pub(crate) const PLAN: u32 = 1;

impl SessionHandler<'_> {
    pub(crate) fn drive(&mut self, now: Now) {
        let shut_out = self.session.shut_out_at(self.timing, self.member);
        if shut_out.is_some_and(|at| at <= now.at) {
            let record = RecordName::Member(self.config.node.clone());
            let why = "the member record cannot be written";
            return self.io.demand(Demand::FenceUntilWritable(why, record));
        }
        match &self.session.life {
            Life::Opening if self.watch.is_live() => self.check_record(now),
            Life::Checking { read_at: Some(at) } if *at <= now.at => {
                self.io.read(self.view, ReadFor::Join, &self.lease_name());
                self.session.life = Life::Checking { read_at: None };
            }
            Life::Observing { until, revision, .. } if *until <= now.at => {
                let revision = *revision;
                self.claim_lease(now, revision);
            }
            Life::Claiming(_) | Life::Entering(_) | Life::Active(_) => self.drive_heartbeat(now),
            Life::Fenced { until, .. } => {
                let quiet = self.keys.holds.notes.is_all_confirmed()
                    || *until <= now.at
                    || broken!(QuietBeforeRejoin);
                if quiet && self.session.is_cancelled() {
                    return self.end(End::Cancelled);
                }
                let comes_back = self.watch.is_live() && self.session.may_rejoin();
                if quiet && comes_back && self.drive_rejoin(now) {
                    self.check_record(now);
                }
            }
            Life::Cancelling(_) => self.drive_cancel(now),
            _ => {}
        }
    }

    /// Checks the group and the own lease record, with a complete view: an incomplete one lacks the
    /// protocol of the group, and the member record that names a session of this id.
    pub(crate) fn check_record(&mut self, now: Now) {
        if !self.watch.is_live() {
            self.session.life = Life::Opening;
            return;
        }
        if let Some(end) = self.incompatibility() {
            return self.end(end);
        }
        self.session.life = Life::Checking { read_at: Some(now.at) };
        self.drive(now);
    }

    /// Why this build cannot join the group, if it cannot.
    fn incompatibility(&self) -> Option<End> {
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

    pub(crate) fn lease_name(&self) -> RecordName {
        RecordName::Lease(self.config.node.clone())
    }

    /// The leader's answer to the read of this node's own lease record.
    pub(crate) fn on_join_read(&mut self, now: Now, answer: Result<Option<Record>, StoreError>) {
        if !matches!(self.session.life, Life::Checking { .. }) {
            return;
        }
        if !self.watch.is_live() {
            // The answer is judged with the view; it is read again when the view is complete.
            self.session.life = Life::Opening;
            return;
        }
        let record = match answer {
            Ok(record) => record,
            Err(error) => {
                self.io.notice(Notice::StoreFailed { what: "read the own lease", error });
                let read_at = Some(now.at + self.timing.retry.max(Duration::from_millis(100)));
                self.session.life = Life::Checking { read_at };
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
            (_, _) if !self.session.old.is_empty() && !is_own => {
                self.end(End::Replaced { session: found.session });
            }
            (LeaseState::Live, JoinPolicy::FailIfInUse) => self.end_in_use(found.session),
            (LeaseState::Live, JoinPolicy::Observe) => {
                let lease = Duration::from_millis(found.lease_ms).min(UNKNOWN_LEASE);
                let until = now.at + observed(lease);
                self.session.life = Life::Observing { revision, until };
            }
            _ => self.claim_lease(now, revision),
        }
    }

    /// There is no readable lease. An absent lease does not prove that a session is over. The
    /// session that the member record names may be alive, and then it writes its lease again with
    /// its next heartbeat.
    fn on_no_lease(&mut self, now: Now, revision: Revision) {
        let member = self.view.members.get(&self.config.node).map(|m| &m.record);
        let other = member.filter(|m| !self.was_own(m.session));
        match other.map(|m| (m.session, Duration::from_millis(m.lease_ms))) {
            Some((session, _)) if !self.session.old.is_empty() => {
                self.end(End::Replaced { session });
            }
            Some((_, lease)) if self.config.join != JoinPolicy::TakeOver => {
                let until = now.at + observed(lease.min(UNKNOWN_LEASE));
                self.session.life = Life::Observing { revision, until };
            }
            _ => self.claim_lease(now, revision),
        }
    }

    /// Whether this process had the session before it was fenced.
    fn was_own(&self, session: Session) -> bool {
        self.session.old.contains(&session)
            || broken!(ReplacedIsOver) && !self.session.old.is_empty()
    }

    fn end_in_use(&mut self, session: Session) {
        let member = self.view.members.get(&self.config.node);
        let host = member.map(|m| m.record.host.clone()).unwrap_or_default();
        self.end(End::NodeIdInUse { session, host });
    }

    /// This node's own lease record changed while another process seemed to hold it.
    pub(crate) fn on_observed_change(&mut self, now: Now) {
        let Life::Observing { revision, .. } = self.session.life else { return };
        let Some(found) = self.view.leases.get(&self.config.node) else {
            return self.check_record(now);
        };
        if found.revision <= revision {
            return;
        }
        match found.record.state {
            LeaseState::Live => self.end_in_use(found.record.session),
            LeaseState::Ended | LeaseState::Dead => self.check_record(now),
        }
    }

    /// Begins a new session, which replaces the record at that revision.
    fn claim_lease(&mut self, now: Now, revision: Revision) {
        let session = (self.config.sessions)();
        self.session.life = Life::Claiming(Lease::new(session, revision, now.at));
        self.drive_heartbeat(now);
    }
}
