//! Leaving: flush, cancel, and the end of the node when no key is left.

use std::time::Duration;

use super::Node;
use super::keys::Given;
use super::member::Departure;
use super::session::Life;
use crate::edge::{Action, End, LostReason, Notice, Reply, RequestId};
use crate::time::{Now, Time};

/// How many lease times a flush may make no progress while no stop waits for the application.
const FLUSH_LEASES: u32 = 4;

impl Node {
    /// The application requests that every key is handed over.
    pub(super) fn on_flush(&mut self, now: Now, request: RequestId) {
        self.depart(now, request, Departure::Leaves);
    }

    /// The application requests that every key is stopped and waits for this node's next session.
    pub(super) fn on_leave_for(&mut self, now: Now, request: RequestId, away: Duration) {
        // A node that hands its keys over already continues to do so.
        let departure = match self.member.departure() {
            Departure::Leaves => Departure::Leaves,
            _ => Departure::Restarts { away },
        };
        self.depart(now, request, departure);
    }

    fn depart(&mut self, now: Now, request: RequestId, departure: Departure) {
        if self.session.leaving.flushes.is_empty() {
            self.keys.given.note(now);
        }
        self.session.leaving.flushes.push(request);
        if self.member.departure() != departure {
            self.member.depart(departure);
            self.forget_given();
        }
        if self.holds_nothing() {
            self.answer_flushed();
        }
    }

    /// Whether this node has no session that could hold a key.
    fn holds_nothing(&self) -> bool {
        match self.session.life {
            Life::Entering(_) | Life::Active(_) | Life::Cancelling(_) => false,
            Life::Opening
            | Life::Checking { .. }
            | Life::Observing { .. }
            | Life::Claiming(_)
            | Life::Fenced { .. }
            | Life::Over => true,
        }
    }

    /// The node was fenced, possibly while it was leaving. Then it has no keys left to hand over.
    pub(super) fn fenced_leaving(&mut self, kept: u64) {
        if !self.session.leaving.flushes.is_empty() {
            self.session.leaving.lost += kept;
            self.answer_flushed();
        }
    }

    fn forget_given(&mut self) {
        self.keys.given.forget();
        self.session.leaving.lost = 0;
    }

    fn answer_flushed(&mut self) {
        self.session.leaving.flushed = true;
        let Given { handed, freed, kept, .. } = self.keys.given;
        let lost = self.session.leaving.lost;
        for request in std::mem::take(&mut self.session.leaving.flushes) {
            self.io.push(Action::Reply(request, Reply::Flushed { handed, freed, kept, lost }));
        }
    }

    /// When a flush without progress is given up.
    pub(super) fn flush_timeout(&self) -> Option<Time> {
        let waits = !self.session.leaving.flushes.is_empty();
        // A cancelled node gives nothing away any more.
        let gives = matches!(self.session.life, Life::Entering(_) | Life::Active(_));
        (waits && gives).then_some(self.keys.given.progress + self.timing.lease * FLUSH_LEASES)
    }

    /// Gives up a flush that makes no progress although no stop waits for the application. In this
    /// case the node cannot write a record. Other nodes take the remaining keys when the session is
    /// over.
    fn drive_flush(&mut self, now: Now) {
        if self.flush_timeout().is_none_or(|at| at > now.at) {
            return;
        }
        if self.keys.holds.is_any_stopping() {
            self.keys.given.note(now);
        } else {
            self.fence(now, "keys cannot be handed over");
        }
    }

    /// Reports when every key of a flush or a drain is handed over.
    pub(super) fn drive_leaving(&mut self, now: Now) {
        self.drive_flush(now);
        let rests = self.keys().rests();
        if !rests && !self.keys().departs() {
            self.session.leaving.drained = false;
            if self.session.leaving.flushes.is_empty() {
                self.forget_given();
            }
            return;
        }
        if self.session.leaving.drained && self.session.leaving.flushes.is_empty() {
            return;
        }
        let idle = self.keys.takes.is_idle() && self.keys.holds.is_empty();
        if !idle || !self.session.is_working(now, &self.timing, &self.watch) {
            return;
        }
        let own = self.view.owners.get(self.session.me).map_or(&[][..], |owner| &owner.keys);
        let claimed =
            own.iter().filter_map(|ix| self.view.keys.get(*ix)).filter(|e| e.claim.exists);
        let (kept, stale) = claimed.fold((0, 0), |(kept, stale), entry| {
            if entry.exists() { (kept + 1, stale) } else { (kept, stale + 1) }
        });
        if stale > 0 || kept > 0 && !rests {
            return;
        }
        if !std::mem::replace(&mut self.session.leaving.drained, true) {
            let Given { handed, freed, .. } = self.keys.given;
            let notice =
                if rests { Notice::Stopped { kept } } else { Notice::Drained { handed, freed } };
            self.io.notice(notice);
        }
        self.keys.given.kept = kept;
        if !self.session.leaving.flushes.is_empty() {
            self.answer_flushed();
        }
    }

    /// The application gives every key up. It is notified of `Lost` for each of its keys. The
    /// session ends when every stop is confirmed, or when the lease is over.
    pub(super) fn on_cancel(&mut self, now: Now, request: RequestId) {
        self.session.leaving.cancels.push(request);
        match std::mem::replace(&mut self.session.life, Life::Over) {
            Life::Entering(lease) | Life::Active(lease) => {
                let until = lease.until(&self.timing).unwrap_or(now.at);
                self.session.life = Life::Cancelling(lease);
                self.lose_all(LostReason::Cancelled, until);
                self.session().drive_cancel(now);
            }
            Life::Cancelling(lease) => self.session.life = Life::Cancelling(lease),
            Life::Fenced { until, rejoin } => {
                self.session.life = Life::Fenced { until, rejoin };
                self.session().drive(now);
            }
            life => {
                self.session.life = life;
                self.end(now, End::Cancelled);
            }
        }
    }

    /// The node has ended. Every pending request gets an answer.
    pub(super) fn answer_all_over(&mut self) {
        // The node ended before the flush was complete.
        for request in std::mem::take(&mut self.session.leaving.flushes) {
            self.io.push(Action::Reply(request, Reply::Over));
        }
        for request in std::mem::take(&mut self.session.leaving.cancels) {
            self.io.push(Action::Reply(request, Reply::Done));
        }
    }
}
