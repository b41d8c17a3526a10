//! Stopping a key, and what follows from its confirmation.

use super::KeyHandler;
use super::hold::{HandOverReason, Phase, Stop};
use super::notes::{Spent, Unconfirmed};
use crate::edge::Action;
use crate::edge::StopReason;
use crate::guard::broken;
use crate::id::Token;
use crate::key::Key;
use crate::time::Now;
use crate::view::KeyIx;

impl KeyHandler<'_> {
    /// Asks the application to stop. A `Stop` is never taken back.
    pub(super) fn stop(&mut self, now: Now, ix: KeyIx, reason: StopReason, slot: bool) {
        let (Some(hold), Some(key)) = (self.keys.holds.get(ix), self.view.keys.key(ix)) else {
            return;
        };
        let until = self.config.stop_timeout.map(|after| now.at + after);
        self.io.push(Action::Stop(key, hold.token, reason, until));
        let stop = Stop { reason, slot, until };
        self.keys.holds.enter(ix, now.at, Phase::Stopping(stop));
        if let Some(at) = until {
            self.keys.reconcile_at(at, ix);
        }
        #[cfg(test)]
        self.hand_over_before_confirm(now, ix, stop);
    }

    /// The application confirms that the run with this token is over. The token tells this run from
    /// earlier ones.
    pub(crate) fn on_confirm(&mut self, now: Now, key: &Key, token: Token) {
        let Some(ix) = self.view.keys.find(key) else { return };
        if self.confirm_unconfirmed(now, ix, token) {
            return;
        }
        let Some(hold) = self.keys.holds.get(ix) else { return };
        if let Phase::Stopping(stop) = hold.phase
            && (hold.token == token || broken!(ConfirmToken))
        {
            self.keys.given.note(now);
            self.on_stopped(now, ix, stop);
        }
    }

    /// The run is over, or counts as over: the key goes to the next owner, or waits for this node's next
    /// session.
    fn on_stopped(&mut self, now: Now, ix: KeyIx, stop: Stop) {
        if stop.reason == StopReason::Restart && self.waits_for_return(ix) {
            return self.rest(now, ix);
        }
        self.hand_over(now, ix, HandOverReason::Stopped(stop.reason), stop.slot);
    }

    /// The claim stays. This session never starts the key again on it.
    fn rest(&mut self, now: Now, ix: KeyIx) {
        let Some(hold) = self.keys.holds.remove(ix) else { return };
        self.keys.moves.forget(ix, &hold.phase);
        let spent = Spent { revision: hold.revision, ran: hold.token };
        self.keys.holds.notes.set_spent(ix, spent);
        self.unpin_if_done(ix);
        self.reconcile_key(now, ix);
    }

    /// Confirms that a lost run is over, if it has this token.
    pub(super) fn confirm_unconfirmed(&mut self, now: Now, ix: KeyIx, token: Token) -> bool {
        let known = self.keys.holds.notes.unconfirmed(ix).is_some_and(|run| run.token == token);
        if known {
            self.keys.holds.notes.set_unconfirmed(ix, None);
            self.unpin_if_done(ix);
            self.reconcile_key(now, ix);
        }
        known
    }

    /// The application did not confirm a stop within the time that it configured. The key is handed
    /// over without the confirmation. This gives up exclusivity for that key, as the documentation
    /// of the setting says.
    pub(super) fn stop_timed_out(&mut self, now: Now, ix: KeyIx) {
        let Some(hold) = self.keys.holds.get(ix) else { return };
        let Phase::Stopping(stop) = hold.phase else { return };
        let Some(until) = stop.until else { return };
        let run = Unconfirmed { token: hold.token, ending_since: hold.since, until: now.at };
        if until <= now.at {
            if !self.is_announced_given(now, until) {
                return self.keys.reconcile_at(now.at + self.timing.retry, ix);
            }
        } else if !broken!(StopTimeout) {
            return;
        }
        self.keys.holds.notes.set_unconfirmed(ix, Some(run));
        self.on_stopped(now, ix, stop);
    }
}
