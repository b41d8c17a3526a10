//! Ending a session: first the record that ends the lease for other nodes, then the member record.

use super::lease::Lease;
use super::{Life, OwnSession, SessionHandler};
use crate::edge::{End, ReadId, RequestId, WriteId};
use crate::guard::broken;
use crate::id::Revision;
use crate::log::{Outcome, Record, StoreError, Write};
use crate::node::io::{ReadFor, WriteFor, answer_revision};
use crate::node::member::Departure;
use crate::node::register::{Register, Verdict};
use crate::time::{Now, Time};
use crate::timing::Timing;
use crate::wire::{LeaseRecord, LeaseState, RecordName};

/// The progress of leaving, and of a drain.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    pub(crate) flushes: Vec<RequestId>,
    pub(crate) flushed: bool,
    pub(crate) cancels: Vec<RequestId>,
    pub(crate) lost: u64,
    /// The end of the drain was reported.
    pub(crate) drained: bool,
    /// The lease has ended, and the member record is being deleted.
    ended: bool,
    /// The register of the record that ends the lease, then of the deletion of the member record.
    write: Register,
}

impl Leaving {
    pub(crate) fn is_requested(&self) -> bool {
        !self.flushes.is_empty() || self.flushed || !self.cancels.is_empty()
    }
}

impl OwnSession {
    /// Whether a fenced node may start a new session.
    pub(super) fn may_rejoin(&self) -> bool {
        !self.leaving.is_requested()
    }

    /// Whether a fenced node ends as soon as no run is left.
    pub(super) fn is_cancelled(&self) -> bool {
        !self.leaving.cancels.is_empty()
    }

    pub(super) fn cancel_timeout(&self, lease: &Lease, timing: &Timing) -> Option<Time> {
        lease.until(timing).into_iter().chain(self.leaving.write.timeout()).min()
    }
}

impl SessionHandler<'_> {
    /// **Invariant:** the record that ends the session for other nodes is written only after every
    /// key is confirmed stopped, or after the lease has ended by this node's own clock.
    pub(crate) fn drive_cancel(&mut self, now: Now) {
        let Life::Cancelling(lease) = &self.session.life else { return };
        if lease.until(self.timing).is_none_or(|at| at <= now.at) {
            // No record is necessary any more: other nodes see that the lease is over.
            return self.end(End::Cancelled);
        }
        let quiet = self.keys.holds.notes.is_all_confirmed() || broken!(QuietBeforeEnd);
        if !quiet || !self.session.leaving.write.is_due(now.at) {
            return;
        }
        let beat = lease.beat + 1;
        let write = self.lease_write(LeaseState::Ended, beat);
        let id = self.io.write(self.view, WriteFor::End, write);
        self.session.leaving.write = Register::Writing(id);
    }

    /// The write of the lease's end has an outcome. If it failed, it is tried again over the record
    /// in the log.
    pub(crate) fn on_end_wrote(&mut self, id: WriteId, outcome: &Outcome) {
        match self.session.leaving.write.on_wrote(id, outcome) {
            Some(Verdict::Landed(_)) => self.delete_own_member(),
            Some(Verdict::MustRead | Verdict::Refused(_)) => {
                let id = self.io.read(self.view, ReadFor::End, &self.lease_name());
                self.session.leaving.write = Register::Reading(id);
            }
            None => {}
        }
    }

    /// The record in the log, where the end was to be written.
    pub(crate) fn on_end_read(
        &mut self,
        now: Now,
        id: ReadId,
        answer: Result<Option<Record>, StoreError>,
    ) {
        let Life::Cancelling(lease) = &mut self.session.life else { return };
        if !self.session.leaving.write.on_read(id) {
            return;
        }
        self.session.leaving.write = Register::Retry(now.at + self.timing.retry);
        let session = lease.session;
        let Ok(record) = answer else { return };
        lease.revision = answer_revision(record.as_ref());
        let value = record.and_then(|r| r.value);
        let found = value.and_then(|v| LeaseRecord::decode(&v).ok());
        // If there is no readable record, the end must still be written: without it, no node could
        // know that the session is over.
        // A deposed leader may answer with the record of a session before this one.
        let old = lease.revision < self.member.joined();
        let over = found
            .is_some_and(|f| if f.session == session { f.state != LeaseState::Live } else { !old });
        if over {
            self.delete_own_member();
        }
    }

    /// The log shows that the session being cancelled is over. Usually this is the node's own
    /// write, which the watch delivered before the acknowledgement.
    pub(crate) fn on_session_over(&mut self) {
        if !self.keys.holds.notes.is_all_confirmed() {
            self.end(End::Cancelled);
        } else if !self.session.leaving.ended {
            self.delete_own_member();
        }
    }

    /// The session is over. Deletes its member record at the known revision. If this fails,
    /// observers delete it. The record of a node that restarts stays: its keys wait for it.
    fn delete_own_member(&mut self) {
        let revision = self.member.revision();
        let restarts = matches!(self.member.departure(), Departure::Restarts { .. });
        if revision == Revision::NONE || restarts {
            return self.end(End::Cancelled);
        }
        let write =
            Write::delete(RecordName::Member(self.config.node.clone()).to_string(), Some(revision));
        self.session.leaving.ended = true;
        let purpose = WriteFor::MemberGone(self.config.node.clone());
        self.session.leaving.write = Register::Writing(self.io.write(self.view, purpose, write));
    }

    /// The deletion of this node's own member record has an outcome.
    pub(crate) fn on_own_member_gone(&mut self, id: WriteId) {
        if self.session.leaving.write == Register::Writing(id) {
            self.end(End::Cancelled);
        }
    }
}
