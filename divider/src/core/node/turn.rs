//! Whose turn it is to take an orphan: its planned owner's, and where that lets it lie, the next one's.

use std::collections::VecDeque;
use std::time::Duration;

use super::Node;
use crate::core::guard::broken;
use crate::core::time::{Now, Time};
use crate::core::view::{KeyIx, Note, OwnerIx, OwnerMap};

/// What a planned owner is given for each claim that it has to write: ten times what it needs.
const A_CLAIM: Duration = Duration::from_millis(1);

/// The orphans that this node watches others take.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// In the order in which they are to be looked at again.
    watched: VecDeque<Watched>,
    /// When each session last wrote a claim.
    last_claim: OwnerMap<Time>,
}

/// An orphan that another node is to take.
#[derive(Debug, Clone, Copy)]
struct Watched {
    /// When it was seen planned.
    since: Time,
    /// How often the patience with its planned owner has been renewed, the first time included.
    round: u32,
    /// Until when having others to take excuses its planned owner.
    excused: Time,
    ix: KeyIx,
}

impl Watched {
    fn due(self, patience: Duration) -> Time {
        self.since + patience * self.round
    }
}

impl Turns {
    pub(super) fn next(&self, patience: Duration) -> Option<Time> {
        self.watched.front().map(|watched| watched.due(patience))
    }

    /// Forgets the sessions that are gone.
    pub(super) fn sweep(&mut self, named: impl Fn(OwnerIx) -> bool) {
        self.last_claim.retain(named);
    }
}

impl Node {
    /// A claim was delivered.
    pub(super) fn note_claim(&mut self, now: Now, ix: KeyIx) {
        let Some(claim) = self.view.keys.get(ix).map(|e| &e.claim) else { return };
        if claim.owner.is_some() && !claim.garbled {
            self.turns.last_claim.insert(claim.owner, now.at);
        }
    }

    /// How long a planned owner may write no claim before others take what is planned for it.
    pub(super) fn take_patience(&self) -> Duration {
        self.timing.heartbeat * 2
    }

    /// An orphan is planned for another node: if that does not take it, somebody else has to.
    pub(super) fn watch_over(&mut self, now: Now, ix: KeyIx) {
        if broken!(FallbackDelay) {
            return self.want(now, ix);
        }
        let Some(entry) = self.view.keys.get_mut(ix) else { return };
        if !entry.note(Note::Watched) {
            return;
        }
        let planned = self.planner.planned_for(entry.target);
        let backlog = A_CLAIM * u32::try_from(planned).unwrap_or(u32::MAX);
        let excused = now.at + self.take_patience() + backlog;
        self.turns.watched.push_back(Watched { since: now.at, round: 1, excused, ix });
    }

    /// Orphans that their planned owners do not take: the next in the key's order of scores does,
    /// each two heartbeats after the one before it.
    pub(super) fn drive_watched(&mut self, now: Now) {
        let patience = self.take_patience();
        while let Some(&watched) = self.turns.watched.front()
            && watched.due(patience) <= now.at
        {
            self.turns.watched.pop_front();
            self.look_at_watched(now, watched);
        }
        if self.turns.watched.is_empty() {
            // After a cold start it has room for every key.
            self.turns.watched = VecDeque::new();
        }
    }

    fn look_at_watched(&mut self, now: Now, watched: Watched) {
        let ix = watched.ix;
        let target = self.view.keys.get(ix).map_or(OwnerIx::NONE, |e| e.target);
        let waits = target.is_some() && target != self.me && self.planner.is_orphan(&self.view, ix);
        if waits {
            if self.is_neglected(now, watched, target) {
                self.want(now, ix);
            }
            self.turns.watched.push_back(Watched { round: watched.round + 1, ..watched });
        } else if let Some(entry) = self.view.keys.get_mut(ix) {
            entry.unnote(Note::Watched);
            self.view.keys.forget_if_idle(ix);
        }
    }

    /// Whether its planned owner has let it lie. One that writes claims may have others before this
    /// one; but it may also have planned this one for somebody else, who thinks the same of it. So
    /// being busy excuses it only for as long as what was planned for it can take.
    fn is_neglected(&self, now: Now, watched: Watched, target: OwnerIx) -> bool {
        let last = self.turns.last_claim.get(target);
        let busy = last.is_some_and(|at| *at + self.take_patience() > now.at);
        let busy = busy && watched.excused > now.at;
        let rank = self.planner.rank(&self.view, now, watched.ix, self.me);
        !busy && rank.is_some_and(|rank| rank <= watched.round) && !broken!(Fallback)
    }
}
