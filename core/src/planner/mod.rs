//! The plan of every key: a fold over the log, with the same result on every node.
//!
//! The plan functions answer for one moment. The planner keeps their answers until they are carried
//! out. A key keeps its place when the view changes around it, and the moves of a balance
//! generation are fixed at the cut. All of this follows from the order of the log, not from a
//! clock, so nodes that follow the log agree. A node that starts later or skips a record may differ
//! for a moment. The cost is a lost compare-and-set.

mod classes;
mod counting;
mod generation;
mod grouping;
#[cfg(test)]
mod inspect;
mod placing;
mod preview;
mod standing;
mod targeted;
#[cfg(test)]
mod vectors;

use std::collections::BTreeSet;

pub use grouping::Grouping;
pub use standing::{Standing, Standings};

use self::classes::Classes;
use self::generation::Moves;
use self::targeted::Targeted;
use super::time::{Now, Time};
use super::view::{KeyFlag, KeyIx, OwnerIx, OwnerMap, View};
use crate::id::Revision;

/// The plan.
#[derive(Debug, Default)]
pub struct Planner {
    standings: Standings,
    /// The members' current sessions.
    members: OwnerMap<Membership>,
    classes: Classes,
    /// The number of existing keys that members own.
    owned: usize,
    /// Orphans that wait for joins to settle, by hash.
    waiting: BTreeSet<(u64, KeyIx)>,
    /// Keys that need a place although no node may take them now, by hash.
    stranded: BTreeSet<(u64, KeyIx)>,
    /// When the first cool-down of a stranded key ends.
    thaw_stranded: Option<Time>,
    targeted: Targeted,
    moves: Moves,
    /// When the freeze ends that delays a generation.
    thaw_moves: Option<Time>,
    /// The number of the newest deploy, while its rollout holds joins back.
    rollout: Option<u64>,
    /// Joins up to this revision are settled.
    settled: Revision,
    /// The newest generation whose moves were computed.
    generation: Revision,
    /// The number of times that moves were computed.
    round: u64,
    /// Keys whose plan has changed.
    dirty: Vec<KeyIx>,
}

impl Planner {
    /// The standing of each member.
    pub fn standings(&self) -> &Standings {
        &self.standings
    }

    /// The standing of a session, if it is a member's current one.
    pub fn standing(&self, view: &View, owner: OwnerIx) -> Option<&Standing> {
        let node = &view.owners.get(owner)?.node;
        self.standings.get(node).filter(|standing| standing.owner == owner)
    }

    /// Whether the session is a member's current one.
    pub fn is_member(&self, owner: OwnerIx) -> bool {
        self.members.contains(owner)
    }

    /// Whether the session is eligible for this key. Cool-downs are ignored.
    pub fn may_take(&self, view: &View, ix: KeyIx, owner: OwnerIx) -> bool {
        view.keys.get(ix).is_some_and(|entry| {
            entry.exists() && self.classes.class(entry.signature).position(owner).is_some()
        })
    }

    /// All classes.
    pub fn classes(&self) -> &Grouping {
        self.classes.now()
    }

    /// The number of the newest deploy, while its rollout is under way: joins move no keys, and nodes of
    /// earlier deploys get no new ones.
    pub fn rollout(&self) -> Option<u64> {
        self.rollout
    }

    /// The newest join, if it is not settled.
    pub fn unsettled(&self, view: &View) -> Option<Revision> {
        Some(view.newest_join()).filter(|&joined| joined > self.settled)
    }

    /// Joins up to this revision are settled.
    pub fn settled(&self) -> Revision {
        self.settled
    }

    /// The number of times that moves were computed. It may be more than one for a generation.
    pub fn round(&self) -> u64 {
        self.round
    }

    /// The newest generation whose moves were computed.
    pub fn generation(&self) -> Revision {
        self.generation
    }

    /// Whether the session is current, or keys are planned for it.
    pub fn is_named(&self, owner: OwnerIx) -> bool {
        self.members.contains(owner) || self.has_planned(owner)
    }

    /// Whether keys are planned for the session.
    pub fn has_planned(&self, owner: OwnerIx) -> bool {
        self.targeted.len(owner) > 0
    }

    /// The number of keys that are planned for any session.
    pub fn planned(&self) -> usize {
        self.targeted.live()
    }

    /// The number of existing keys that are stranded or wait for joins to settle.
    pub fn unplaced(&self) -> usize {
        self.waiting.len() + self.stranded.len()
    }

    /// The number of existing keys without an owner, except for those in quarantine.
    pub fn unowned(&self, view: &View) -> usize {
        view.keys.announced().saturating_sub(self.owned + view.keys.quarantined())
    }

    /// When [`on_time`](Self::on_time) must be called.
    pub fn next(&self) -> Option<Time> {
        self.thaw_stranded.into_iter().chain(self.thaw_moves).min()
    }

    /// Removes and returns one key whose plan has changed.
    pub fn pop_dirty(&mut self) -> Option<KeyIx> {
        let next = self.dirty.pop();
        if next.is_none() {
            // After a snapshot, the list has capacity for every key.
            self.dirty.shrink_to(KEPT);
        }
        next
    }

    /// Marks these keys as changed.
    pub fn mark_dirty(&mut self, keys: impl IntoIterator<Item = KeyIx>) {
        self.dirty.extend(keys);
    }

    /// When a cool-down ended, places stranded keys. When a freeze ended, starts a generation.
    pub fn on_time(&mut self, view: &mut View, now: Now) {
        if self.thaw_stranded.is_some_and(|at| at <= now.at) {
            self.place_stranded(view, now);
        }
        if self.thaw_moves.is_some_and(|at| at <= now.at) {
            self.act_on_generation(view, now);
        }
    }

    /// Plans everything from the start, because the view is complete, or complete again.
    pub fn on_caught_up(&mut self, view: &mut View, now: Now) {
        if self.generation > view.seen {
            // That generation belongs to a lost log, or to a lost tail.
            self.generation = Revision::NONE;
        }
        let unfinished = !self.moves.is_empty();
        view.forget_targets();
        self.owned = 0;
        self.waiting.clear();
        self.stranded.clear();
        self.targeted.clear();
        self.moves = Moves::default();
        self.settled = view.settled();
        self.read_standings(view);
        self.classes.reset(&self.standings);
        self.count_all(view);
        let all: Vec<_> = view.keys.iter().filter(|(_, e)| e.exists()).map(|(ix, _)| ix).collect();
        self.plan_keys(view, now, &all, Patience::Waits);
        if unfinished {
            self.generation = Revision::NONE;
        }
        self.act_on_generation(view, now);
    }

    /// Follows a key that was announced or deleted.
    pub fn on_key(&mut self, view: &mut View, now: Now, ix: KeyIx) {
        self.recount(view, ix);
        self.plan_keys(view, now, &[ix], Patience::Waits);
        self.dirty.push(ix);
    }

    /// Follows a changed claim, which named `from` before.
    pub fn on_claim(&mut self, view: &mut View, now: Now, ix: KeyIx, from: OwnerIx) {
        let Some(entry) = view.keys.get_mut(ix) else { return };
        let (to, target) = (entry.claim.owner, entry.target);
        let (signature, pledged) = (entry.signature, entry.is(KeyFlag::Pledged));
        entry.clear(KeyFlag::Pledged);
        if entry.exists()
            && from != to
            && !target.is_some()
            && let Some(class) = self.moves.done(signature, from, to)
        {
            self.classes.adjust(class, to, from, 1);
        }
        // The planned owner may have taken and released the key in a record that was skipped.
        let released = target.is_some() && view.is_kept_away(now, ix, target);
        if target.is_some() && (pledged || target == to || self.is_member(to) || released) {
            self.set_target(view, ix, OwnerIx::NONE);
        }
        self.recount(view, ix);
        self.plan_keys(view, now, &[ix], Patience::None);
        self.dirty.push(ix);
    }

    /// Follows a changed member or control record.
    pub fn on_member(&mut self, view: &mut View, now: Now) {
        let old = self.read_standings(view);
        let unknown = self.classes.unknown(&self.standings);
        let stale = !unknown.is_empty();
        if stale {
            self.on_prefixes(view, unknown);
        }
        if old == self.standings {
            self.keep_open_moves(view);
        } else {
            if !stale {
                self.keep_open_moves(view);
                self.rebuild();
            }
            let mut affected = self.affected(view, &old);
            for &ix in &affected {
                if view.keys.get(ix).is_some_and(|entry| !entry.is(KeyFlag::Pledged)) {
                    self.set_target(view, ix, OwnerIx::NONE);
                    self.dirty.push(ix);
                }
                self.recount(view, ix);
            }
            affected.retain(|&ix| view.keys.get(ix).is_some_and(|e| !e.is(KeyFlag::Pledged)));
            self.plan_keys(view, now, &affected, Patience::None);
            self.replan_stranded(view, now);
        }
        if view.settled() > self.settled {
            self.settled = view.settled();
            self.place_waiting(view, now);
        } else if self.unsettled(view).is_none() {
            // The newest join has left before it settled, so no key waits any longer.
            self.place_waiting(view, now);
        }
        // Prefixes may have changed, or the last `manual` member may be gone.
        self.act_on_generation(view, now);
    }

    /// Follows a request for a generation, a freeze, or its end.
    pub fn on_generation(&mut self, view: &mut View, now: Now) {
        if self.rollout.is_some() {
            // A requested generation ends the rollout, so that all nodes get keys again.
            return self.on_member(view, now);
        }
        self.act_on_generation(view, now);
    }

    /// Computes the standings. Returns the previous standings.
    fn read_standings(&mut self, view: &View) -> Standings {
        self.rollout = standing::rollout(view, &BTreeSet::new());
        let standings = standing::standings(view, self.rollout);
        self.members = memberships(&standings);
        std::mem::replace(&mut self.standings, standings)
    }

    /// Follows prefixes that no member had before: some keys change their class.
    fn on_prefixes(&mut self, view: &mut View, unknown: Vec<String>) {
        if !self.moves.is_empty() {
            // The classes of the moves no longer exist. The remaining moves are computed again.
            self.moves = Moves::default();
            self.generation = Revision::NONE;
        }
        if self.classes.is_full(unknown.len()) {
            self.classes.reset(&self.standings);
            self.count_all(view);
        } else {
            self.sign_again(view, unknown);
            self.rebuild();
        }
    }

    /// Removes the moves of donors that have finished or left, and the moves to receivers with
    /// affinity 0.
    fn keep_open_moves(&mut self, view: &View) {
        if self.moves.is_empty() {
            return;
        }
        let standing = |owner: OwnerIx| {
            let node = &view.owners.get(owner)?.node;
            Some(node).zip(self.standings.get(node).filter(|s| s.owner == owner))
        };
        let takes = |owner| standing(owner).is_some_and(|(_, s)| s.affinity > 0);
        let done = |owner| {
            let member = standing(owner).and_then(|(node, _)| view.members.get(node));
            member.is_some_and(|m| m.balanced() >= self.generation)
        };
        for (class, from, to, keys) in self.moves.keep(|owner| takes(owner) && !done(owner), takes)
        {
            self.classes.adjust(class, to, from, keys);
        }
    }

    /// The keys whose place may change because the members changed, by hash.
    fn affected(&self, view: &View, old: &Standings) -> Vec<KeyIx> {
        let mut affected = BTreeSet::new();
        let mut add = |ix: KeyIx| {
            if let Some(entry) = view.keys.get(ix) {
                affected.insert((entry.hash, ix));
            }
        };
        let owned = |owner| view.owners.get(owner).map_or(&[][..], |o| &o.keys[..]);
        for (node, was) in old {
            let is = self.standings.get(node).filter(|is| is.owner == was.owner);
            if is.is_none_or(|is| is.affinity == 0 || is.prefixes != was.prefixes) {
                self.targeted.of(view, was.owner).for_each(&mut add);
            }
            if is.is_none_or(|is| is.departs != was.departs) {
                owned(was.owner).iter().copied().for_each(&mut add);
            }
        }
        for (node, is) in &self.standings {
            let known = old.get(node).is_some_and(|was| was.owner == is.owner);
            if !known {
                owned(is.owner).iter().copied().for_each(&mut add);
            }
        }
        affected.into_iter().map(|(_, ix)| ix).collect()
    }
}

/// The capacity that the list of changed keys keeps when it is empty.
const KEPT: usize = 1024;

fn memberships(standings: &Standings) -> OwnerMap<Membership> {
    let mut members = OwnerMap::default();
    for standing in standings.values() {
        let Standing { departs, superseded, .. } = *standing;
        members.insert(standing.owner, Membership { departs, superseded });
    }
    members
}

/// What placing asks of a member for each key.
#[derive(Debug, Clone, Copy, Default)]
struct Membership {
    departs: bool,
    superseded: bool,
}

/// Whether an orphan waits for joins to settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// The key was announced or found, so it can wait.
    Waits,
    /// The key was running, so it does not wait.
    None,
}
