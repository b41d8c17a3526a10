//! Reads records again that the view no longer shows or cannot prove. A key is stopped or taken
//! because of them only after that.

use std::time::Duration;

use super::KeyHandler;
use super::hold::Phase;
use crate::guard::broken;
use crate::id::Revision;
use crate::log::{Outcome, Record, StoreError, Write};
use crate::node::io::{Demand, ReadFor, WriteFor};
use crate::node::register::Register;
use crate::time::Now;
use crate::view::{Cause, KeyIx};
use crate::wire::{ClaimRecord, Named, RecordName};

impl KeyHandler<'_> {
    /// A `key` record that the snapshot did not show. If it matters to this node, the node reads it
    /// again.
    pub(crate) fn on_key_not_shown(&mut self, ix: KeyIx) {
        let keys = &self.view.keys;
        let (Some(entry), Some(key)) = (keys.get(ix), keys.key(ix)) else { return };
        if self.keys.holds.contains(ix) && !broken!(AbsenceIsAsked) {
            self.io.read(self.view, ReadFor::KeyGone(ix, entry.announced), &RecordName::Key(key));
        } else {
            self.view.drop_key(ix);
        }
    }

    /// A claim that the snapshot did not show. If it matters to this node, the node reads it again.
    pub(crate) fn on_claim_not_shown(&mut self, ix: KeyIx) {
        let keys = &self.view.keys;
        let (Some(entry), Some(key)) = (keys.get(ix), keys.key(ix)) else { return };
        if self.keys.holds.contains(ix) && !broken!(AbsenceIsAsked) {
            self.io.read(
                self.view,
                ReadFor::ClaimGone(ix, entry.claim.revision),
                &RecordName::Claim(key),
            );
        } else {
            self.view.drop_claim(ix);
        }
    }

    /// Checks every hold against the view. A held key is lost if its claim differs from the hold.
    pub(crate) fn prove_holds(&mut self, now: Now) {
        for ix in self.keys.holds.keys() {
            self.prove_hold(now, ix);
        }
    }

    fn prove_hold(&mut self, now: Now, ix: KeyIx) {
        let Some(hold) = self.keys.holds.get_mut(ix) else { return };
        let Some(claim) = self.view.keys.get(ix).map(|e| &e.claim) else { return };
        let stands =
            claim.owner == self.session.me && claim.token == hold.token && !claim.unreadable;
        match &hold.phase {
            // Compares the token: a log that lost its tail assigns the same revisions a second
            // time.
            Phase::Running | Phase::Stopping(_) | Phase::Completing(_) if !stands => {
                self.lose_claim(now, ix);
            }
            // A later write of the claim with the same token may be lost. Hold the claim at the
            // revision that it has now.
            Phase::Running | Phase::Stopping(_) | Phase::Completing(_) => {
                hold.revision = claim.revision;
            }
            Phase::HandingOver(hand_over)
                if claim.revision != hold.revision || claim.token != hand_over.ran =>
            {
                self.lose_claim(now, ix);
            }
            Phase::Taken => {
                let (token, revision) = (hold.token, hold.revision);
                // A claim that was acknowledged after the watch was opened may not have been shown
                // yet.
                let unseen = hold.since >= self.watch.opened() && revision > self.view.seen;
                self.end_take(ix);
                if stands || unseen {
                    self.start(now, ix, token, revision);
                }
            }
            // The write that waited for the view is sent now.
            Phase::HandingOver(hand_over) if matches!(hand_over.write, Register::Retry(_)) => {
                self.set_register(ix, Register::Retry(now.at));
            }
            // This node gave the claim away, and a snapshot that began after that does not show it.
            // The log lost the write, or shows it later. In both cases the key is reconciled as if
            // nothing was known.
            Phase::HandedOver => self.lose_claim(now, ix),
            _ => {}
        }
        self.reconcile_key(now, ix);
    }

    /// The time to live of a key has passed. The owner deletes the key; the delete fails if the key
    /// was announced again. For every other node the key is gone.
    pub(crate) fn on_expired(&mut self, now: Now, ix: KeyIx) {
        let Some(entry) = self.view.keys.get(ix).filter(|entry| entry.exists()) else { return };
        let known = entry.announced;
        if !self.keys.holds.contains(ix) {
            return self.on_key_expired(now, ix);
        }
        let Some(key) = self.view.keys.text(ix) else { return };
        let write = Write::delete(Named::Key(key).to_string(), Some(known));
        self.io.write(self.view, WriteFor::Expire(ix, known), write);
    }

    fn on_key_expired(&mut self, now: Now, ix: KeyIx) {
        let effect = self.view.leave_key(ix, Cause::Expired);
        self.on_effect(now, &effect);
    }

    /// The outcome of that delete. It is ignored if the key was announced again since.
    pub(crate) fn on_expire_wrote(
        &mut self,
        now: Now,
        ix: KeyIx,
        known: Revision,
        outcome: &Outcome,
    ) {
        if self.view.keys.get(ix).is_none_or(|e| e.announced != known) {
            return;
        }
        match outcome {
            Outcome::Acked(_) => {
                let effect = self.view.drop_key(ix);
                if self.watch.is_live() {
                    self.on_effect(now, &effect);
                }
            }
            Outcome::Conflict => {
                if let Some(key) = self.view.keys.key(ix) {
                    self.io.read(self.view, ReadFor::KeyGone(ix, known), &RecordName::Key(key));
                }
            }
            // The key has expired in any case.
            Outcome::Refused(_) if self.watch.is_live() => self.on_key_expired(now, ix),
            Outcome::Refused(_) | Outcome::Unknown(_) => self.check_later(now, ix),
        }
    }

    fn check_later(&mut self, now: Now, ix: KeyIx) {
        let again = now.at + Duration::from_secs(1).max(self.timing.heartbeat);
        self.keys.expiry.set(ix, Some(again));
    }

    /// Reads the record of a key again after some time. That time is no end of the key: a key whose
    /// time to live has passed is deleted.
    fn ask_again(&mut self, now: Now, ix: KeyIx, known: Revision) {
        let again = now.at + Duration::from_secs(1).max(self.timing.heartbeat);
        self.keys.holds.notes.set_asked(ix, Some((known, again)));
        self.keys.reconcile_at(again, ix);
    }

    /// The time of [`ask_again`](Self::ask_again) may have come.
    pub(super) fn drive_asked(&mut self, now: Now, ix: KeyIx) {
        let Some((known, at)) = self.keys.holds.notes.asked(ix) else { return };
        if at > now.at {
            return;
        }
        self.keys.holds.notes.set_asked(ix, None);
        let same = self.view.keys.get(ix).is_some_and(|entry| entry.announced == known);
        if let Some(key) = self.view.keys.key(ix).filter(|_| same) {
            self.io.read(self.view, ReadFor::KeyGone(ix, known), &RecordName::Key(key));
        }
    }

    /// The leader's answer about a key that seems to be gone. It is ignored if the key was
    /// announced again after the read was sent.
    pub(crate) fn on_key_gone_read(
        &mut self,
        now: Now,
        ix: KeyIx,
        known: Revision,
        answer: Result<Option<Record>, StoreError>,
    ) {
        let Some(entry) = self.view.keys.get(ix).filter(|e| e.announced == known) else { return };
        let hash = entry.hash;
        let back = |record: &Record| self.view.manifests.is_superseded(hash, record.revision);
        match answer {
            Err(_) => self.ask_again(now, ix, known),
            // The answer of a deposed leader, which does not have the newest records.
            Ok(Some(record)) if record.revision < known && !back(&record) => {
                self.ask_again(now, ix, known);
            }
            Ok(Some(record)) if record.value.is_some() && !back(&record) => {
                let ends = record.expires_in.map(|left| now.at + left);
                self.keys.expiry.set(ix, ends);
            }
            Ok(_) if known != Revision::NONE => {
                let effect = self.view.drop_key(ix);
                if self.watch.is_live() {
                    self.on_effect(now, &effect);
                }
            }
            Ok(_) => {}
        }
    }

    /// The leader's answer about a claim that a snapshot did not show. It is ignored if the claim
    /// was shown after the read was sent. Such a claim is handled as if the snapshot had shown it.
    pub(crate) fn on_claim_gone_read(
        &mut self,
        now: Now,
        ix: KeyIx,
        known: Revision,
        answer: Result<Option<Record>, StoreError>,
    ) {
        let Some(shown) = self.view.keys.get(ix).map(|e| e.claim.revision) else { return };
        if shown != known {
            // A revision below the held one comes from a log that lost the held claim, or the watch has
            // not shown that claim yet. The next snapshot shows which.
            let held = self.keys.holds.get(ix).filter(|hold| hold.is_with_application());
            if self.watch.is_live() && held.is_some_and(|hold| shown < hold.revision) {
                self.io.demand(Demand::Resync("the view lacks a claim"));
            }
            return;
        }
        let Ok(record) = answer else {
            // While the log is read again, the next snapshot judges the claim.
            if self.watch.is_live() {
                self.io.demand(Demand::Resync("a claim was neither delivered nor readable"));
            }
            return;
        };
        if let Some(value) = record.and_then(|r| r.value) {
            let token =
                self.keys.holds.get(ix).filter(|h| h.is_with_application()).map(|h| h.token);
            let claim = ClaimRecord::decode(&value);
            if let (Some(token), Ok(claim)) = (token, claim)
                && claim.token != token
            {
                self.lose_claim(now, ix);
            }
            return;
        }
        let from = self.view.keys.get(ix).map(|e| e.claim.owner);
        if from.is_some() && self.view.keys.get(ix).is_some_and(|e| e.claim.exists) {
            let effect = self.view.drop_claim(ix);
            if self.watch.is_live() {
                self.on_effect(now, &effect);
            }
            self.lose_claim(now, ix);
        }
    }
}
