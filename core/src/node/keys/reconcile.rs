//! Reconciles one key: computes the next step from the view, the plan and the hold.

use std::time::Duration;

use super::KeyHandler;
use super::hold::{Hold, Phase};
use crate::edge::Action;
use crate::edge::StopReason;
use crate::guard::broken;
use crate::id::{Revision, Token};
use crate::log::Write;
use crate::node::io::WriteFor;
use crate::node::register::Register;
use crate::plan::score;
use crate::time::Now;
use crate::timing::{TOMBSTONE_TTL, UNKNOWN_LEASE, observed};
use crate::view::{KeyFlag, KeyIx, OwnerIx};
use crate::wire::{ClaimRecord, CoolDown, Named, Owner};

impl KeyHandler<'_> {
    /// Takes the next step for this key. Called on every change of the key. A call too many does no
    /// harm.
    pub(super) fn reconcile_key(&mut self, now: Now, ix: KeyIx) {
        if !self.is_working(now) {
            return;
        }
        match self.keys.holds.get(ix).map(|hold| &hold.phase) {
            None => self.reconcile_free(now, ix),
            Some(Phase::Taking(_)) => self.reconcile_taking(now, ix),
            Some(Phase::Taken) => {}
            Some(Phase::Running) => self.reconcile_running(now, ix),
            #[cfg(test)]
            Some(Phase::Stopping(_)) if broken!(StopIsFinal) => self.take_stop_back(now, ix),
            Some(Phase::Stopping(_) | Phase::Completing(_)) => {
                self.follow_claim(now, ix);
            }
            Some(Phase::HandingOver(_) | Phase::HandedOver) => self.reconcile_handing_over(now, ix),
        }
    }

    /// A timer of this key is due.
    pub(super) fn on_later(&mut self, now: Now, ix: KeyIx) {
        self.drive_asked(now, ix);
        if let Some(hold) = self.keys.holds.get_mut(ix)
            && let Some(Register::Retry(at)) = hold.register_mut()
            && *at <= now.at
        {
            return self.retry(now, ix);
        }
        self.release_slow_slot(now, ix);
        self.stop_timed_out(now, ix);
        self.reconcile_key(now, ix);
    }

    fn reconcile_free(&mut self, now: Now, ix: KeyIx) {
        let Some(entry) = self.view.keys.get(ix) else { return };
        let mine = entry.claim.exists && entry.claim.owner == self.session.me;
        #[cfg(test)]
        let mine = mine || self.is_any_own_session(entry.claim.owner);
        if mine && !entry.claim.unreadable {
            if self.waits_for_return(ix) {
                return;
            }
            return self.adopt(now, ix);
        }
        if !entry.exists() {
            return self.reconcile_stale_claim(now, ix);
        }
        if mine {
            // The last readable claim named this node. The claim may have been handed over since,
            // unseen. So this node takes the key back after the same wait as any other node.
            return self.queue_take(now, ix);
        }
        if !self.planner.is_orphan(self.view, ix) {
            return self.reconcile_unreadable(now, ix);
        }
        if entry.target == self.session.me {
            self.queue_take(now, ix);
        } else if entry.target.is_some() {
            self.watch_over(now, ix);
        }
    }

    /// The owner of an unreadable claim loses the key. After some time, the owner holds nothing by
    /// that claim even if its watch lags. Then the key is an orphan.
    fn reconcile_unreadable(&mut self, now: Now, ix: KeyIx) {
        let unreadable = self.view.keys.get(ix).is_some_and(|entry| entry.claim.unreadable);
        if unreadable && self.unreadable_is_old(now, ix) {
            let effect = self.view.disown(ix);
            self.on_effect(now, &effect);
        }
    }

    /// A claim names this session, but the session has no hold for it: the claim was handed over,
    /// or an earlier write of this node landed after all.
    fn adopt(&mut self, now: Now, ix: KeyIx) {
        let Some(entry) = self.view.keys.get(ix) else { return };
        let (token, revision) = (entry.claim.token, entry.claim.revision);
        let may = self.planner.may_take(self.view, ix, self.session.me);
        if let Some(until) = self
            .keys
            .holds
            .notes
            .unconfirmed(ix)
            .map(|run| run.until)
            .filter(|until| *until > now.at)
        {
            // The key was lost by mistake. Its last run may continue until that time, and no other
            // run may begin.
            return self.keys.reconcile_at(until, ix);
        }
        if !entry.exists() || !may || self.keys.holds.notes.is_unconfirmed(ix) {
            return self.return_unrun(now, ix, token, revision);
        }
        if self.keys.holds.notes.is_spent(ix, revision, token) {
            // This node ran the key or gave it away on this revision: a late write of this node may
            // still name another owner. So it first writes a new claim.
            return self.queue_take(now, ix);
        }
        self.start(now, ix, token, revision);
    }

    /// The claim is known to be as this node wrote it. The key starts when the view is complete.
    pub(super) fn start_own(&mut self, now: Now, ix: KeyIx, token: Token, revision: Revision) {
        if self.is_working(now) {
            return self.start(now, ix, token, revision);
        }
        self.keys.takes.begin();
        let phase = Phase::Taken;
        self.keys.holds.insert(ix, Hold { token, revision, since: now.at, phase });
    }

    /// This node owns the key: notifies the application.
    pub(super) fn start(&mut self, now: Now, ix: KeyIx, token: Token, revision: Revision) {
        if token <= self.keys.holds.floor && !broken!(TokenFloor) {
            return self.write_again_before_start(now, ix, revision);
        }
        let Some(entry) = self.view.keys.get_mut(ix) else { return };
        entry.set(KeyFlag::Pinned);
        let Some(key) = self.view.keys.key(ix) else { return };
        self.keys.holds.notes.clear_spent(ix);
        let hold = Hold { token, revision, since: now.at, phase: Phase::Running };
        self.keys.holds.insert(ix, hold);
        self.io.push(Action::Start(key, token));
        self.note_started(ix);
        self.planner.mark_dirty([ix]);
    }

    /// The claim is older than the state that the view had before the log was last read again. If
    /// the log lost its tail, this claim may have been run before, here or elsewhere. So it is
    /// written again first, with a higher token.
    fn write_again_before_start(&mut self, now: Now, ix: KeyIx, revision: Revision) {
        let Some(entry) = self.view.keys.get_mut(ix) else { return };
        entry.set(KeyFlag::Pinned);
        let last = entry.claim.token;
        let token = self.next_token(now, last);
        let phase = Phase::Taking(Register::Retry(now.at));
        self.keys.holds.insert(ix, Hold { token, revision, since: now.at, phase });
        self.keys.takes.begin();
        self.write_take(now, ix);
    }

    fn reconcile_taking(&mut self, now: Now, ix: KeyIx) {
        let (Some(hold), Some(entry)) = (self.keys.holds.get(ix), self.view.keys.get(ix)) else {
            return;
        };
        let claim = &entry.claim;
        if claim.revision <= hold.revision || claim.unreadable {
            return;
        }
        let (token, revision) = (claim.token, claim.revision);
        if claim.owner == self.session.me && token == hold.token {
            self.on_taken(now, ix, revision);
        }
    }

    fn reconcile_running(&mut self, now: Now, ix: KeyIx) {
        if !self.follow_claim(now, ix) {
            return;
        }
        let Some(entry) = self.view.keys.get(ix) else { return };
        let (exists, hash) = (entry.exists(), entry.hash);
        if !exists {
            return self.stop(now, ix, StopReason::Retracted, false);
        }
        if self.must_go(now, ix) {
            self.keys.moves.departures.insert((hash, ix));
        } else {
            self.keys.moves.departures.remove(&(hash, ix));
        }
    }

    /// Follows the claim of a key that this node holds. Returns whether the claim still matches the
    /// hold. If not, the key is lost. An unreadable claim does not match.
    pub(super) fn follow_claim(&mut self, now: Now, ix: KeyIx) -> bool {
        let (Some(hold), Some(entry)) = (self.keys.holds.get_mut(ix), self.view.keys.get(ix))
        else {
            return false;
        };
        let claim = &entry.claim;
        if claim.revision <= hold.revision {
            return true;
        }
        if claim.unreadable || claim.owner != self.session.me || claim.token != hold.token {
            self.lose_claim(now, ix);
            return false;
        }
        hold.revision = claim.revision;
        true
    }

    /// A claim without a key and without a live owner. The member with the best score deletes it.
    fn reconcile_stale_claim(&mut self, now: Now, ix: KeyIx) {
        let Some(entry) = self.view.keys.get(ix) else { return };
        let claim = &entry.claim;
        let unreadable = claim.unreadable;
        // Nodes may disagree about the last owner of an unreadable claim.
        if !claim.exists || !unreadable && self.planner.is_member(claim.owner) {
            return;
        }
        if unreadable && !self.unreadable_is_old(now, ix) {
            return;
        }
        let Some(entry) = self.view.keys.get(ix) else { return };
        let (owner, revision) = (entry.claim.owner, entry.claim.revision);
        let cleaner = self
            .planner
            .standings()
            .values()
            .filter(|s| !s.away)
            .max_by_key(|s| (score(s.hash, entry.hash, s.affinity.max(1)), s.owner))
            .map(|s| s.owner);
        if cleaner != Some(self.session.me) {
            // The member with the best score may be gone before it deletes the claim.
            return self.reconcile_in_a_lease(now, ix);
        }
        let free = unreadable || self.is_proved_over(now, ix, owner);
        if free && self.keys.holds.notes.set_deleting(ix, true) {
            let Some(key) = self.view.keys.text(ix) else { return };
            let write = claim_write(key, None, revision);
            self.io.write(self.view, WriteFor::StaleClaim(ix), write);
        }
    }

    pub(crate) fn on_stale_claim_wrote(&mut self, now: Now, ix: KeyIx) {
        self.keys.holds.notes.set_deleting(ix, false);
        self.reconcile_in_a_lease(now, ix);
    }

    /// Reconciles the key after one to two lease times. At multiples of the lease time, so that a key
    /// has one such timer however often it is reconciled.
    fn reconcile_in_a_lease(&mut self, now: Now, ix: KeyIx) {
        let lease = self.timing.lease;
        let since =
            Duration::from_nanos(now.at.0 % u64::try_from(lease.as_nanos()).unwrap_or(u64::MAX));
        self.keys.reconcile_at(now.at + lease * 2 - since, ix);
    }

    /// Whether an unreadable claim has been visible for so long that no owner of an earlier claim
    /// can still hold the key. An owner that sees the unreadable claim loses the key, and its run
    /// ends within a lease. An owner whose watch lags by two leases is fenced.
    pub(super) fn unreadable_is_old(&mut self, now: Now, ix: KeyIx) -> bool {
        let longest = self.view.members.values().map(|m| m.record.lease_ms).max();
        let lease = longest.map_or(UNKNOWN_LEASE, std::time::Duration::from_millis);
        let Some(revision) = self.view.keys.get(ix).map(|e| e.claim.revision) else { return false };
        let since = self.keys.holds.notes.unreadable_since(ix, revision, now.at);
        let due = since + observed(lease.min(UNKNOWN_LEASE)) * UNREADABLE_PATIENCE;
        if due > now.at {
            self.keys.reconcile_at(due, ix);
        }
        due <= now.at || broken!(GarbagePatience)
    }

    /// The owner, as claims name it.
    pub(super) fn owner_of(&self, owner: OwnerIx) -> Option<Owner> {
        let entry = self.view.owners.get(owner)?;
        Some(Owner { node: entry.node.clone(), session: entry.session })
    }

    /// The nodes that released the key recently, with the rest of each cool-down.
    pub(super) fn cool_downs_of(&self, now: Now, ix: KeyIx) -> Vec<CoolDown> {
        let left = |n: &crate::view::CoolDownUntil| {
            let for_ms = u64::try_from(n.until.since(now.at).as_millis()).ok()?;
            (for_ms > 0).then(|| CoolDown { node: n.node.clone(), for_ms })
        };
        self.view.keys.cooling_down(ix).iter().filter_map(left).collect()
    }

    /// The token of a new claim of this key. It is above the last token and above every token seen.
    /// As far as wall clocks allow, it is also above the tokens of a log that was lost.
    pub(super) fn next_token(&mut self, now: Now, last: Token) -> Token {
        let next = (last.0 + 1).max(now.unix_us).max(self.view.highest_token + 1).min(Token::MAX.0);
        #[cfg(test)]
        let next = self.break_token(now, next);
        self.view.note_token(Token(next));
        Token(next)
    }
}

/// How long an unreadable claim is left alone, as a multiple of the time after which an observer
/// ends the longest lease.
const UNREADABLE_PATIENCE: u32 = 3;

/// A write of a claim. `None` deletes the claim.
pub(super) fn claim_write(key: &str, claim: Option<&ClaimRecord>, expected: Revision) -> Write {
    Write {
        name: Named::Claim(key).to_string(),
        value: claim.map(ClaimRecord::encode),
        expected: Some(expected).filter(|_| claim.is_some() || !broken!(DeleteCas)),
        ttl: claim.is_none().then_some(TOMBSTONE_TTL),
        expires_in: None,
    }
}
