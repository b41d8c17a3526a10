//! This node's own lease: its last proved renewal, and the attempts in flight.

use crate::edge::WriteId;
use crate::guard::broken;
use crate::id::{Revision, Session};
use crate::node::register::Register;
use crate::time::Time;
use crate::timing::Timing;

/// The highest number of unanswered attempts before the oldest is forgotten. More attempts than fit
/// into one lease.
const UNANSWERED: usize = 64;

/// A lease that this node holds or is about to hold.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) session: Session,
    /// The last known revision of the lease record.
    pub(crate) revision: Revision,
    /// The number of the newest attempt to renew it.
    pub(super) beat: u64,
    /// The send time of the newest attempt known to be recorded. `None` if no attempt is known to
    /// be recorded yet.
    proved_at: Option<Time>,
    /// The highest revision known to have held an attempt of this session.
    recorded: Revision,
    /// The revision that the newest attempt was to replace.
    over: Revision,
    /// The attempts without a known outcome, each with its send time.
    sent: Vec<(u64, Time)>,
    pub(super) write: Register,
    /// When the next attempt is sent.
    pub(super) next: Time,
}

impl Lease {
    /// A new session, whose first attempt replaces the record at `revision`.
    pub(super) fn new(session: Session, revision: Revision, now: Time) -> Self {
        Self {
            session,
            revision,
            beat: 0,
            proved_at: None,
            recorded: Revision::NONE,
            over: Revision::NONE,
            sent: Vec::new(),
            write: Register::Idle,
            next: now,
        }
    }

    /// An attempt is sent now. Returns its number.
    pub(super) fn send(&mut self, now: Time, write: WriteId) -> u64 {
        self.beat += 1;
        if self.sent.len() == UNANSWERED {
            self.sent.remove(0);
        }
        self.sent.push((self.beat, now));
        self.over = self.revision;
        self.write = Register::Writing(write);
        self.beat
    }

    /// The record was seen with this attempt in it. The lease runs from the send time of that
    /// attempt, not of a later one. Returns whether this is new.
    pub(super) fn proved(&mut self, beat: u64, revision: Revision) -> bool {
        self.revision = self.revision.max(revision);
        self.recorded = self.recorded.max(revision);
        let shown = |(sent, _): &&(u64, Time)| *sent == beat || broken!(BeatInRecord);
        let Some(&(_, at)) = self.sent.iter().rev().find(shown) else { return false };
        self.sent.retain(|(sent, _)| *sent > beat);
        let extends = self.proved_at.is_none_or(|proved_at| at > proved_at);
        self.proved_at = self.proved_at.max(Some(at));
        extends
    }

    /// Counts the lease from the acknowledgement if that guard is broken.
    #[cfg(test)]
    pub(super) fn count_from_ack(&mut self, extends: bool, acked: Time) {
        if extends && broken!(LeaseFromSend) {
            self.proved_at = Some(acked);
        }
    }

    /// Whether this attempt at this revision shows that the log lost an earlier attempt. The newest
    /// attempt does, when it is first known to be recorded, if it replaced a record that an earlier
    /// attempt had already replaced.
    pub(super) fn shows_loss(&mut self, beat: u64, revision: Revision) -> bool {
        let is_news = self.sent.last().is_some_and(|(newest, _)| *newest == beat);
        let lost = is_news && (self.over < self.recorded || revision <= self.recorded);
        if lost {
            self.recorded = revision;
            self.revision = revision;
        }
        lost
    }

    /// The next attempt must replace another record than expected, and is sent at `next`.
    pub(super) fn retry_over(&mut self, revision: Revision, next: Time) {
        self.revision = revision;
        self.write = Register::Idle;
        self.next = next;
    }

    /// The highest revision known to have held a record of this session.
    pub(crate) fn recorded(&self) -> Revision {
        self.recorded
    }

    /// Whether the session has ever been recorded.
    pub(super) fn is_proved(&self) -> bool {
        self.proved_at.is_some()
    }

    /// From this time on, nothing is held under this lease.
    pub(crate) fn until(&self, timing: &Timing) -> Option<Time> {
        Some(self.proved_at? + timing.lease)
    }

    /// When the node reports every key as `Lost`, so that the application still has the stop
    /// budget.
    pub(super) fn fence_at(&self, timing: &Timing) -> Option<Time> {
        Some(self.until(timing)? - timing.stop_budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(ms: u64) -> Time {
        Time(0) + Duration::from_millis(ms)
    }

    #[test]
    fn a_lease_counts_from_the_attempt_that_the_record_shows() {
        let timing = Timing::of(Duration::from_secs(6));
        let mut lease = Lease::new(Session::from_bits(1), Revision::NONE, at(0));
        assert_eq!(lease.until(&timing), None);
        let first = lease.send(at(100), WriteId(1));
        let second = lease.send(at(900), WriteId(2));
        assert!(lease.proved(first, Revision(7)), "the first one's record was read back");
        assert_eq!(lease.until(&timing), Some(at(6_100)), "not from the second attempt");
        assert!(lease.proved(second, Revision(8)));
        assert_eq!(lease.fence_at(&timing), Some(at(5_900)));
        assert!(!lease.proved(first, Revision(7)), "an old answer takes nothing back");
        assert_eq!(lease.until(&timing), Some(at(6_900)));
        assert_eq!(lease.revision, Revision(8));
    }

    /// A lease with three attempts sent, of which two are recorded at the revisions 7 and 8.
    fn recorded_twice() -> Lease {
        let mut lease = Lease::new(Session::from_bits(1), Revision::NONE, at(0));
        for revision in [7, 8] {
            let beat = lease.send(at(revision), WriteId(revision));
            assert!(!lease.shows_loss(beat, Revision(revision)));
            assert!(lease.proved(beat, Revision(revision)));
        }
        lease.send(at(9), WriteId(9));
        lease
    }

    #[test]
    fn a_renewal_over_an_older_record_shows_a_loss_once() {
        let mut lease = recorded_twice();
        lease.retry_over(Revision(7), at(10));
        let beat = lease.send(at(10), WriteId(10));
        assert!(!lease.shows_loss(beat - 1, Revision(9)), "an earlier attempt shows nothing");
        assert!(lease.shows_loss(beat, Revision(9)), "what was at 8 is not there any more");
        assert!(lease.proved(beat, Revision(9)));
        assert!(!lease.shows_loss(beat, Revision(9)), "its answer comes after its delivery");
        let beat = lease.send(at(11), WriteId(11));
        assert!(!lease.shows_loss(beat, Revision(10)), "from there on all is as ever");
        assert!(lease.proved(beat, Revision(10)));
    }

    #[test]
    fn a_renewal_stored_at_a_used_revision_shows_a_loss() {
        assert!(!recorded_twice().shows_loss(3, Revision(9)));
        assert!(recorded_twice().shows_loss(3, Revision(8)));
        assert!(recorded_twice().shows_loss(3, Revision(6)));
    }
}
