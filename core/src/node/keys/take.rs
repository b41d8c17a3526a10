//! Taking orphans.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};

use super::KeyHandler;
use super::hold::{Hold, Phase};
use super::reconcile::claim_write;
use crate::edge::{Notice, ReadId, WriteId};
use crate::id::Revision;
use crate::log::{Outcome, Record, StoreError};
use crate::node::io::{Demand, ReadFor, WriteFor, answer_revision};
use crate::node::register::{Register, Verdict};
use crate::time::Now;
use crate::view::{KeyFlag, KeyIx, OwnerIx};
use crate::wire::{ClaimRecord, Failed, Owner, RecordName};

/// The highest number of claim writes in flight.
const IN_FLIGHT: usize = 1_024;

/// The keys that this node will take.
#[derive(Debug, Default)]
pub(crate) struct Takes {
    /// Keys planned for this node, in memory order. The order is about the same on every node, so
    /// every node follows all claims with few cache misses.
    queued: BTreeSet<KeyIx>,
    /// The key that was taken last. The keys after it come next, so no key waits for ever.
    last: Option<KeyIx>,
    in_flight: usize,
}

impl Takes {
    pub(crate) fn clear(&mut self) {
        self.queued.clear();
        self.in_flight = 0;
    }

    /// The next key to take.
    fn pop(&mut self) -> Option<KeyIx> {
        let after = self.last.and_then(|ix| self.queued.range((Excluded(ix), Unbounded)).next());
        let next = after.or_else(|| self.queued.first()).copied()?;
        self.queued.remove(&next);
        self.last = Some(next);
        Some(next)
    }

    /// A claim write is in flight.
    pub(super) fn begin(&mut self) {
        self.in_flight += 1;
    }

    /// A claim write has its outcome, or this node must no longer take the key.
    pub(super) fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.queued.is_empty() && self.in_flight == 0
    }
}

impl KeyHandler<'_> {
    /// The key is an orphan, and it is this node's turn to take it.
    pub(super) fn queue_take(&mut self, now: Now, ix: KeyIx) {
        if !self.rests() && self.may_overwrite(now, ix) && !self.keys.holds.notes.is_unconfirmed(ix)
        {
            self.keys.takes.queued.insert(ix);
        }
    }

    /// Whether the claim of a key may be overwritten. If it is unreadable, this needs a wait.
    fn may_overwrite(&mut self, now: Now, ix: KeyIx) -> bool {
        let unreadable = self.view.keys.get(ix).is_some_and(|entry| entry.claim.unreadable);
        !unreadable || self.unreadable_is_old(now, ix)
    }

    pub(crate) fn drive_takes(&mut self, now: Now) {
        if !self.is_working(now) {
            return;
        }
        self.drive_watched(now);
        while self.keys.takes.in_flight < IN_FLIGHT
            && let Some(ix) = self.keys.takes.pop()
        {
            self.take(now, ix);
        }
    }

    /// Writes the claim of a key that is still an orphan and whose last owner is proved to be over.
    fn take(&mut self, now: Now, ix: KeyIx) {
        if self.keys.holds.contains(ix) || self.keys.holds.notes.is_unconfirmed(ix) {
            return;
        }
        // The claim may have become unreadable while the key was queued.
        if !self.may_overwrite(now, ix) {
            return;
        }
        let Some(entry) = self.view.keys.get(ix) else { return };
        let (owner, last, revision) = (entry.claim.owner, entry.claim.token, entry.claim.revision);
        let own = owner == self.session.me;
        if !own && !self.planner.is_orphan(self.view, ix) {
            return;
        }
        // The wait for an unreadable claim stands in place of this proof.
        let needs_proof = !own && owner.is_some() && !entry.claim.unreadable;
        if needs_proof && !self.is_proved_over(now, ix, owner) {
            return;
        }
        if !own && self.view.is_kept_away(now, ix, self.session.me) {
            // The key was wanted before the watch delivered this node's release of it.
            return;
        }
        let token = self.next_token(now, last);
        let phase = Phase::Taking(Register::Retry(now.at));
        let hold = Hold { token, revision, since: now.at, phase };
        self.keys.holds.insert(ix, hold);
        if let Some(entry) = self.view.keys.get_mut(ix) {
            entry.set(KeyFlag::Pinned);
        }
        self.keys.takes.begin();
        self.write_take(now, ix);
        #[cfg(test)]
        self.start_before_ack(now, ix, revision);
    }

    /// Sends the claim that takes a key. Every attempt has the same token, over the same revision; the
    /// times that are left of cool-downs shrink.
    pub(super) fn write_take(&mut self, now: Now, ix: KeyIx) {
        let (Some(hold), Some(key)) = (self.keys.holds.get(ix), self.view.keys.text(ix)) else {
            return;
        };
        let (token, revision) = (hold.token, hold.revision);
        let owner = self.owner_of(self.session.me);
        let failed = self.failed_before(ix);
        let cooling_down = self.cool_downs_of(now, ix);
        let claim = ClaimRecord { cooling_down, failed, ..ClaimRecord::new(owner, token) };
        let id =
            self.io.write(self.view, WriteFor::Claim(ix), claim_write(key, Some(&claim), revision));
        self.set_register(ix, Register::Writing(id));
    }

    /// How often the work on the key has failed since another session owned it.
    fn failed_before(&self, ix: KeyIx) -> Failed {
        let owner = self.view.keys.get(ix).map_or(OwnerIx::NONE, |entry| entry.claim.owner);
        let is_unrun = !owner.is_some() || owner == self.session.me;
        if is_unrun { self.view.keys.failed(ix) } else { Failed::default() }
    }

    pub(super) fn set_register(&mut self, ix: KeyIx, state: Register) {
        if let Register::Retry(at) = state {
            self.keys.reconcile_at(at, ix);
        }
        if let Some(write) = self.keys.holds.get_mut(ix).and_then(Hold::register_mut) {
            *write = state;
        }
    }

    /// The outcome of the write of a claim.
    pub(crate) fn on_claim_wrote(&mut self, now: Now, ix: KeyIx, id: WriteId, outcome: &Outcome) {
        let Some(verdict) = self.keys.holds.on_wrote(ix, id, outcome) else { return };
        #[cfg(test)]
        if self.mistake_outcome(now, ix, outcome) {
            return;
        }
        match verdict {
            Verdict::Landed(revision) => self.on_claim_landed(now, ix, revision),
            Verdict::MustRead => self.read_claim(ix),
            Verdict::Refused(error) => {
                // Without the permission, the node can never give its keys away. A full store has
                // room again later: until then, running keys are better off here.
                let matters = matches!(error, StoreError::Denied { .. })
                    || self.session.leaving.is_requested();
                if !matters || !self.fence_if_stuck(now, ix) {
                    self.set_register(ix, Register::Retry(now.at + self.timing.heartbeat));
                }
            }
        }
    }

    /// A take that was refused, or whose outcome is unknown, is retried for two heartbeats. Then it
    /// frees its slot for another key, and the key is reconciled again. If an attempt lands later,
    /// the claim names this session and is handled like any other such claim.
    pub(super) fn retry_take(&mut self, now: Now, ix: KeyIx) {
        if !self.is_working(now) {
            return self.set_register(ix, Register::Retry(now.at + self.timing.heartbeat));
        }
        let old = |hold: &Hold| hold.since + self.timing.heartbeat * 2 <= now.at;
        if self.is_named(ix) || !self.keys.holds.get(ix).is_some_and(old) {
            return self.write_take(now, ix);
        }
        self.end_take(ix);
        self.planner.mark_dirty([ix]);
    }

    /// The claim is in the log as this node wrote it.
    fn on_claim_landed(&mut self, now: Now, ix: KeyIx, revision: Revision) {
        match self.keys.holds.get(ix).map(|hold| &hold.phase) {
            Some(Phase::Taking(_)) => self.on_taken(now, ix, revision),
            Some(Phase::HandingOver(_)) => self.on_handed_over(now, ix, revision),
            _ => {}
        }
    }

    pub(super) fn read_claim(&mut self, ix: KeyIx) {
        let Some(key) = self.view.keys.key(ix) else { return };
        let id = self.io.read(self.view, ReadFor::Claim(ix), &RecordName::Claim(key));
        self.set_register(ix, Register::Reading(id));
    }

    /// The leader's answer after a claim write with unknown outcome.
    pub(crate) fn on_claim_read(
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
        let retry = Register::Retry(now.at + self.timing.retry);
        let Ok(record) = answer else {
            if !self.fence_if_stuck(now, ix) {
                self.set_register(ix, retry);
            }
            return;
        };
        let revision = answer_revision(record.as_ref());
        let value = record.as_ref().and_then(|r| r.value.as_deref());
        let claim = value.and_then(|v| ClaimRecord::decode(v).ok());
        if revision == hold.revision {
            if !self.fence_if_stuck(now, ix) {
                self.set_register(ix, retry);
            }
            return;
        }
        if matches!(hold.phase, Phase::Taking(_)) {
            self.on_take_read(now, ix, revision, value.is_some(), claim.as_ref());
        } else {
            self.on_hand_over_read(now, ix, revision, claim.as_ref());
        }
    }

    fn on_take_read(
        &mut self,
        now: Now,
        ix: KeyIx,
        revision: Revision,
        exists: bool,
        claim: Option<&ClaimRecord>,
    ) {
        let me = self.owner_of(self.session.me);
        let Some(hold) = self.keys.holds.get_mut(ix) else { return };
        let mine = |o: &Owner| Some(o) == me.as_ref();
        match claim {
            Some(claim) if claim.owner.as_ref().is_some_and(mine) && claim.token == hold.token => {
                self.on_taken(now, ix, revision);
            }
            // The claim is free. Another node may have had the key in between, with a higher token
            // that a tombstone does not show. No earlier attempt can land over this revision, so
            // this node writes a new claim.
            None if !exists => {
                hold.revision = revision;
                let last = hold.token;
                let token = self.next_token(now, last);
                if let Some(hold) = self.keys.holds.get_mut(ix) {
                    hold.token = token;
                }
                self.set_register(ix, Register::Retry(now.at));
            }
            _ => {
                // The watch has passed the record that the leader has, and did not show it.
                let shown = self.view.keys.get(ix).map(|entry| entry.claim.revision);
                let is_missed = shown.is_some_and(|shown| shown < revision);
                if is_missed && revision <= self.view.seen && self.watch.is_live() {
                    self.io.demand(Demand::Resync("the view lacks a claim"));
                }
                self.drop_take(now, ix);
            }
        }
    }

    /// Another node has the key, or will have it. The watch shows which node.
    fn drop_take(&mut self, now: Now, ix: KeyIx) {
        self.end_take(ix);
        self.keys.reconcile_at(now.at + self.timing.heartbeat, ix);
    }

    pub(super) fn end_take(&mut self, ix: KeyIx) {
        self.keys.holds.remove(ix);
        self.keys.takes.end();
        self.unpin_if_done(ix);
    }

    /// The claim names this session.
    pub(super) fn on_taken(&mut self, now: Now, ix: KeyIx, revision: Revision) {
        let Some(hold) = self.keys.holds.get(ix) else { return };
        let (token, since) = (hold.token, hold.since);
        self.keys.takes.end();
        self.io.notice(Notice::TakenOver { after: now.at.since(since) });
        self.start_own(now, ix, token, revision);
    }
}
