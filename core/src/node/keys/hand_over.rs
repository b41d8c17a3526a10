//! Hands a key over after its run is confirmed over. One write of the claim names the next owner.

use super::KeyHandler;
use super::hold::{Destination, Failing, HandOver, HandOverReason, Hold, Phase};
use super::notes::Spent;
use super::reconcile::claim_write;
use crate::edge::Notice;
use crate::edge::StopReason;
use crate::id::{Revision, Token};
use crate::node::io::WriteFor;
use crate::node::register::Register;
use crate::time::Now;
use crate::view::{KeyFlag, KeyIx};
use crate::wire::{ClaimRecord, CoolDown, Failed, MAX_COOL_DOWNS, Quarantine};

impl KeyHandler<'_> {
    /// The run is over: the claim goes to the next owner. From now on this node never starts the
    /// key again on this revision of the claim.
    pub(super) fn hand_over(&mut self, now: Now, ix: KeyIx, reason: HandOverReason, slot: bool) {
        self.hand_over_failing(now, ix, reason, slot, None);
    }

    /// Hands over a key, and says what failed in its run.
    pub(super) fn hand_over_failing(
        &mut self,
        now: Now,
        ix: KeyIx,
        reason: HandOverReason,
        slot: bool,
        failing: Option<Box<Failing>>,
    ) {
        let Some(hold) = self.keys.holds.get(ix) else { return };
        // A running key ended by itself: no stop was requested.
        let ending_since = if hold.phase == Phase::Running { now.at } else { hold.since };
        let hand_over = HandOver {
            destination: Destination::Free,
            ran: hold.token,
            ending_since,
            slot,
            reason,
            failing,
            unwritten: None,
            write: Register::Retry(now.at),
        };
        self.keys.holds.enter(ix, now.at, Phase::HandingOver(Box::new(hand_over)));
        self.write_hand_over(now, ix);
    }

    /// A claim names this session, but the session may not run the key. Writes the claim as free,
    /// with a cool-down for this node. A node never chooses a receiver for a key that it did not
    /// have.
    pub(super) fn return_unrun(&mut self, now: Now, ix: KeyIx, token: Token, revision: Revision) {
        let write = Register::Retry(now.at);
        let phase = Phase::HandingOver(Box::new(HandOver {
            destination: Destination::Free,
            ran: token,
            ending_since: now.at,
            slot: false,
            reason: HandOverReason::ReturnedUnrun,
            failing: None,
            unwritten: None,
            write,
        }));
        self.keys.holds.insert(ix, Hold { token, revision, since: now.at, phase });
        let Some(entry) = self.view.keys.get_mut(ix) else { return };
        entry.set(KeyFlag::Pinned);
        self.write_hand_over(now, ix);
    }

    /// Sends a hand-over to the node that is next at this moment. Every attempt is a
    /// compare-and-set over the same revision, so at most one attempt lands. Only a complete view
    /// shows which node is next: until then nothing is sent.
    fn write_hand_over(&mut self, now: Now, ix: KeyIx) {
        let works = self.is_working(now);
        let Some(Hold { phase: Phase::HandingOver(hand_over), token, .. }) =
            self.keys.holds.get_mut(ix)
        else {
            return;
        };
        if !works {
            hand_over.unwritten = None;
            return self.set_register(ix, Register::Retry(now.at + self.timing.heartbeat));
        }
        let (reason, is_first) = (hand_over.reason, *token == hand_over.ran);
        let quarantined = hand_over.failing.as_ref().is_some_and(|of| of.quarantine.is_some());
        let destination = self.choose_destination(now, ix, reason, quarantined);
        // A released key that no other node can take stays idle until a cool-down ends.
        if is_first
            && matches!(reason, HandOverReason::Released | HandOverReason::Failed)
            && destination == Destination::Free
            && let Some(key) = self.view.keys.key(ix)
        {
            self.io.notice(Notice::Unwanted { key });
        }
        self.send_hand_over(now, ix, destination);
    }

    fn choose_destination(
        &mut self,
        now: Now,
        ix: KeyIx,
        reason: HandOverReason,
        quarantined: bool,
    ) -> Destination {
        let Some(entry) = self.view.keys.get(ix) else { return Destination::Free };
        if !entry.exists() {
            return Destination::Deleted;
        }
        if quarantined {
            return Destination::Quarantined;
        }
        if reason == HandOverReason::ReturnedUnrun {
            return Destination::Free;
        }
        if reason == HandOverReason::Stopped(StopReason::Move)
            && let Some(to) = self.requested_receiver(now, ix)
        {
            return Destination::To(to);
        }
        let released = matches!(reason, HandOverReason::Released | HandOverReason::Failed);
        let leaves = self.departs();
        let balance = reason == HandOverReason::Stopped(StopReason::Rebalance)
            && self.planner.has_gives(self.session.me);
        if released || leaves || balance || entry.is(KeyFlag::Pledged) {
            if let Some(entry) = self.view.keys.get_mut(ix) {
                entry.clear(KeyFlag::Pledged);
            }
            if let Some(to) = self.planner.pledge(self.view, now, ix, self.session.me) {
                return Destination::To(to);
            }
            // The node that the key was pledged to before does not get it.
            self.planner.unpledge(self.view, now, ix);
            if released || self.leaves_for_good(now) {
                return Destination::Free;
            }
        }
        Destination::Here
    }

    fn send_hand_over(&mut self, now: Now, ix: KeyIx, to: Destination) {
        let Some(Hold { phase: Phase::HandingOver(hand_over), .. }) = self.keys.holds.get_mut(ix)
        else {
            return;
        };
        hand_over.destination = to;
        let reason = hand_over.reason;
        let failing = hand_over.failing.as_deref().cloned();
        let Some(hold) = self.keys.holds.get(ix) else { return };
        let (revision, last) = (hold.revision, hold.token);
        let mut cool_downs = self.cool_downs_of(now, ix);
        if !matches!(reason, HandOverReason::Stopped(_)) {
            self.add_own_cool_down(&mut cool_downs);
        }
        let token = self.next_token(now, last);
        // A key that did not run here has not failed less often.
        let unrun = reason == HandOverReason::ReturnedUnrun;
        let before = if unrun { self.view.keys.failed(ix) } else { Failed::default() };
        let failed = failing.as_ref().map_or(before, |failing| failing.failed);
        let claim = |owner| {
            let cooling_down = cool_downs.clone();
            ClaimRecord { cooling_down, failed, ..ClaimRecord::new(owner, token) }
        };
        let claim = match to {
            Destination::Deleted => None,
            Destination::Free => Some(claim(None)),
            Destination::Quarantined => {
                let quarantine = failing.and_then(|failing| failing.quarantine);
                Some(ClaimRecord { failed, quarantine, ..ClaimRecord::new(None, token) })
            }
            Destination::Here => Some(claim(self.owner_of(self.session.me))),
            Destination::To(owner) => Some(claim(self.owner_of(owner))),
        };
        if let Some(hold) = self.keys.holds.get_mut(ix) {
            hold.token = token;
        }
        let Some(key) = self.view.keys.text(ix) else { return };
        let id = self.io.write(
            self.view,
            WriteFor::Claim(ix),
            claim_write(key, claim.as_ref(), revision),
        );
        self.set_register(ix, Register::Writing(id));
    }

    fn add_own_cool_down(&self, cool_downs: &mut Vec<CoolDown>) {
        cool_downs.retain(|n| n.node != self.config.node);
        let for_ms = u64::try_from(self.config.cool_down.as_millis()).unwrap_or(u64::MAX);
        cool_downs.push(CoolDown { node: self.config.node.clone(), for_ms });
        if cool_downs.len() > MAX_COOL_DOWNS {
            cool_downs.remove(0);
        }
    }

    /// Retries a write whose outcome is unknown.
    pub(super) fn retry(&mut self, now: Now, ix: KeyIx) {
        match self.keys.holds.get(ix).map(|h| &h.phase) {
            Some(Phase::Taking(_)) => self.retry_take(now, ix),
            Some(Phase::Completing(_)) => self.write_complete(ix),
            Some(Phase::HandingOver(_)) => self.write_hand_over(now, ix),
            _ => {}
        }
    }

    /// The claim that the log holds after a hand-over with unknown outcome. It is not the claim
    /// that the hand-over was to replace.
    pub(super) fn on_hand_over_read(
        &mut self,
        now: Now,
        ix: KeyIx,
        revision: Revision,
        claim: Option<&ClaimRecord>,
    ) {
        let Some(hold) = self.keys.holds.get(ix) else { return };
        if revision < hold.revision {
            // A deposed leader answered, or the log lost its tail. A resync shows which.
            return self.set_register(ix, Register::Retry(now.at + self.timing.heartbeat));
        }
        let owner = self.owner_of(self.session.me);
        if let Phase::HandingOver(hand_over) = &hold.phase
            && claim.is_some_and(|c| c.token == hand_over.ran && c.owner == owner)
        {
            return self.hand_over_again(now, ix, revision);
        }
        let mine = claim.is_some_and(|c| c.token == hold.token)
            || claim.is_none()
                && matches!(&hold.phase, Phase::HandingOver(hand_over) if hand_over.destination == Destination::Deleted);
        // The watch confirms what was read. If it does not in time, the claim stands.
        self.keys.reconcile_at(now.at + self.timing.heartbeat * 2, ix);
        if mine {
            return self.on_handed_over(now, ix, revision);
        }
        self.on_given_away(now, ix);
    }

    /// The claim has the same content at another revision: the log lost its tail, or an operator
    /// copied the record. Hands the key over from that revision.
    fn hand_over_again(&mut self, now: Now, ix: KeyIx, revision: Revision) {
        if let Some(hold) = self.keys.holds.get_mut(ix) {
            hold.revision = revision;
        }
        self.set_register(ix, Register::Retry(now.at + self.timing.retry));
    }

    /// The hand-over is in the log.
    pub(super) fn on_handed_over(&mut self, now: Now, ix: KeyIx, revision: Revision) {
        let Some(hold) = self.keys.holds.get(ix) else { return };
        let Phase::HandingOver(hand_over) = &hold.phase else { return };
        let HandOver { destination, ending_since, .. } = **hand_over;
        let token = hold.token;
        self.keys.given.count(now, destination);
        if destination == Destination::Quarantined {
            self.notice_quarantine(ix, revision);
        }
        self.io.notice(Notice::HandedOver { after: now.at.since(ending_since) });
        if destination == Destination::Here {
            self.free_slot(ix);
            self.planner.unpledge(self.view, now, ix);
            if self.keys.holds.notes.is_unconfirmed(ix) {
                self.return_unrun(now, ix, token, revision);
            } else {
                self.start_own(now, ix, token, revision);
            }
            return;
        }
        self.on_given_away(now, ix);
    }

    fn notice_quarantine(&mut self, ix: KeyIx, revision: Revision) {
        let Some(Hold { phase: Phase::HandingOver(hand_over), .. }) = self.keys.holds.get(ix)
        else {
            return;
        };
        let Some(Failing { failed, quarantine: Some(Quarantine { reason, .. }) }) =
            hand_over.failing.as_deref()
        else {
            return;
        };
        let (failed, reason) = (*failed, reason.clone());
        if let Some(key) = self.view.keys.key(ix) {
            self.io.notice(Notice::Quarantined { key, reason, failed, revision });
        }
    }

    /// Another node has the claim now. This node only waits until the watch shows it.
    fn on_given_away(&mut self, now: Now, ix: KeyIx) {
        self.free_slot(ix);
        self.keys.holds.enter(ix, now.at, Phase::HandedOver);
        self.reconcile_handing_over(now, ix);
    }

    pub(super) fn reconcile_handing_over(&mut self, now: Now, ix: KeyIx) {
        let (Some(hold), Some(entry)) = (self.keys.holds.get(ix), self.view.keys.get(ix)) else {
            return;
        };
        if entry.claim.revision <= hold.revision {
            return self.end_unshown_hand_over(now, ix);
        }
        if let Phase::HandingOver(hand_over) = &hold.phase {
            let HandOver { destination, ran, .. } = **hand_over;
            let claim = &entry.claim;
            // Of an unreadable claim, the token and the owner are the last readable ones. The
            // hand-over may have landed before it.
            if claim.exists
                && !claim.unreadable
                && claim.token == ran
                && claim.owner == self.session.me
            {
                let revision = claim.revision;
                return self.hand_over_again(now, ix, revision);
            }
            // The watch was faster than the acknowledgement of the write.
            let revision = claim.revision;
            let landed = claim.token == hold.token && claim.exists
                || !claim.exists && destination == Destination::Deleted;
            if landed {
                return self.on_handed_over(now, ix, revision);
            }
            self.free_slot(ix);
        }
        self.keys.holds.remove(ix);
        self.unpin_if_done(ix);
        self.planner.mark_dirty([ix]);
    }

    /// The watch does not show a hand-over that this node knows of. If it was read, a deposed leader
    /// may have answered. So after some time the claim counts as it stands. This node then writes it
    /// again before it starts the key.
    fn end_unshown_hand_over(&mut self, now: Now, ix: KeyIx) {
        let Some(hold) = self.keys.holds.get(ix) else { return };
        let is_old = hold.since + self.timing.heartbeat * 2 <= now.at;
        if hold.phase != Phase::HandedOver || !is_old || !self.watch.is_live() {
            return;
        }
        let spent = Spent { revision: hold.revision, ran: Token::default() };
        self.keys.holds.notes.set_spent(ix, spent);
        self.keys.holds.remove(ix);
        self.unpin_if_done(ix);
        self.planner.mark_dirty([ix]);
    }
}
