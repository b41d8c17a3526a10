//! Assigns a place to each key that needs one.

use std::collections::HashMap;

use super::grouping::Class;
use super::standing::Standings;
use super::{Membership, Patience, Planner};
use crate::guard::broken;
use crate::plan::score;
use crate::time::Now;
use crate::view::{KeyEntry, KeyFlag, KeyIx, OwnerIx, OwnerMap, View};

impl Planner {
    /// Places the keys that need a place and have none. A key that no longer needs a place loses
    /// it.
    pub(super) fn plan_keys(
        &mut self,
        view: &mut View,
        now: Now,
        keys: &[KeyIx],
        patience: Patience,
    ) {
        let waits = patience == Patience::Waits && self.unsettled(view).is_some();
        let mut batch = Vec::new();
        for &ix in keys {
            let Some(entry) = view.keys.get(ix) else { continue };
            let place = (entry.hash, ix);
            let need = self.need(entry);
            if need != Need::Orphan {
                self.waiting.remove(&place);
            }
            match need {
                Need::Nothing => {
                    self.stranded.remove(&place);
                    if entry.target.is_some() && !entry.is(KeyFlag::Pledged) {
                        self.set_target(view, ix, OwnerIx::NONE);
                    }
                }
                Need::Orphan | Need::Departure if entry.target.is_some() => {}
                Need::Orphan if waits => {
                    self.waiting.insert(place);
                }
                Need::Orphan | Need::Departure => {
                    self.waiting.remove(&place);
                    self.stranded.remove(&place);
                    batch.push(place);
                }
            }
        }
        if !batch.is_empty() {
            self.place_batch(view, now, batch);
        }
    }

    /// Places the keys that waited for joins to settle.
    pub(super) fn place_waiting(&mut self, view: &mut View, now: Now) {
        let batch: Vec<_> = std::mem::take(&mut self.waiting).into_iter().collect();
        self.place_batch(view, now, batch);
    }

    /// Places stranded keys, because a node that is eligible for them may have arrived. If that
    /// node has just joined, the keys wait until the join settles: the first of many nodes must not
    /// take everything.
    pub(super) fn replan_stranded(&mut self, view: &mut View, now: Now) {
        self.thaw_stranded = None;
        let stranded = std::mem::take(&mut self.stranded);
        let keys: Vec<_> = stranded.into_iter().map(|(_, ix)| ix).collect();
        self.plan_keys(view, now, &keys, Patience::Waits);
    }

    /// Places stranded keys, because a cool-down ended.
    pub(super) fn place_stranded(&mut self, view: &mut View, now: Now) {
        self.thaw_stranded = None;
        let batch: Vec<_> = std::mem::take(&mut self.stranded).into_iter().collect();
        self.place_batch(view, now, batch);
    }

    /// Places these keys as one batch. The keys of each class are in the order of their hashes.
    fn place_batch(&mut self, view: &mut View, now: Now, batch: Vec<(u64, KeyIx)>) {
        let batch = self.place_at_returned(view, now, batch);
        let of_class = |(hash, ix): (u64, KeyIx)| {
            let entry = view.keys.get(ix)?;
            Some((self.classes.now().class_at(entry.signature), hash, ix))
        };
        let batch: Vec<_> = batch.into_iter().filter_map(of_class).collect();
        let (standings, members) = (&self.standings, self.rollout.map(|_| &self.members));
        let suit = |ix: KeyIx, class: &Class| {
            let home = view.keys.get(ix).and_then(|entry| home(standings, view, entry, class));
            (home, avoided(members, view, ix, class, now))
        };
        let targets = self.classes.now_mut().place(batch, suit);
        for (ix, target) in targets {
            if target.is_some() {
                self.set_target(view, ix, target);
            } else {
                self.strand(view, ix, now);
            }
        }
    }

    /// Places the keys of sessions from which their nodes have returned, whatever share these nodes
    /// have. Returns the other keys.
    fn place_at_returned(
        &mut self,
        view: &mut View,
        now: Now,
        batch: Vec<(u64, KeyIx)>,
    ) -> Vec<(u64, KeyIx)> {
        let returned = self.standings.values().filter(|standing| standing.previous.is_some());
        let returned: HashMap<_, _> = returned.map(|s| (s.previous, s.owner)).collect();
        if returned.is_empty() {
            return batch;
        }
        let mut others = Vec::new();
        for (hash, ix) in batch {
            let to = view.keys.get(ix).and_then(|entry| {
                let &to = returned.get(&entry.claim.owner)?;
                let class = self.classes.class(entry.signature);
                let own = class.position(to)?;
                (!cooling(view, ix, class, now).contains(&own)).then_some(to)
            });
            match to {
                Some(to) => self.set_target(view, ix, to),
                None => others.push((hash, ix)),
            }
        }
        others
    }

    /// Strands a key: it waits until a node arrives or a cool-down ends.
    fn strand(&mut self, view: &View, ix: KeyIx, now: Now) {
        let Some(entry) = view.keys.get(ix) else { return };
        self.stranded.insert((entry.hash, ix));
        let ends = view.keys.cooling_down(ix).iter().map(|n| n.until);
        let ends = ends.filter(|&until| until > now.at).min();
        self.thaw_stranded = self.thaw_stranded.into_iter().chain(ends).min();
        self.dirty.push(ix);
    }

    pub(super) fn set_target(&mut self, view: &mut View, ix: KeyIx, target: OwnerIx) {
        let Some(entry) = view.keys.get_mut(ix) else { return };
        let old = std::mem::replace(&mut entry.target, target);
        if old != target {
            self.targeted.remove(view, old);
            self.targeted.add(target, ix);
            self.recount(view, ix);
            self.dirty.push(ix);
        }
    }

    fn need(&self, entry: &KeyEntry) -> Need {
        if !entry.exists() || entry.is(KeyFlag::Pledged) || is_quarantined(entry) {
            return Need::Nothing;
        }
        match self.members.get(entry.claim.owner) {
            None => Need::Orphan,
            Some(Membership { departs: true, .. }) => Need::Departure,
            Some(_) => Need::Nothing,
        }
    }

    /// Whether the key exists, no member's current session owns it, and it is not in quarantine.
    pub fn is_orphan(&self, view: &View, ix: KeyIx) -> bool {
        let is = |e: &KeyEntry| e.exists() && !is_quarantined(e) && !self.is_member(e.claim.owner);
        view.keys.get(ix).is_some_and(is)
    }

    /// The receiver of a key that a node gives up now. It is the node that the key is planned for;
    /// else the best receiver of the donor's moves; else the node that `place` chooses without the
    /// donor.
    ///
    /// From now on, the key counts for the receiver.
    pub fn pledge(
        &mut self,
        view: &mut View,
        now: Now,
        ix: KeyIx,
        from: OwnerIx,
    ) -> Option<OwnerIx> {
        let entry = view.keys.get(ix)?;
        let (target, signature) = (entry.target, entry.signature);
        let stands = target != from && self.classes.class(signature).position(target).is_some();
        let to = if stands {
            target
        } else if let Some(to) = self.take_move(view, now, ix, from) {
            to
        } else {
            let (all, at) = (self.classes.now(), self.classes.now().class_at(signature));
            let class = self.classes.class(signature);
            let own = class.position(from);
            let mut not = avoided(self.rollout.map(|_| &self.members), view, ix, class, now);
            not.extend(own);
            class.nodes[all.place_one(at, entry.hash, own, &not)?]
        };
        self.set_target(view, ix, to);
        if let Some(entry) = view.keys.get_mut(ix) {
            entry.set(KeyFlag::Pledged);
            // If the log lost the claim of this key, the key may wait as an orphan.
            let place = (entry.hash, ix);
            self.waiting.remove(&place);
            self.stranded.remove(&place);
        }
        Some(to)
    }

    /// A hand-over will not happen: the key stays where it is.
    pub fn unpledge(&mut self, view: &mut View, now: Now, ix: KeyIx) {
        if let Some(entry) = view.keys.get_mut(ix) {
            entry.clear(KeyFlag::Pledged);
        }
        self.set_target(view, ix, OwnerIx::NONE);
        self.plan_keys(view, now, &[ix], Patience::None);
    }

    /// The rank of a session by its score for the key, without the planned owner. 1 is the best.
    pub fn rank(&self, view: &View, now: Now, ix: KeyIx, owner: OwnerIx) -> Option<u32> {
        let entry = view.keys.get(ix)?;
        let class = self.classes.class(entry.signature);
        let not = cooling(view, ix, class, now);
        let own = class.position(owner).filter(|own| !not.contains(own))?;
        let score_of = |at: usize| {
            let candidate = &class.candidates[at];
            score(candidate.hash, entry.hash, candidate.affinity)
        };
        let mine = (score_of(own), std::cmp::Reverse(own));
        let better = (0..class.nodes.len())
            .filter(|at| class.nodes[*at] != entry.target && *at != own && !not.contains(at))
            .filter(|&at| (score_of(at), std::cmp::Reverse(at)) > mine)
            .count();
        u32::try_from(better + 1).ok()
    }
}

/// Whether no node works on the key.
pub(super) fn is_quarantined(entry: &KeyEntry) -> bool {
    entry.is(KeyFlag::Quarantined) && !broken!(QuarantineIsKept)
}

/// The candidate that had the key last, if there is one.
fn home(standings: &Standings, view: &View, entry: &KeyEntry, class: &Class) -> Option<usize> {
    let last = view.owners.get(entry.claim.owner)?;
    let now = standings.get(&last.node)?;
    class.position(now.owner)
}

/// The candidates that are cooling down for the key. While the key rests, all candidates.
pub(super) fn cooling(view: &View, ix: KeyIx, class: &Class, now: Now) -> Vec<usize> {
    let cool_downs = view.keys.cooling_down(ix);
    if cool_downs.is_empty() || broken!(CoolDown) {
        return Vec::new();
    }
    if view.rests(now, ix) {
        return (0..class.nodes.len()).collect();
    }
    let cools =
        |node: &crate::id::NodeId| cool_downs.iter().any(|c| c.node == *node && c.until > now.at);
    let cooling = |(at, &owner): (usize, &OwnerIx)| {
        view.owners.get(owner).is_some_and(|o| cools(&o.node)).then_some(at)
    };
    class.nodes.iter().enumerate().filter_map(cooling).collect()
}

/// The candidates with which a key is not placed: those that are cooling down for it, and those of earlier
/// deploys if one of a later deploy may take it.
///
/// `members` is `None` while no rollout is under way.
pub(super) fn avoided(
    members: Option<&OwnerMap<Membership>>,
    view: &View,
    ix: KeyIx,
    class: &Class,
    now: Now,
) -> Vec<usize> {
    let cooling = cooling(view, ix, class, now);
    let Some(members) = members else { return cooling };
    let superseded = |owner| members.get(owner).is_some_and(|member| member.superseded);
    let earlier = class.nodes.iter().enumerate().filter(|(_, owner)| superseded(**owner));
    let mut avoided: Vec<usize> = earlier.map(|(at, _)| at).collect();
    if avoided.is_empty() {
        return cooling;
    }
    avoided.extend(&cooling);
    let is_left = (0..class.nodes.len()).any(|at| !avoided.contains(&at));
    if is_left { avoided } else { cooling }
}

/// Why a key needs a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// The key needs no place.
    Nothing,
    /// The key is an orphan.
    Orphan,
    /// The owner of the key departs.
    Departure,
}
