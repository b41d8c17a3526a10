//! Which node may take an orphan: first the planned owner. If it does not take the key, the next
//! node in the order of scores.

use std::collections::VecDeque;
use std::time::Duration;

use super::KeyHandler;
use crate::guard::broken;
use crate::time::{Now, Time};
use crate::view::{KeyFlag, KeyIx, OwnerIx, OwnerMap};

/// The time that a planned owner gets for each claim it must write. This is more than a server
/// needs under the load of a large group.
const TIME_PER_CLAIM: Duration = Duration::from_millis(1);

/// Orphans that this node expects other nodes to take.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// In the order in which they are reconciled again.
    watched: VecDeque<Watched>,
    /// When each session last wrote a claim.
    last_claim: OwnerMap<Time>,
}

/// An orphan that another node must take.
#[derive(Debug, Clone, Copy)]
struct Watched {
    /// When it is reconciled again.
    due: Time,
    /// The number of turns so far. Nodes up to this rank may take the key.
    round: u32,
    /// Until when the planned owner is excused because it takes other keys.
    excused: Time,
    /// The planned owner.
    target: OwnerIx,
    ix: KeyIx,
}

impl Turns {
    pub(super) fn next(&self) -> Option<Time> {
        self.watched.front().map(|watched| watched.due)
    }

    /// Forgets the sessions that no longer exist.
    pub(super) fn sweep(&mut self, named: impl Fn(OwnerIx) -> bool) {
        self.last_claim.retain(named);
    }
}

impl KeyHandler<'_> {
    /// A claim was delivered.
    pub(super) fn note_claim(&mut self, now: Now, ix: KeyIx) {
        let Some(claim) = self.view.keys.get(ix).map(|e| &e.claim) else { return };
        if claim.owner.is_some() && !claim.unreadable {
            self.keys.turns.last_claim.insert(claim.owner, now.at);
        }
    }

    /// How long a planned owner may write no claim before other nodes take the keys planned for it.
    fn take_patience(&self) -> Duration {
        self.timing.heartbeat * 2
    }

    /// An orphan is planned for another node. If that node does not take it, a different node must.
    pub(super) fn watch_over(&mut self, now: Now, ix: KeyIx) {
        if broken!(FallbackDelay) {
            return self.queue_take(now, ix);
        }
        let Some(entry) = self.view.keys.get_mut(ix) else { return };
        let target = entry.target;
        if entry.set(KeyFlag::Watched) {
            let watched = self.new_turn(now, ix, target);
            self.keys.turns.watched.push_back(watched);
        }
    }

    fn new_turn(&self, now: Now, ix: KeyIx, target: OwnerIx) -> Watched {
        let backlog = TIME_PER_CLAIM * u32::try_from(self.planner.planned()).unwrap_or(u32::MAX);
        let due = now.at + self.take_patience();
        Watched { due, round: 1, excused: due + backlog, target, ix }
    }

    /// The log was read again: this node could not see whether a planned owner failed to take a
    /// key.
    pub(crate) fn forget_turns(&mut self) {
        for watched in std::mem::take(&mut self.keys.turns.watched) {
            if let Some(entry) = self.view.keys.get_mut(watched.ix) {
                entry.clear(KeyFlag::Watched);
            }
            self.view.keys.forget_if_idle(watched.ix);
        }
    }

    /// Orphans that their planned owners do not take. The next node in the key's order of scores
    /// takes the key. Each further node gets its turn two heartbeats later.
    pub(super) fn drive_watched(&mut self, now: Now) {
        while let Some(&watched) = self.keys.turns.watched.front()
            && watched.due <= now.at
        {
            self.keys.turns.watched.pop_front();
            self.reconcile_watched(now, watched);
        }
        if self.keys.turns.watched.is_empty() {
            // After a cold start, the queue has capacity for every key.
            self.keys.turns.watched = VecDeque::new();
        }
    }

    fn reconcile_watched(&mut self, now: Now, watched: Watched) {
        let ix = watched.ix;
        let target = self.view.keys.get(ix).map_or(OwnerIx::NONE, |e| e.target);
        let waits =
            target.is_some() && target != self.session.me && self.planner.is_orphan(self.view, ix);
        if !waits {
            if let Some(entry) = self.view.keys.get_mut(ix) {
                entry.clear(KeyFlag::Watched);
                self.view.keys.forget_if_idle(ix);
            }
            return;
        }
        let next = if target == watched.target {
            self.take_turn(now, watched)
        } else {
            // The new planned owner has not missed a turn yet.
            self.new_turn(now, ix, target)
        };
        self.keys.turns.watched.push_back(next);
    }

    /// The key is still an orphan. This node takes it if its turn has come. While the planned owner
    /// is excused, no other node has a turn.
    fn take_turn(&mut self, now: Now, watched: Watched) -> Watched {
        let due = now.at + self.take_patience();
        if self.is_excused(now, watched) {
            return Watched { due, ..watched };
        }
        let rank = self.planner.rank(self.view, now, watched.ix, self.session.me);
        if rank.is_some_and(|rank| rank <= watched.round) && !broken!(Fallback) {
            self.queue_take(now, watched.ix);
        }
        Watched { due, round: watched.round + 1, ..watched }
    }

    /// Whether the planned owner has an excuse for the delay. An owner that writes claims may take
    /// other keys before this one. But it may also plan this key for another node, which in turn
    /// plans it for the first. So writing claims is an excuse only for the time that all planned
    /// claims can take.
    fn is_excused(&self, now: Now, watched: Watched) -> bool {
        let last = self.keys.turns.last_claim.get(watched.target);
        let busy = last.is_some_and(|at| *at + self.take_patience() > now.at);
        busy && watched.excused > now.at
    }
}
