//! Moves away from this node, for drains, leaves and balance generations. The number of parallel
//! moves is limited.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::KeyHandler;
use super::hold::{Phase, Stop};
use crate::edge::StopReason;
use crate::id::Revision;
use crate::node::member::Departure;
use crate::plan::score;
use crate::time::{Now, Time};
use crate::view::{KeyEntry, KeyIx};
use crate::wire::{ControlRecord, DEFAULT_PARALLEL, MemberState, Mode, OnDeadline};

/// The keys that this node must give away.
#[derive(Debug, Default)]
pub(crate) struct OutgoingMoves {
    /// Running keys that must leave, by hash.
    pub(super) departures: BTreeSet<(u64, KeyIx)>,
    /// Running keys that the balance generation moves away.
    gives: VecDeque<KeyIx>,
    /// The number of further keys that the generation moves away, by class. When the moves were
    /// chosen, these keys were planned for this node and did not run yet.
    lacking: HashMap<u16, u64>,
    /// Keys of that generation that were asked to stop and are not handed over.
    moving: HashSet<KeyIx>,
    /// The generation of `gives`.
    generation: Revision,
    /// The planner's round of `gives`.
    round: u64,
    /// Requested stops that are neither handed over nor overdue.
    slots: usize,
    /// When the drain's deadline passes, if that has an effect.
    deadline: Option<Time>,
    /// The control record may request moves of single keys that this node has not looked at.
    pub(super) requests: bool,
}

impl OutgoingMoves {
    pub(crate) fn clear(&mut self) {
        *self = Self { generation: self.generation, round: self.round, ..Self::default() };
    }

    /// This node no longer owns the key.
    pub(super) fn forget(&mut self, ix: KeyIx, phase: &Phase) {
        let slot = match phase {
            Phase::Stopping(Stop { slot, .. }) => *slot,
            Phase::HandingOver(hand_over) => hand_over.slot,
            _ => false,
        };
        if slot {
            self.slots = self.slots.saturating_sub(1);
        }
        self.moving.remove(&ix);
    }

    /// When the drain's deadline passes, if that has an effect.
    pub(crate) fn timeout(&self) -> Option<Time> {
        self.deadline
    }

    fn is_balanced(&self) -> bool {
        self.gives.is_empty() && self.moving.is_empty()
    }
}

impl KeyHandler<'_> {
    pub(crate) fn control(&self) -> Option<&ControlRecord> {
        self.view.controls.get(&self.config.node).map(|c| &c.record)
    }

    /// Whether this node gives up all its keys.
    pub(crate) fn departs(&self) -> bool {
        self.planner.standing(self.view, self.session.me).is_some_and(|s| s.departs)
    }

    /// Whether this node restarts: it stops its keys and hands none over, unless it also departs.
    pub(crate) fn rests(&self) -> bool {
        matches!(self.member.departure(), Departure::Restarts { .. })
            && self.planner.standing(self.view, self.session.me).is_some_and(|s| s.away)
    }

    /// Whether this node also gives up keys that no other node may take.
    pub(super) fn leaves_for_good(&self, now: Now) -> bool {
        let member = self.view.members.get(&self.config.node);
        let leaving = member.is_some_and(|m| m.record.state == MemberState::Leaving);
        let freed = self.control().is_some_and(|c| {
            c.mode == Mode::Drain
                && c.on_deadline == OnDeadline::Free
                && c.deadline_ms.is_some_and(|at| at <= now.unix_us / 1_000)
        });
        leaving || freed
    }

    /// Whether a running key must be asked to stop because the node departs or restarts.
    pub(super) fn must_go(&self, now: Now, ix: KeyIx) -> bool {
        self.rests() || self.departs() && (self.has_receiver(ix) || self.leaves_for_good(now))
    }

    fn has_receiver(&self, ix: KeyIx) -> bool {
        let target = self.view.keys.get(ix).map(|e| e.target).unwrap_or_default();
        target.is_some() && target != self.session.me
    }

    /// Whether the claim of a key whose run is over stays as it is, so that the key waits for this
    /// node's next session.
    pub(super) fn waits_for_return(&self, ix: KeyIx) -> bool {
        let exists = self.view.keys.get(ix).is_some_and(KeyEntry::exists);
        exists && self.rests() && !self.has_receiver(ix)
    }

    /// The members or their controls changed, so the drain's deadline or the requested moves may
    /// have changed.
    pub(crate) fn note_control(&mut self, now: Now) {
        let at =
            self.control().filter(|c| c.mode == Mode::Drain && c.on_deadline == OnDeadline::Free);
        let unix_ms = now.unix_us / 1_000;
        self.keys.moves.deadline = at
            .and_then(|c| c.deadline_ms)
            .filter(|at| *at > unix_ms)
            .map(|at| now.at + Duration::from_millis(at - unix_ms));
        self.keys.moves.requests = true;
        self.mark_own_keys();
    }

    fn mark_own_keys(&mut self) {
        if (self.departs() || self.rests())
            && let Some(own) = self.view.owners.get(self.session.me)
        {
            let keys = own.keys.clone();
            self.planner.mark_dirty(keys);
        }
    }

    /// When the drain's deadline has passed, reconciles the keys that it frees.
    pub(crate) fn drive_deadline(&mut self, now: Now) {
        if self.keys.moves.deadline.is_some_and(|at| at <= now.at) {
            // If the wall clock was set back since then, the node waits again.
            self.note_control(now);
        }
    }

    /// Starts the moves that may start. Returns the generation if all its moves away from this node
    /// are done.
    pub(crate) fn drive_moves(&mut self, now: Now) -> Option<Revision> {
        if !self.is_working(now) {
            return None;
        }
        self.drive_departures(now);
        self.drive_requests(now);
        self.drive_gives(now);
        let balanced = self.keys.moves.is_balanced() && !self.gets_more_to_give();
        balanced.then_some(self.keys.moves.generation)
    }

    fn drive_departures(&mut self, now: Now) {
        let drain = self.control().filter(|c| c.mode == Mode::Drain);
        let rests = self.rests();
        // Keys that stay are all stopped at once.
        let limit = if rests { 0 } else { drain.map_or(DEFAULT_PARALLEL, |c| c.parallel) };
        let leaving = self.member.is_leaving();
        if drain.is_some_and(|c| c.paused) && !leaving && !rests {
            return;
        }
        let reason = match (leaving, rests) {
            (true, _) => StopReason::Leave,
            (_, true) => StopReason::Restart,
            _ => StopReason::Drain,
        };
        while self.has_slot(limit)
            && let Some((_, ix)) = self.keys.moves.departures.pop_first()
        {
            if self.keys.holds.is_running(ix) && self.must_go(now, ix) {
                self.move_out(now, ix, reason);
            }
        }
    }

    fn drive_gives(&mut self, now: Now) {
        if self.planner.round() != self.keys.moves.round {
            self.keys.moves.round = self.planner.round();
            self.keys.moves.generation = self.planner.generation();
            self.choose_gives();
        }
        while self.has_slot(DEFAULT_PARALLEL)
            && let Some(ix) = self.keys.moves.gives.pop_front()
        {
            let stays = self.view.keys.get(ix).is_some_and(|e| !e.target.is_some());
            if self.keys.holds.is_running(ix) && stays && self.planner.has_gives(self.session.me) {
                self.keys.moves.moving.insert(ix);
                self.move_out(now, ix, StopReason::Rebalance);
            }
        }
    }

    /// Whether the generation moves away keys that this node must start first.
    fn gets_more_to_give(&mut self) -> bool {
        if self.keys.moves.lacking.is_empty() {
            return false;
        }
        let more = self.planner.has_gives(self.session.me)
            && (self.planner.has_planned(self.session.me) || !self.keys.takes.is_idle());
        if !more {
            self.keys.moves.lacking.clear();
        }
        more
    }

    /// A key runs now. If it was planned for this node before the generation's moves were chosen,
    /// the generation may move it away again.
    pub(super) fn note_started(&mut self, ix: KeyIx) {
        if self.keys.moves.lacking.is_empty() {
            return;
        }
        let Some(class) = self.view.keys.get(ix).map(|e| self.planner.class_of_move(e.signature))
        else {
            return;
        };
        if let Some(lacking) = self.keys.moves.lacking.get_mut(&class) {
            *lacking -= 1;
            if *lacking == 0 {
                self.keys.moves.lacking.remove(&class);
            }
            self.keys.moves.gives.push_back(ix);
        }
    }

    fn has_slot(&self, limit: u32) -> bool {
        limit == 0 || self.keys.moves.slots < limit as usize
    }

    fn move_out(&mut self, now: Now, ix: KeyIx, reason: StopReason) {
        self.keys.moves.slots += 1;
        self.stop(now, ix, reason, true);
        self.keys.reconcile_at(now.at + self.timing.stop_budget, ix);
    }

    /// Chooses the keys that a generation moves away from this node: in each class, the keys that
    /// suit this node least. The order depends only on the key and this node. Stops that were
    /// already requested count first, and keys that have not started count last.
    fn choose_gives(&mut self) {
        let mut needs: HashMap<u16, u64> =
            self.planner.gives(self.session.me).into_iter().collect();
        self.keys.moves.gives.clear();
        if !needs.is_empty() {
            for ix in &self.keys.moves.moving {
                let class =
                    self.view.keys.get(*ix).map(|e| self.planner.class_of_move(e.signature));
                if let Some(need) = class.and_then(|class| needs.get_mut(&class)) {
                    *need = need.saturating_sub(1);
                }
            }
            self.keys.moves.gives = self.least_suited(&mut needs).into();
            needs.retain(|_, need| *need > 0);
        }
        self.keys.moves.lacking = needs;
    }

    /// Returns that many running keys of each class, if there are enough. `needs` keeps the rest.
    fn least_suited(&self, needs: &mut HashMap<u16, u64>) -> Vec<KeyIx> {
        let (Some(own), Some(standing)) = (
            self.view.owners.get(self.session.me),
            self.planner.standing(self.view, self.session.me),
        ) else {
            return Vec::new();
        };
        let mut of_class: BTreeMap<u16, Vec<_>> = BTreeMap::new();
        for &ix in &own.keys {
            let Some(entry) = self.view.keys.get(ix) else { continue };
            let class = self.planner.class_of_move(entry.signature);
            let free = entry.exists() && !entry.target.is_some();
            if free && needs.contains_key(&class) && self.keys.holds.is_running(ix) {
                let score = score(standing.hash, entry.hash, standing.affinity.max(1));
                of_class.entry(class).or_default().push((score, entry.hash, ix));
            }
        }
        let mut chosen = Vec::new();
        for (class, mut keys) in of_class {
            let Some(need) = needs.get_mut(&class) else { continue };
            let count = usize::try_from(*need).unwrap_or(usize::MAX).min(keys.len());
            if count > 0 && count < keys.len() {
                keys.select_nth_unstable(count - 1);
            }
            keys.truncate(count);
            keys.sort_unstable();
            *need -= count as u64;
            chosen.extend(keys.into_iter().map(|(_, _, ix)| ix));
        }
        chosen
    }

    /// A stop that is not confirmed within the stop budget frees its slot.
    pub(super) fn release_slow_slot(&mut self, now: Now, ix: KeyIx) {
        let Some(hold) = self.keys.holds.get_mut(ix) else { return };
        if let Phase::Stopping(stop) = &mut hold.phase
            && stop.slot
            && hold.since + self.timing.stop_budget <= now.at
        {
            stop.slot = false;
            self.keys.moves.slots = self.keys.moves.slots.saturating_sub(1);
        }
    }

    /// A key that was asked to stop no longer needs a slot.
    pub(super) fn drop_slot(&mut self, ix: KeyIx) {
        self.keys.moves.slots = self.keys.moves.slots.saturating_sub(1);
        self.keys.moves.moving.remove(&ix);
    }

    /// A key's move is done or cancelled.
    pub(super) fn free_slot(&mut self, ix: KeyIx) {
        self.keys.moves.moving.remove(&ix);
        if let Some(hold) = self.keys.holds.get_mut(ix)
            && let Phase::HandingOver(hand_over) = &mut hold.phase
            && std::mem::take(&mut hand_over.slot)
        {
            self.keys.moves.slots = self.keys.moves.slots.saturating_sub(1);
        }
    }
}
