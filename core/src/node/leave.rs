//! Leaving: flush, cancel, and the end of the lease.

use super::Node;
use super::hold::Next;
use super::join::Life;
use super::lease::{Lease, Step};
use super::outcome::WriteFor;
use crate::edge::LostReason;
use crate::edge::{Action, End, Notice, Reply, RequestId};
use crate::guard::broken;
use crate::id::Revision;
use crate::log::{Outcome, Write};
use crate::time::{Now, Time};
use crate::wire::{LeaseState, RecordName};

/// For how many leases a flush may stand still while the application owes nothing.
const FLUSH_LEASES: u32 = 4;

/// How far the leaving is, of a drain too.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    flushes: Vec<RequestId>,
    flushed: bool,
    cancels: Vec<RequestId>,
    handed: u64,
    freed: u64,
    lost: u64,
    /// When the application last confirmed a stop, or a key was handed over, since the flush began.
    progress: Time,
    /// That the drain is done has been said.
    drained: bool,
    /// The lease is ended; the member record is being deleted.
    ended: bool,
    /// When the end of the lease is tried again.
    end_at: Option<Time>,
}

impl Leaving {
    /// The flush goes on.
    pub(super) fn note_progress(&mut self, now: Now) {
        self.progress = now.at;
    }

    /// A key was given away.
    pub(super) fn count(&mut self, now: Now, next: Next) {
        self.note_progress(now);
        match next {
            Next::To(_) => self.handed += 1,
            Next::Free => self.freed += 1,
            Next::Gone | Next::Again => {}
        }
    }

    fn forget(&mut self) {
        (self.handed, self.freed, self.lost) = (0, 0, 0);
    }

    pub(super) fn is_asked(&self) -> bool {
        !self.flushes.is_empty() || self.flushed || !self.cancels.is_empty()
    }
}

impl Node {
    /// The application wants everything handed over.
    pub(super) fn on_flush(&mut self, now: Now, request: RequestId) {
        if self.leaving.flushes.is_empty() {
            self.leaving.note_progress(now);
        }
        self.leaving.flushes.push(request);
        if !self.member.is_leaving() {
            self.member.leave();
            self.leaving.forget();
        }
        if self.holds_nothing() {
            self.answer_flushed();
        }
    }

    /// Whether this node has no session by which it could hold anything.
    fn holds_nothing(&self) -> bool {
        match self.life {
            Life::Entering(_) | Life::Active(_) | Life::Cancelling(_) => false,
            Life::Opening
            | Life::Checking { .. }
            | Life::Observing { .. }
            | Life::Claiming(_)
            | Life::Fenced { .. }
            | Life::Over => true,
        }
    }

    /// Whether a fenced node comes back with a new session.
    pub(super) fn may_rejoin(&self) -> bool {
        !self.leaving.is_asked()
    }

    /// Whether a fenced node ends as soon as nothing runs.
    pub(super) fn is_cancelled(&self) -> bool {
        !self.leaving.cancels.is_empty()
    }

    /// The node was fenced, perhaps while it was leaving: then nothing is left to be handed over.
    pub(super) fn fenced_leaving(&mut self, kept: u64) {
        if !self.leaving.flushes.is_empty() {
            self.leaving.lost += kept;
            self.answer_flushed();
        }
    }

    fn answer_flushed(&mut self) {
        self.leaving.flushed = true;
        let Leaving { handed, freed, lost, .. } = self.leaving;
        for request in std::mem::take(&mut self.leaving.flushes) {
            self.actions.push_back(Action::Reply(request, Reply::Flushed { handed, freed, lost }));
        }
    }

    /// When a flush that does not go on is given up.
    pub(super) fn leaving_timeout(&self) -> Option<Time> {
        let waits = !self.leaving.flushes.is_empty();
        waits.then_some(self.leaving.progress + self.timing.lease * FLUSH_LEASES)
    }

    /// Gives a flush up that does not go on though the application owes nothing: something that it has
    /// to write is not written. Others take what is left when the session is over.
    fn drive_flush(&mut self, now: Now) {
        if self.leaving_timeout().is_none_or(|at| at > now.at) {
            return;
        }
        if self.holds.is_any_stopping() {
            self.leaving.note_progress(now);
        } else {
            self.fence(now, "keys cannot be handed over");
        }
    }

    /// Says when everything of a flush or a drain is handed over.
    pub(super) fn drive_leaving(&mut self, now: Now) {
        self.drive_flush(now);
        let departs = self.departs();
        if !departs {
            self.leaving.drained = false;
            if self.leaving.flushes.is_empty() {
                self.leaving.forget();
            }
            return;
        }
        let idle = self.takes.is_idle() && self.holds.keys.is_empty();
        if !idle
            || !self.is_working(now)
            || self.view.owners.get(self.me).is_some_and(|o| {
                o.keys.iter().any(|ix| self.view.keys.get(*ix).is_some_and(|e| e.claim.exists))
            })
        {
            return;
        }
        if !std::mem::replace(&mut self.leaving.drained, true) {
            let (handed, freed) = (self.leaving.handed, self.leaving.freed);
            self.notice(Notice::Drained { handed, freed });
        }
        if !self.leaving.flushes.is_empty() {
            self.answer_flushed();
        }
    }

    /// The application gives everything up: it is told `Lost` for what it has, and when all that is
    /// confirmed, or the lease is over, the session ends.
    pub(super) fn on_cancel(&mut self, now: Now, request: RequestId) {
        self.leaving.cancels.push(request);
        match std::mem::replace(&mut self.life, Life::Over) {
            Life::Entering(lease) | Life::Active(lease) => {
                let until = lease.until(&self.timing).unwrap_or(now.at);
                self.life = Life::Cancelling(lease);
                self.lose_all(LostReason::Cancelled, until);
                self.drive_cancel(now);
            }
            Life::Cancelling(lease) => self.life = Life::Cancelling(lease),
            Life::Fenced { until, rejoin } => {
                self.life = Life::Fenced { until, rejoin };
                self.drive_life(now);
            }
            life => {
                self.life = life;
                self.end(End::Cancelled);
            }
        }
    }

    pub(super) fn cancel_timeout(&self, lease: &Lease) -> Option<Time> {
        lease.until(&self.timing).into_iter().chain(self.leaving.end_at).min()
    }

    /// **Invariant:** the record that ends the session for others is written only when every key is
    /// confirmed stopped, or the lease is over by its own clock.
    pub(super) fn drive_cancel(&mut self, now: Now) {
        let Life::Cancelling(lease) = &self.life else { return };
        if lease.until(&self.timing).is_none_or(|at| at <= now.at) {
            // Nobody needs to be told any more: the others see for themselves that the lease is over.
            return self.end(End::Cancelled);
        }
        let quiet = self.holds.unconfirmed.is_empty() || broken!(QuietBeforeEnd);
        if !quiet || self.leaving.end_at.is_some_and(|at| at > now.at) {
            return;
        }
        if self.leaving.ended {
            return self.end(End::Cancelled);
        }
        let beat = lease.beat + 1;
        let write = self.lease_write(LeaseState::Ended, beat);
        self.leaving.end_at = Some(now.at + self.timing.ack * 2 + self.timing.retry);
        self.write(WriteFor::End, write);
    }

    /// The end of the lease was written, or not: then it is tried again over what stands there.
    pub(super) fn on_end_wrote(&mut self, now: Now, outcome: &Outcome) {
        if !matches!(self.life, Life::Cancelling(_)) || self.leaving.ended {
            return;
        }
        if let Outcome::Acked(_) = outcome {
            return self.delete_own_member(now);
        }
        let id = self.read(super::outcome::ReadFor::End, &self.lease_name());
        if let Some(lease) = self.lease_mut() {
            lease.step = Step::Reading(id);
        }
    }

    /// What stands where the end was to be written.
    pub(super) fn on_end_read(
        &mut self,
        now: Now,
        answer: Result<Option<crate::log::Record>, crate::log::StoreError>,
    ) {
        let ended = self.leaving.ended;
        let Life::Cancelling(lease) = &mut self.life else { return };
        if ended {
            return;
        }
        let session = lease.session;
        let Ok(record) = answer else { return };
        lease.revision = Self::answer_revision(record.as_ref());
        let value = record.and_then(|r| r.value);
        let found = value.and_then(|v| crate::wire::LeaseRecord::decode(&v).ok());
        // Where there is none that can be read, it has to be written all the same: without it nobody
        // could tell that the session is over.
        let over = found.is_some_and(|f| f.session != session || f.state != LeaseState::Live);
        if over {
            return self.delete_own_member(now);
        }
        self.leaving.end_at = Some(now.at + self.timing.retry);
    }

    /// The log says that the session which is being cancelled is over: most often it is the own end,
    /// which the watch delivered before its acknowledgement came.
    pub(super) fn on_session_over(&mut self, now: Now) {
        if !self.holds.unconfirmed.is_empty() {
            self.end(End::Cancelled);
        } else if !self.leaving.ended {
            self.delete_own_member(now);
        }
    }

    /// The session is over; its member record goes too, as far as that is known. Observers see to it
    /// otherwise.
    fn delete_own_member(&mut self, now: Now) {
        let revision = self.member.revision();
        if revision == Revision::NONE {
            return self.end(End::Cancelled);
        }
        let write =
            Write::delete(RecordName::Member(self.config.node.clone()).to_string(), Some(revision));
        self.leaving.ended = true;
        self.leaving.end_at = Some(now.at + self.timing.ack);
        self.write(WriteFor::MemberGone(self.config.node.clone()), write);
    }

    /// The deletion of the own member record has an outcome.
    pub(super) fn on_own_member_gone(&mut self) {
        if self.leaving.ended {
            self.end(End::Cancelled);
        }
    }

    /// The node is over: whoever waits for an answer gets one.
    pub(super) fn answer_all_over(&mut self) {
        // It is over before all of it was done.
        for request in std::mem::take(&mut self.leaving.flushes) {
            self.actions.push_back(Action::Reply(request, Reply::Over));
        }
        for request in std::mem::take(&mut self.leaving.cancels) {
            self.actions.push_back(Action::Reply(request, Reply::Done));
        }
    }
}
