//! What a node does if a guard is broken, where this takes more than omitting a step. For tests.

use super::KeyHandler;
use super::hold::{HandOverReason, Phase, Stop};
use crate::edge::StopReason;
use crate::guard::broken;
use crate::id::Revision;
use crate::log::Outcome;
use crate::time::Now;
use crate::view::{KeyIx, OwnerIx};
use crate::wire::Owner;

impl KeyHandler<'_> {
    /// Whether the node mistakes the outcome of a claim's write for a different outcome.
    pub(super) fn mistake_outcome(&mut self, now: Now, ix: KeyIx, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Conflict if broken!(ConflictIsFailure) => self.assume_landed(now, ix),
            Outcome::Unknown(_) if broken!(UnknownIsDoubt) => self.assume_landed(now, ix),
            Outcome::Unknown(_) if broken!(HandOnce) && self.is_handing(ix) => {
                self.start_again(now, ix);
            }
            _ => return false,
        }
        true
    }

    /// Assumes that the write of a claim landed.
    fn assume_landed(&mut self, now: Now, ix: KeyIx) {
        let Some(hold) = self.keys.holds.get(ix) else { return };
        let (token, revision) = (hold.token, self.view.seen.max(hold.revision));
        match hold.phase {
            Phase::Taking(_) => self.on_taken(now, ix, revision),
            Phase::HandingOver { .. } => self.on_handed_over(now, ix, revision),
            _ => self.start(now, ix, token, revision),
        }
    }

    fn is_handing(&self, ix: KeyIx) -> bool {
        matches!(self.keys.holds.get(ix).map(|h| &h.phase), Some(Phase::HandingOver { .. }))
    }

    /// Starts a key again while the outcome of its hand-over is unknown. Uses the revision that the
    /// hand-over was to replace.
    fn start_again(&mut self, now: Now, ix: KeyIx) {
        let Some(hold) = self.keys.holds.get(ix) else { return };
        let (token, revision) = (hold.token, hold.revision);
        self.free_slot(ix);
        self.planner.unpledge(self.view, now, ix);
        self.start(now, ix, token, revision);
    }

    /// Whether a session is a session of this node, current or earlier.
    pub(super) fn is_any_own_session(&self, owner: OwnerIx) -> bool {
        broken!(OwnSession)
            && self.owner_of(owner).is_some_and(|Owner { node, .. }| node == self.config.node)
    }

    /// Continues to run a key that was asked to stop and no longer needs to move.
    pub(super) fn take_stop_back(&mut self, now: Now, ix: KeyIx) {
        let exists = self.view.keys.get(ix).is_some_and(crate::view::KeyEntry::exists);
        if !self.follow_claim(now, ix) || !exists || self.must_go(now, ix) {
            return;
        }
        if let Some(hold) = self.keys.holds.get(ix)
            && let Phase::Stopping(stop) = hold.phase
            && stop.reason != StopReason::Rebalance
        {
            self.keys.holds.enter(ix, hold.since, Phase::Running);
            if stop.slot {
                self.drop_slot(ix);
            }
        }
    }

    /// Starts a key when its claim is sent.
    pub(super) fn start_before_ack(&mut self, now: Now, ix: KeyIx, revision: Revision) {
        if broken!(StartAfterAck) {
            self.on_taken(now, ix, revision);
        }
    }

    /// Hands a key over when its stop is sent.
    pub(super) fn hand_over_before_confirm(&mut self, now: Now, ix: KeyIx, stop: Stop) {
        if broken!(HandAfterStop) {
            self.hand_over(now, ix, HandOverReason::Stopped(stop.reason), stop.slot);
        }
    }

    /// The token of a new claim: from the clock only, or the next revision that this node expects.
    pub(super) fn break_token(&self, now: Now, next: u64) -> u64 {
        if broken!(TokenAboveLast) {
            now.unix_us
        } else if broken!(TokenNotRevision) {
            self.io.newest.max(self.view.seen).0 + 1
        } else {
            next
        }
    }
}
