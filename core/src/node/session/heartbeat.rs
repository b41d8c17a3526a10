//! Renewing the lease.

use super::{Life, SessionHandler};
use crate::edge::{Action, End, Notice, ReadId, WriteId};
use crate::guard::broken;
use crate::id::Revision;
use crate::log::{Outcome, Record, StoreError, Write};
use crate::node::io::{Demand, ReadFor, WriteFor};
use crate::node::register::{Register, Verdict};
use crate::time::{Now, Time};
use crate::wire::{LeaseRecord, LeaseState};

/// How long a lease record outlives its last renewal, in lease times.
const LIFE_IN_LEASES: u32 = 10;

impl SessionHandler<'_> {
    /// Sends the next attempt if it is due.
    pub(crate) fn drive_heartbeat(&mut self, now: Now) {
        let Some(lease) = self.session.lease() else { return };
        if lease.write.is_open() || lease.next > now.at {
            return;
        }
        let beat = lease.beat + 1;
        let write = self.lease_write(LeaseState::Live, beat);
        let id = self.io.write(self.view, WriteFor::Lease(beat), write);
        if let Some(lease) = self.session.lease_mut() {
            let sent = lease.send(now.at, id);
            debug_assert_eq!(sent, beat);
        }
        self.io.demand(Demand::WriteStops);
    }

    /// The next lease record, to replace the known one.
    pub(crate) fn lease_write(&self, state: LeaseState, beat: u64) -> Write {
        let lease = self.session.lease().expect("only called while there is a lease");
        let record = LeaseRecord {
            session: lease.session,
            beat,
            lease_ms: u64::try_from(self.timing.lease.as_millis()).unwrap_or(u64::MAX),
            state,
            held: self.keys.holds.held() as u64,
            stopping: self.keys.holds.open_count() as u64,
            seen: self.view.seen,
            by: None,
        };
        let ttl = match state {
            LeaseState::Live => self.timing.lease * LIFE_IN_LEASES,
            LeaseState::Ended | LeaseState::Dead => crate::timing::ENDED_LEASE_TTL,
        };
        Write {
            name: self.lease_name().to_string(),
            value: Some(record.encode()),
            expected: Some(lease.revision).filter(|_| !broken!(HeartbeatCas)),
            ttl: Some(ttl),
            expires_in: None,
        }
    }

    /// The outcome of an attempt.
    pub(crate) fn on_lease_wrote(&mut self, now: Now, beat: u64, id: WriteId, outcome: &Outcome) {
        let retry = self.timing.retry;
        let Some(lease) = self.session.lease_mut() else { return };
        match lease.write.on_wrote(id, outcome) {
            Some(Verdict::Landed(revision)) => return self.on_lease_seen(now, beat, revision),
            Some(Verdict::Refused(_)) => lease.next = now.at + retry,
            Some(Verdict::MustRead) => {
                let id = self.io.read(self.view, ReadFor::OwnLease, &self.lease_name());
                if let Some(lease) = self.session.lease_mut() {
                    lease.write = Register::Reading(id);
                }
            }
            None => return,
        }
        if let Outcome::Refused(error) | Outcome::Unknown(error) = outcome {
            self.io.notice(Notice::StoreFailed { what: "renew the lease", error: error.clone() });
        }
    }

    /// The record is known to hold this attempt at this revision. The source is an acknowledgement,
    /// a read or the watch.
    pub(crate) fn on_lease_seen(&mut self, now: Now, beat: u64, revision: Revision) {
        let heartbeat = self.timing.heartbeat;
        let Some(lease) = self.session.lease_mut() else { return };
        let newest = beat == lease.beat;
        if lease.shows_loss(beat, revision) {
            self.io.demand(Demand::LogLost);
        }
        let extends = lease.proved(beat, revision);
        #[cfg(test)]
        lease.count_from_ack(extends, now.at);
        if newest {
            lease.write = Register::Idle;
            lease.next = (lease.next + heartbeat).max(now.at);
        }
        self.watch.on_lease_acked(now.at, revision);
        if !extends {
            return;
        }
        if let Life::Claiming(_) = self.session.life {
            self.io.demand(Demand::Begin);
        } else {
            self.report_lease();
        }
    }

    /// The leader's answer after an attempt with unknown outcome.
    pub(crate) fn on_own_lease_read(
        &mut self,
        now: Now,
        id: ReadId,
        answer: Result<Option<Record>, StoreError>,
    ) {
        let retry = self.timing.retry;
        let Some(lease) = self.session.lease_mut() else { return };
        if !lease.write.on_read(id) {
            return;
        }
        let Ok(record) = answer else {
            lease.next = now.at + retry;
            return;
        };
        let value = record.as_ref().and_then(|r| r.value.as_deref());
        let revision = record.as_ref().map_or(Revision::NONE, |r| r.revision);
        if let Some(found) = value.and_then(|v| LeaseRecord::decode(v).ok()) {
            return self.on_own_lease(now, &found, revision, true);
        }
        if !lease.is_proved() && revision != lease.revision {
            return self.join_again();
        }
        // An absent or unreadable lease does not prove that a session is over: a live session
        // writes its lease again.
        lease.retry_over(revision, now.at + retry);
    }

    /// This node's own lease record in the log, read or delivered.
    pub(crate) fn on_own_lease(
        &mut self,
        now: Now,
        found: &LeaseRecord,
        revision: Revision,
        read: bool,
    ) {
        let joined = self.member.joined();
        let Some(lease) = self.session.lease() else { return };
        let (session, proved) = (lease.session, lease.is_proved());
        if !read && revision <= lease.revision {
            return;
        }
        match found.state {
            _ if read && proved && found.session != session && revision < joined => {
                // A deposed leader answered, or the log lost its tail. The next compare-and-set
                // shows which.
                let next = now.at + self.timing.retry;
                if let Some(lease) = self.session.lease_mut() {
                    lease.retry_over(revision, next);
                }
            }
            LeaseState::Live if found.session == session => {
                self.on_lease_seen(now, found.beat, revision);
                if let Some(lease) = self.session.lease_mut().filter(|_| read) {
                    // The record may hold an earlier attempt.
                    let overdue = lease.next <= now.at;
                    lease.next = if overdue { now.at + self.timing.retry } else { lease.next };
                    lease.revision = revision;
                }
            }
            _ if !proved && found.session != session => {
                self.on_base_read(now, found, revision, read);
            }
            _ if found.session == session
                || self.session.old.contains(&found.session)
                || broken!(ReplacedIsOver) =>
            {
                self.io.demand(Demand::Fence("another node ended the session"));
            }
            _ => {
                let session = found.session;
                self.end(End::Replaced { session });
            }
        }
    }

    /// The session is not recorded yet. This is the record that the log has instead.
    fn on_base_read(&mut self, now: Now, found: &LeaseRecord, revision: Revision, read: bool) {
        let (own, retry) = (self.session.old.contains(&found.session), self.timing.retry);
        let Some(lease) = self.session.lease_mut() else { return };
        if !read {
            return;
        }
        if own || revision == lease.revision {
            // No other process used this id, so the same session tries again. A new session could
            // not distinguish its own late writes from those of another process.
            lease.retry_over(revision, now.at + retry);
        } else {
            self.join_again();
        }
    }

    /// The session that is being claimed has not begun, and the log has another record than the one
    /// that it was to replace. Another process may have begun a session or renewed one, and the watch
    /// may be silent: without a lease, no heartbeat shows that. So the log is read again.
    fn join_again(&mut self) {
        self.session.life = Life::Opening;
        self.io.demand(Demand::Resync("the view lacks the own lease"));
    }

    /// Reports until when the lease lasts.
    pub(crate) fn report_lease(&mut self) {
        let Some(lease) = self.session.lease() else { return };
        if let (Some(until), Some(start_until)) =
            (lease.until(self.timing), lease.fence_at(self.timing))
        {
            let start_until = if broken!(StartInTime) { Time(u64::MAX) } else { start_until };
            self.io.push(Action::Lease { until, start_until });
        }
    }
}
