//! Whose turn it is to take an orphan: its planned owner's, and where that lets it lie, the next one's.

use std::collections::VecDeque;
use std::time::Duration;

use super::KeyHandler;
use crate::guard::broken;
use crate::time::{Now, Time};
use crate::view::{KeyIx, Note, OwnerIx, OwnerMap};

/// What planned owners are given for each claim that is to be written: more than a server needs that a
/// large group keeps busy.
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
    /// When it is looked at again.
    due: Time,
    /// For how many turns it may have been let lie: nodes of a rank up to this take it then.
    round: u32,
    /// Until when having others to take excuses its planned owner.
    excused: Time,
    /// Who that is.
    target: OwnerIx,
    ix: KeyIx,
}

impl Turns {
    pub(super) fn next(&self) -> Option<Time> {
        self.watched.front().map(|watched| watched.due)
    }

    /// Forgets the sessions that are gone.
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

    /// How long a planned owner may write no claim before others take what is planned for it.
    fn take_patience(&self) -> Duration {
        self.timing.heartbeat * 2
    }

    /// An orphan is planned for another node: if that does not take it, somebody else has to.
    pub(super) fn watch_over(&mut self, now: Now, ix: KeyIx) {
        if broken!(FallbackDelay) {
            return self.want(now, ix);
        }
        let Some(entry) = self.view.keys.get_mut(ix) else { return };
        let target = entry.target;
        if entry.note(Note::Watched) {
            let watched = self.new_turn(now, ix, target);
            self.keys.turns.watched.push_back(watched);
        }
    }

    fn new_turn(&self, now: Now, ix: KeyIx, target: OwnerIx) -> Watched {
        let backlog = A_CLAIM * u32::try_from(self.planner.planned()).unwrap_or(u32::MAX);
        let due = now.at + self.take_patience();
        Watched { due, round: 1, excused: due + backlog, target, ix }
    }

    /// The view was read anew: nobody was seen to let anything lie meanwhile.
    pub(crate) fn forget_turns(&mut self) {
        for watched in std::mem::take(&mut self.keys.turns.watched) {
            if let Some(entry) = self.view.keys.get_mut(watched.ix) {
                entry.unnote(Note::Watched);
            }
            self.view.keys.forget_if_idle(watched.ix);
        }
    }

    /// Orphans that their planned owners do not take: the next in the key's order of scores does,
    /// each two heartbeats after the one before it.
    pub(super) fn drive_watched(&mut self, now: Now) {
        while let Some(&watched) = self.keys.turns.watched.front()
            && watched.due <= now.at
        {
            self.keys.turns.watched.pop_front();
            self.reconcile_watched(now, watched);
        }
        if self.keys.turns.watched.is_empty() {
            // After a cold start it has room for every key.
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
                entry.unnote(Note::Watched);
                self.view.keys.forget_if_idle(ix);
            }
            return;
        }
        let next = if target == watched.target {
            self.take_turn(now, watched)
        } else {
            // Who has it planned now has let nothing lie yet.
            self.new_turn(now, ix, target)
        };
        self.keys.turns.watched.push_back(next);
    }

    /// It is still to be taken: by this node, if its turn has come. What its planned owner is excused for
    /// is nobody's turn.
    fn take_turn(&mut self, now: Now, watched: Watched) -> Watched {
        let due = now.at + self.take_patience();
        if self.is_excused(now, watched) {
            return Watched { due, ..watched };
        }
        let rank = self.planner.rank(self.view, now, watched.ix, self.session.me);
        if rank.is_some_and(|rank| rank <= watched.round) && !broken!(Fallback) {
            self.want(now, watched.ix);
        }
        Watched { due, round: watched.round + 1, ..watched }
    }

    /// Whether its planned owner is not to blame for letting it lie. One that writes claims may have
    /// others before this one; but it may also have planned this one for somebody else, who thinks the
    /// same of it. So being busy excuses it only for as long as everything that was planned can take.
    fn is_excused(&self, now: Now, watched: Watched) -> bool {
        let last = self.keys.turns.last_claim.get(watched.target);
        let busy = last.is_some_and(|at| *at + self.take_patience() > now.at);
        busy && watched.excused > now.at
    }
}
