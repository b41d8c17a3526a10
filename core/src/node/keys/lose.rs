//! Letting go of a key that is no longer this session's, and ending a session that cannot give its keys
//! away.

use super::KeyHandler;
use super::hold::{Phase, Spent, Unconfirmed};
use crate::edge::{Action, LostReason};
use crate::id::{Revision, Token};
use crate::node::io::Demand;
use crate::time::{Now, Time};
use crate::view::{KeyEntry, KeyIx, Note};
use crate::wire::RecordName;

impl KeyHandler<'_> {
    /// A key's claim is not this session's any more.
    pub(super) fn lose_claim(&mut self, now: Now, ix: KeyIx) {
        let until = self.session.lease().and_then(|l| l.until(self.timing)).unwrap_or(now.at);
        self.planner.unpledge(self.view, now, ix);
        self.lose(ix, LostReason::ClaimLost, until);
    }

    /// One key is not this session's any more, whatever was going on with it.
    pub(crate) fn lose(&mut self, ix: KeyIx, reason: LostReason, until: Time) {
        let Some(hold) = self.keys.holds.remove(ix) else { return };
        self.keys.moves.forget(ix, &hold.phase);
        let stays = |e: &KeyEntry| e.claim.revision <= hold.revision;
        let stays = self.view.keys.get(ix).is_some_and(stays);
        let ran_here = hold.is_held() || matches!(hold.phase, Phase::Completing(_));
        if stays || ran_here {
            // Where the log lost its tail its revisions tell nothing, and the token still does.
            let revision = if stays { hold.revision } else { Revision::NONE };
            let ran = if ran_here { hold.token } else { Token::default() };
            self.keys.holds.set_spent(ix, Spent { revision, ran });
        }
        match hold.phase {
            // One that was told to stop is told too, since now it has a deadline.
            Phase::Running | Phase::Stopping(_) => {
                let told = if hold.phase == Phase::Running { until } else { hold.since };
                let run = Unconfirmed { token: hold.token, told, until };
                self.keys.holds.set_unconfirmed(ix, Some(run));
                if let Some(key) = self.view.keys.key(ix) {
                    self.io.push(Action::Lost(key, hold.token, reason, until));
                }
            }
            Phase::Completing(completing) => self.answer_doubtful(completing.request),
            Phase::Taking(_) | Phase::Taken => self.keys.takes.end(),
            Phase::HandingOver(_) | Phase::HandedOver => {}
        }
        self.unpin_if_done(ix);
    }

    /// Keeps a key's entry only as long as there is business with it.
    pub(super) fn unpin_if_done(&mut self, ix: KeyIx) {
        if self.keys.holds.contains(ix) || self.keys.holds.unconfirmed(ix).is_some() {
            return;
        }
        if let Some(entry) = self.view.keys.get_mut(ix) {
            entry.unnote(Note::Pinned);
            let gone = !entry.exists() && !entry.claim.exists;
            if gone {
                self.keys.holds.clear_spent(ix);
            }
        }
        self.view.keys.forget_if_idle(ix);
    }

    /// Whether the newest claim of the key that is known names this session, so that nobody else takes
    /// it while the session lives.
    pub(super) fn is_named(&self, ix: KeyIx) -> bool {
        self.view.keys.get(ix).is_some_and(|entry| entry.claim.owner == self.session.me)
    }

    /// A claim that names this session is to be given away or written anew, and was not. Where that
    /// goes on for two leases, which were renewed, the session ends, so that others can take what it
    /// has. Since its next session would be no better, the node stays away until it is told that it may
    /// write there.
    pub(super) fn fence_if_stuck(&mut self, now: Now, ix: KeyIx) -> bool {
        let named = self.is_named(ix);
        let Some(hold) = self.keys.holds.get_mut(ix) else { return false };
        let since = match &mut hold.phase {
            Phase::HandingOver(hand_over) => *hand_over.unwritten.get_or_insert(now.at),
            Phase::Taking(_) if named => hold.since,
            _ => return false,
        };
        let stuck = since + self.timing.lease * 2 <= now.at;
        if stuck {
            let Some(key) = self.view.keys.key(ix) else { return false };
            let why = "hand-overs cannot be written";
            self.io.demand(Demand::FenceUntilWritable(why, RecordName::Claim(key)));
        }
        stuck
    }
}
