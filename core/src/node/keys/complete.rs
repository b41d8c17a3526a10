//! Releasing a key, and completing one whose work is done.

use std::time::Duration;

use super::KeyHandler;
use super::hold::{Completing, Failing, HandOverReason, Hold, Phase};
use crate::edge::StopReason;
use crate::edge::{Action, Failure, ReadId, Reply, RequestId, WriteId};
use crate::guard::broken;
use crate::id::{Revision, Token};
use crate::key::Key;
use crate::log::{Outcome, Record, StoreError, Write};
use crate::node::io::{ReadFor, WriteFor, answer_revision};
use crate::node::register::{Register, Verdict};
use crate::time::Now;
use crate::view::KeyIx;
use crate::wire::{Failed, MAX_REASON, Named, Quarantine, RecordName};

impl KeyHandler<'_> {
    fn reply(&mut self, request: RequestId, reply: Reply) {
        self.io.push(Action::Reply(request, reply));
    }

    /// The key whose run with this token the application has now.
    fn held(&self, key: &Key, token: Token) -> Option<KeyIx> {
        let ix = self.view.keys.find(key)?;
        let is_it = |hold: &Hold| hold.is_with_application() && hold.token == token;
        self.keys.holds.get(ix).is_some_and(is_it).then_some(ix)
    }

    pub(crate) fn on_release(&mut self, now: Now, request: RequestId, key: &Key, token: Token) {
        let Some(ix) = self.held(key, token) else {
            return self.refuse_lost(now, request, key, token);
        };
        let slot = self.has_slot_for(ix);
        self.hand_over(now, ix, HandOverReason::Released, slot);
        self.reply(request, Reply::Done);
    }

    /// The work of the run has failed. The claim says how often that has happened in a row.
    pub(crate) fn on_fail(
        &mut self,
        now: Now,
        request: RequestId,
        key: &Key,
        token: Token,
        failure: Failure,
    ) {
        let Some(ix) = self.held(key, token) else {
            return self.refuse_lost(now, request, key, token);
        };
        let Failure { reason, attempts, goes_on, limit } = failure;
        let before = if goes_on { self.view.keys.failed(ix) } else { Failed::default() };
        let failed = Failed {
            runs: before.runs.saturating_add(1),
            attempts: before.attempts.saturating_add(attempts),
        };
        let end = reason.floor_char_boundary(MAX_REASON);
        let quarantine = (failed.runs >= limit).then(|| Quarantine {
            node: self.config.node.clone(),
            reason: reason[..end].to_owned(),
            at_ms: now.unix_us / 1_000,
        });
        let slot = self.has_slot_for(ix);
        let failing = Some(Box::new(Failing { failed, quarantine }));
        self.hand_over_failing(now, ix, HandOverReason::Failed, slot, failing);
        self.reply(request, Reply::Done);
    }

    /// The run that the caller stopped is not held. Its key may have been lost.
    fn refuse_lost(&mut self, now: Now, request: RequestId, key: &Key, token: Token) {
        let ix = self.view.keys.find(key);
        let lost = ix.is_some_and(|ix| self.confirm_unconfirmed(now, ix, token));
        self.reply(request, if lost { Reply::Lost } else { Reply::NotHeld });
    }

    /// Whether the key was asked to stop and counts against the limit of parallel moves.
    fn has_slot_for(&self, ix: KeyIx) -> bool {
        let phase = self.keys.holds.get(ix).map(|hold| &hold.phase);
        matches!(phase, Some(Phase::Stopping(stop)) if stop.slot)
    }

    pub(crate) fn on_complete(&mut self, now: Now, request: RequestId, key: &Key, token: Token) {
        let Some(ix) = self.held(key, token) else {
            return self.refuse_lost(now, request, key, token);
        };
        if self.has_slot_for(ix) {
            self.drop_slot(ix);
        }
        let announced = self.view.keys.get(ix).map(|e| e.announced).unwrap_or_default();
        let write = Register::Retry(now.at);
        let completing = Completing { request, announced, failed: None, write };
        self.keys.holds.enter(ix, now.at, Phase::Completing(Box::new(completing)));
        if announced == Revision::NONE {
            return self.on_completed(now, ix, announced);
        }
        self.write_complete(ix);
    }

    /// Deletes the key. The delete expects the revision that the owner had seen when its work was
    /// done.
    pub(super) fn write_complete(&mut self, ix: KeyIx) {
        let (Some(hold), Some(key)) = (self.keys.holds.get(ix), self.view.keys.text(ix)) else {
            return;
        };
        let Phase::Completing(completing) = &hold.phase else { return };
        let announced = completing.announced;
        let write = Write::delete(
            Named::Key(key).to_string(),
            Some(announced).filter(|_| !broken!(CompleteCas)),
        );
        let id = self.io.write(self.view, WriteFor::Complete(ix), write);
        self.set_register(ix, Register::Writing(id));
    }

    pub(crate) fn on_complete_wrote(
        &mut self,
        now: Now,
        ix: KeyIx,
        id: WriteId,
        outcome: &Outcome,
    ) {
        match self.keys.holds.on_wrote(ix, id, outcome) {
            Some(Verdict::Landed(revision)) => self.on_completed(now, ix, revision),
            Some(Verdict::Refused(error)) => {
                self.complete_failed(now, ix, Some(error), self.timing.heartbeat);
            }
            Some(Verdict::MustRead) => {
                if let Outcome::Unknown(error) = outcome {
                    self.note_failed(ix, error);
                }
                self.read_completed(ix);
            }
            None => {}
        }
    }

    fn read_completed(&mut self, ix: KeyIx) {
        let Some(key) = self.view.keys.key(ix) else { return };
        let id = self.io.read(self.view, ReadFor::Complete(ix), &RecordName::Key(key));
        self.set_register(ix, Register::Reading(id));
    }

    fn note_failed(&mut self, ix: KeyIx, error: &StoreError) {
        let hold = self.keys.holds.get_mut(ix);
        if let Some(Phase::Completing(completing)) = hold.map(|hold| &mut hold.phase) {
            completing.failed = Some(error.clone());
        }
    }

    /// The key could not be deleted. The delete is retried for a limited time, unless permission is
    /// missing. After that the caller gets the error, and the key, which still exists, goes to
    /// another node.
    fn complete_failed(
        &mut self,
        now: Now,
        ix: KeyIx,
        error: Option<&StoreError>,
        pause: Duration,
    ) {
        if let Some(error) = error {
            self.note_failed(ix, error);
        }
        let Some(hold) = self.keys.holds.get(ix) else { return };
        let Phase::Completing(completing) = &hold.phase else { return };
        let denied = matches!(error, Some(StoreError::Denied { .. }));
        if !denied && hold.since + self.timing.lease * 2 > now.at {
            return self.set_register(ix, Register::Retry(now.at + pause));
        }
        let fallback = || StoreError::Other { what: "conflicts over an unchanged record".into() };
        let error = completing.failed.clone().unwrap_or_else(fallback);
        self.completed(ix, Reply::NotDeleted(error));
        self.hand_over(now, ix, HandOverReason::Released, false);
    }

    pub(crate) fn on_complete_read(
        &mut self,
        now: Now,
        ix: KeyIx,
        id: ReadId,
        answer: Result<Option<Record>, StoreError>,
    ) {
        if !self.keys.holds.on_read(ix, id) {
            return;
        }
        let Some(hold) = self.keys.holds.get(ix) else { return };
        let Phase::Completing(completing) = &hold.phase else { return };
        let announced = completing.announced;
        match answer {
            // A deposed leader answers, or the log lost its tail.
            Ok(Some(record)) if record.revision < announced => {
                self.complete_failed(now, ix, None, self.timing.retry);
            }
            Ok(record) if record.as_ref().is_none_or(|r| r.value.is_none()) => {
                let deleted = answer_revision(record.as_ref());
                self.on_completed(now, ix, deleted.max(announced));
            }
            Ok(Some(record)) if record.revision != announced => {
                self.completed(ix, Reply::AnnouncedAgain);
                self.hand_completed(now, ix);
            }
            answer => {
                self.complete_failed(now, ix, answer.err().as_ref(), self.timing.retry);
            }
        }
    }

    /// The key is deleted at this revision, unless the watch has shown a later announcement. Its
    /// claim is deleted next, or the key starts again.
    fn on_completed(&mut self, now: Now, ix: KeyIx, deleted: Revision) {
        self.completed(ix, Reply::Done);
        if self.view.keys.get(ix).is_some_and(|e| e.announced <= deleted) {
            let effect = self.view.drop_key(ix);
            self.on_effect(now, &effect);
        }
        self.hand_completed(now, ix);
    }

    fn completed(&mut self, ix: KeyIx, reply: Reply) {
        let Some(hold) = self.keys.holds.get(ix) else { return };
        if let Phase::Completing(completing) = &hold.phase {
            self.reply(completing.request, reply);
        }
    }

    fn hand_completed(&mut self, now: Now, ix: KeyIx) {
        self.hand_over(now, ix, HandOverReason::Stopped(StopReason::Retracted), false);
    }

    /// The key was lost while its deletion was in flight.
    pub(super) fn answer_doubtful(&mut self, request: RequestId) {
        self.reply(request, Reply::Doubtful);
    }
}
