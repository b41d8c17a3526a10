//! The answers to writes and reads, and the component that handles each.

use super::Node;
use super::io::{KeyRef, ReadFor, WriteFor};
use crate::edge::{Notice, ReadId, WriteId};
use crate::guard::broken;
use crate::log::{Outcome, Record, StoreError};
use crate::time::Now;

impl Node {
    /// A write was withdrawn before it was sent: it is not in the log and will never be.
    pub(super) fn on_withdrawn(&mut self, now: Now, id: WriteId) {
        let Some((purpose, _, key_ref)) = self.io.writes.remove(&id) else { return };
        let what = "not sent: the session has ended".to_owned();
        self.settle_write(now, id, purpose, key_ref, &Outcome::Refused(StoreError::Other { what }));
    }

    pub(super) fn on_wrote(&mut self, now: Now, id: WriteId, outcome: &Outcome) {
        let Some((purpose, seen, key_ref)) = self.io.writes.remove(&id) else { return };
        match outcome {
            Outcome::Acked(revision) => {
                if *revision <= seen && seen <= self.io.newest.max(self.view.seen) {
                    self.on_log_lost(now);
                }
                self.io.newest = self.io.newest.max(*revision);
            }
            Outcome::Conflict if purpose == WriteFor::Probe => {}
            Outcome::Conflict => self.io.notice(Notice::CasConflict { what: purpose.what() }),
            Outcome::Refused(error) if !matches!(purpose, WriteFor::Lease(_)) => {
                let error = error.clone();
                self.io.notice(Notice::StoreFailed { what: purpose.what(), error });
            }
            _ => {}
        }
        self.settle_write(now, id, purpose, key_ref, outcome);
    }

    fn settle_write(
        &mut self,
        now: Now,
        id: WriteId,
        purpose: WriteFor,
        key_ref: KeyRef,
        outcome: &Outcome,
    ) {
        if !key_ref.still_holds(&self.view) {
            return;
        }
        match purpose {
            WriteFor::Lease(beat) => self.session().on_lease_wrote(now, beat, id, outcome),
            WriteFor::End => self.session().on_end_wrote(id, outcome),
            WriteFor::Probe => self.session().on_probe_wrote(now, outcome),
            WriteFor::Member => {
                if self.member().on_wrote(now, id, outcome) {
                    self.on_own_member();
                }
            }
            WriteFor::MemberGone(node) if node == self.config.node => {
                self.session().on_own_member_gone(id);
            }
            WriteFor::MemberGone(node) => self.peers().on_member_gone_wrote(now, &node),
            WriteFor::Kill(node, session, held) => {
                self.peers().on_kill_wrote(now, &node, (session, held), outcome);
            }
            WriteFor::Stops => self.keys().on_stops_wrote(now, id, outcome),
            WriteFor::Claim(ix) => self.keys().on_claim_wrote(now, ix, id, outcome),
            WriteFor::Complete(ix) => self.keys().on_complete_wrote(now, ix, id, outcome),
            WriteFor::StaleClaim(ix) => self.keys().on_stale_claim_wrote(now, ix),
            WriteFor::Expire(ix, known) => self.keys().on_expire_wrote(now, ix, known, outcome),
            WriteFor::Collect(name) => self.collection().on_collect_wrote(now, &name, outcome),
            WriteFor::Manifest(part) => self.collection().on_manifest_wrote(now, part, id, outcome),
        }
    }

    pub(super) fn on_read(
        &mut self,
        now: Now,
        id: ReadId,
        answer: Result<Option<Record>, StoreError>,
    ) {
        let Some((purpose, key_ref)) = self.io.reads.remove(&id) else { return };
        if !key_ref.still_holds(&self.view) {
            return;
        }
        match purpose {
            ReadFor::Join => self.session().on_join_read(now, answer),
            ReadFor::OwnLease => self.session().on_own_lease_read(now, id, answer),
            ReadFor::End => self.session().on_end_read(now, id, answer),
            ReadFor::Member => self.member().on_read(now, id, answer),
            ReadFor::Stops => self.keys().on_stops_read(id, answer),
            ReadFor::Claim(ix) => self.keys().on_claim_read(now, ix, id, answer),
            ReadFor::Complete(ix) => self.keys().on_complete_read(now, ix, id, answer),
            ReadFor::KeyGone(ix, known) => self.keys().on_key_gone_read(now, ix, known, answer),
            ReadFor::ClaimGone(ix, known) => {
                self.keys().on_claim_gone_read(now, ix, known, answer);
            }
            ReadFor::Audit(ix) => self.audit().on_claim_read(ix, answer),
            ReadFor::AuditKey(ix) => self.audit().on_key_read(ix, answer),
            ReadFor::Collect(name) => self.collection().on_collect_read(&name, &answer),
            ReadFor::Manifest(part) => self.collection().on_manifest_read(now, part, id, &answer),
        }
    }

    /// The server stored a write at a revision that it had assigned before, or over a record that
    /// was already replaced: it lost its tail.
    pub(super) fn on_log_lost(&mut self, now: Now) {
        // One answer may show a loss in two ways.
        let is_followed = self.watch.opened() == now.at;
        if is_followed || broken!(LossIsFollowed) {
            return;
        }
        self.io.notice(Notice::LogLost);
        self.resync(now, "the log lost its newest records");
    }
}
