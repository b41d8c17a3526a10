//! Letting go when the lease is about to end.

use super::Node;
use super::hold::{Mark, Phase, Unconfirmed};
use super::join::Life;
use super::outcome::WriteFor;
use crate::edge::LostReason;
use crate::edge::{Action, End, Notice};
use crate::guard::broken;
use crate::id::{Revision, Token};
use crate::log::{Outcome, Write};
use crate::time::{Now, Time};
use crate::timing::TOMBSTONE_TTL;
use crate::view::{KeyEntry, KeyIx, Note, OwnerIx};
use crate::wire::RecordName;

/// How many of its fenced sessions a node remembers; only the newest can still be of interest.
const OLD_SESSIONS: usize = 16;

/// A revision that no record ever has.
const NEVER: Revision = Revision(i64::MAX.cast_unsigned());

impl Node {
    pub(super) fn is_fence_due(&self, now: Now) -> bool {
        let due = self.lease().and_then(|l| l.fence_at(&self.timing));
        due.is_some_and(|at| at <= now.at) && !broken!(SelfFence)
    }

    /// **Invariant (self-fence):** at the stop budget's length before the lease ends the application
    /// is told `Lost` for every key; at its end nothing is held.
    pub(super) fn check_lease(&mut self, now: Now) {
        if self.is_fence_due(now) && !matches!(self.life, Life::Cancelling(_)) {
            self.fence(now, "the lease was not renewed in time");
        }
    }

    /// Ends this node's part in its session: everything is `Lost`, and the session writes nothing
    /// any more but its end.
    pub(super) fn fence(&mut self, now: Now, why: &'static str) {
        let Some(lease) = self.lease() else { return };
        let (old, until) = (lease.session, lease.until(&self.timing).unwrap_or(now.at));
        if let Life::Cancelling(_) = self.life {
            return self.on_session_over(now);
        }
        let (held, kept) = (self.holds.held() as u64, self.holds.kept() as u64);
        self.notice(Notice::Fenced { held, why });
        self.lose_all(LostReason::Fenced, until);
        if self.old_sessions.len() == OLD_SESSIONS {
            self.old_sessions.remove(0);
        }
        self.old_sessions.push(old);
        self.life = Life::Fenced { until, rejoin: now.at };
        self.me = OwnerIx::NONE;
        self.watch.forget_heartbeats();
        self.fenced_leaving(kept);
        // What kept the lease from being renewed may have kept the watch from showing what came and
        // went; the next session begins with a view that is proved.
        self.resync(now, "the session has ended");
    }

    /// A claim that names this session is to be given away or written anew, and was not. Where that
    /// goes on for two leases, which were renewed, the session ends, so that others can take what it
    /// has. Since its next session would be no better, the node stays away until it is told that it may
    /// write there.
    pub(super) fn fence_if_stuck(&mut self, now: Now, ix: KeyIx) -> bool {
        let named = self.is_named(ix);
        let Some(hold) = self.holds.keys.get_mut(ix) else { return false };
        let since = match &mut hold.phase {
            Phase::HandingOver(hand_over) => *hand_over.unwritten.get_or_insert(now.at),
            Phase::Taking(_) if named => hold.since,
            _ => return false,
        };
        let stuck = since + self.timing.lease * 2 <= now.at;
        if stuck {
            let Some(key) = self.view.keys.key(ix) else { return false };
            let claim = RecordName::Claim(key);
            self.fence_until_it_may_write(now, "hand-overs cannot be written", claim);
        }
        stuck
    }

    /// When a node whose member record does not come back gives its session up. The record of its
    /// session before may stand, and while the lease is renewed nobody ends that.
    pub(super) fn shut_out_at(&self) -> Option<Time> {
        matches!(self.life, Life::Entering(_)).then(|| self.member.begun() + self.timing.lease * 2)
    }

    /// Ends the session, since a record does not get written; the node stays away until it may write it.
    pub(super) fn fence_until_it_may_write(
        &mut self,
        now: Now,
        why: &'static str,
        record: RecordName,
    ) {
        self.fence(now, why);
        self.probe = Some(record);
        self.wait_to_rejoin(now);
    }

    /// Whether the newest claim of the key that is known names this session, so that nobody else takes
    /// it while the session lives.
    pub(super) fn is_named(&self, ix: KeyIx) -> bool {
        self.view.keys.get(ix).is_some_and(|entry| entry.claim.owner == self.me)
    }

    fn wait_to_rejoin(&mut self, now: Now) {
        if let Life::Fenced { rejoin, .. } = &mut self.life {
            *rejoin = now.at + self.timing.lease;
        }
    }

    /// Whether a fenced node may come back now. One that could not write a record tries to over a
    /// revision that there never is: a conflict tells that it may.
    pub(super) fn drive_rejoin(&mut self, now: Now) -> bool {
        let Life::Fenced { rejoin, .. } = self.life else { return false };
        if rejoin > now.at {
            return false;
        }
        let Some(record) = &self.probe else { return true };
        let write =
            Write { ttl: Some(TOMBSTONE_TTL), ..Write::delete(record.to_string(), Some(NEVER)) };
        self.write(WriteFor::Probe, write);
        self.wait_to_rejoin(now);
        false
    }

    pub(super) fn on_probe_wrote(&mut self, now: Now, outcome: &Outcome) {
        if let (Outcome::Conflict, Life::Fenced { rejoin, .. }) = (outcome, &mut self.life) {
            self.probe = None;
            *rejoin = now.at;
        }
    }

    /// Every run is over for this session; those that the application has are told `Lost`.
    pub(super) fn lose_all(&mut self, reason: LostReason, until: Time) {
        // What was not sent belongs to a session that writes nothing any more.
        self.actions.push_back(Action::Withdraw);
        for ix in self.holds.keys.keys() {
            self.lose(ix, reason, until);
        }
        self.takes.clear();
        self.moves.clear();
    }

    /// One key is not this session's any more, whatever was going on with it.
    pub(super) fn lose(&mut self, ix: KeyIx, reason: LostReason, until: Time) {
        let Some(hold) = self.holds.keys.remove(ix) else { return };
        self.holds.tally.leave(ix, &hold);
        self.moves.forget(ix, &hold.phase);
        let stays = |e: &KeyEntry| e.claim.revision <= hold.revision;
        let stays = self.view.keys.get(ix).is_some_and(stays);
        let ran_here = hold.is_held() || matches!(hold.phase, Phase::Completing(_));
        if stays || ran_here {
            // Where the log lost its tail its revisions tell nothing, and the token still does.
            let revision = if stays { hold.revision } else { Revision::NONE };
            let ran = if ran_here { hold.token } else { Token::default() };
            self.holds.marks.insert(ix, Mark { revision, ran });
        }
        match hold.phase {
            // One that was told to stop is told too, since now it has a deadline.
            Phase::Running | Phase::Stopping(_) => {
                let told = if hold.phase == Phase::Running { until } else { hold.since };
                self.holds.unconfirmed.insert(ix, Unconfirmed { token: hold.token, told, until });
                if let Some(key) = self.view.keys.key(ix) {
                    self.actions.push_back(Action::Lost(key, hold.token, reason, until));
                }
            }
            Phase::Completing(completing) => self.answer_doubtful(completing.request),
            Phase::Taking(_) => self.takes.end(),
            Phase::HandingOver(_) | Phase::HandedOver => {}
        }
        self.unpin_if_done(ix);
    }

    /// The node is over: whatever the application still has, it has no more.
    pub(super) fn drop_runs_for(&mut self, end: &End) {
        let until = self.lease().and_then(|l| l.until(&self.timing)).unwrap_or_default();
        let reason = match end {
            End::Replaced { .. } => LostReason::Replaced,
            _ => LostReason::Cancelled,
        };
        self.lose_all(reason, until);
    }

    /// Keeps a key's entry only as long as there is business with it.
    pub(super) fn unpin_if_done(&mut self, ix: KeyIx) {
        if self.holds.keys.contains(ix) || self.holds.unconfirmed.contains_key(&ix) {
            return;
        }
        if let Some(entry) = self.view.keys.get_mut(ix) {
            entry.unnote(Note::Pinned);
            let gone = !entry.exists() && !entry.claim.exists;
            if gone {
                self.holds.marks.remove(&ix);
            }
        }
        self.view.keys.forget_if_idle(ix);
    }
}
