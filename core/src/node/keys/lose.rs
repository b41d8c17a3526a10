//! Losing a key that this session no longer owns, and ending a session that cannot give its keys
//! away.

use super::KeyHandler;
use super::hold::Phase;
use super::notes::{Spent, Unconfirmed};
use crate::edge::{Action, LostReason};
use crate::id::Revision;
use crate::node::io::Demand;
use crate::time::{Now, Time};
use crate::view::{KeyEntry, KeyFlag, KeyIx};
use crate::wire::RecordName;

impl KeyHandler<'_> {
    /// A key's claim no longer belongs to this session.
    pub(super) fn lose_claim(&mut self, now: Now, ix: KeyIx) {
        let until = self.session.lease().and_then(|l| l.until(self.timing)).unwrap_or(now.at);
        self.planner.unpledge(self.view, now, ix);
        self.lose(ix, LostReason::ClaimLost, until);
    }

    /// This session no longer owns the key, in whatever phase the hold was.
    pub(crate) fn lose(&mut self, ix: KeyIx, reason: LostReason, until: Time) {
        let Some(hold) = self.keys.holds.remove(ix) else { return };
        self.keys.moves.forget(ix, &hold.phase);
        let stays = |e: &KeyEntry| e.claim.revision <= hold.revision;
        let stays = self.view.keys.get(ix).is_some_and(stays);
        let ran = match &hold.phase {
            Phase::Running | Phase::Stopping(_) | Phase::Completing(_) => Some(hold.token),
            Phase::HandingOver(hand_over) => Some(hand_over.ran),
            Phase::Taking(_) | Phase::Taken | Phase::HandedOver => None,
        };
        if stays || ran.is_some() {
            // If the log lost its tail, revisions prove nothing. The token still identifies the
            // run.
            let revision = if stays { hold.revision } else { Revision::NONE };
            let ran = ran.unwrap_or_default();
            self.keys.holds.notes.set_spent(ix, Spent { revision, ran });
        }
        match hold.phase {
            // The application gets the notification even if it was asked to stop before: the stop
            // now has a deadline.
            Phase::Running | Phase::Stopping(_) => {
                let ending_since = if hold.phase == Phase::Running { until } else { hold.since };
                let run = Unconfirmed { token: hold.token, ending_since, until };
                self.keys.holds.notes.set_unconfirmed(ix, Some(run));
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

    /// Unpins a key's entry when this node has nothing more to do with the key.
    pub(super) fn unpin_if_done(&mut self, ix: KeyIx) {
        if self.keys.holds.contains(ix) || self.keys.holds.notes.unconfirmed(ix).is_some() {
            return;
        }
        if let Some(entry) = self.view.keys.get_mut(ix) {
            entry.clear(KeyFlag::Pinned);
            let gone = !entry.exists() && !entry.claim.exists;
            if gone {
                self.keys.holds.notes.clear_spent(ix);
            }
        }
        self.view.keys.forget_if_idle(ix);
    }

    /// Whether the newest known claim of the key names this session. If so, no other node takes the
    /// key while the session lives.
    pub(super) fn is_named(&self, ix: KeyIx) -> bool {
        self.view.keys.get(ix).is_some_and(|entry| entry.claim.owner == self.session.me)
    }

    /// A claim that names this session must be given away or written again, but the write fails. If
    /// it fails for two lease times while the lease is renewed, the session ends, so that other
    /// nodes can take its keys. A new session would fail in the same way. So the node stays away
    /// until a test write shows that it may write this record.
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
