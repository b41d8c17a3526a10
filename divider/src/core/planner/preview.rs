//! What a drain or a rebalance would move where, worked out by the same functions that move it.

use std::collections::{BTreeMap, BTreeSet};

use super::Planner;
use super::placing::cooling;
use crate::core::plan::{Placer, Quota, quotas};
use crate::core::time::Now;
use crate::core::view::{KeyIx, OwnerIx, View};
use crate::id::NodeId;

impl Planner {
    /// Who would give how many keys to whom if a rebalance was asked for now: (donor, receiver, keys).
    /// Moves that are planned and not done are among them.
    pub(crate) fn preview_rebalance(&self) -> Vec<(OwnerIx, OwnerIx, u64)> {
        let (classes, _) = self.classes.classes_of(&self.standings);
        let shifts = classes.iter().flat_map(|class| {
            let shift = |quota: Quota| (class.nodes[quota.from], class.nodes[quota.to], quota.keys);
            quotas(&class.candidates).into_iter().map(shift)
        });
        shifts.collect()
    }

    /// Where each key of these nodes would go if they were drained now, by the order in which they
    /// are placed; `NONE` for one that nobody may take.
    pub(crate) fn preview_drain(
        &self,
        view: &View,
        now: Now,
        nodes: &BTreeSet<NodeId>,
    ) -> Vec<(KeyIx, OwnerIx)> {
        let mut standings = self.standings.clone();
        let mut keys = Vec::new();
        for (node, standing) in standings.iter_mut().filter(|(node, _)| nodes.contains(*node)) {
            standing.affinity = 0;
            standing.departs = true;
            let owner = view.current(node);
            let owned = owner.and_then(|o| view.owners.get(o)).map_or(&[][..], |o| &o.keys[..]);
            keys.extend(owned.iter().copied());
        }
        let mut batch: Vec<_> = keys
            .into_iter()
            .filter_map(|ix| Some((view.keys.get(ix).filter(|e| e.exists())?, ix)))
            .collect();
        batch.sort_unstable_by_key(|(entry, ix)| (entry.hash, *ix));
        let (classes, class_of) = self.classes.classes_of(&standings);
        let mut sizes: BTreeMap<usize, u64> = BTreeMap::new();
        for (entry, _) in &batch {
            *sizes.entry(class_of[usize::from(entry.signature)]).or_default() += 1;
        }
        let mut placers: BTreeMap<usize, Placer> = sizes
            .into_iter()
            .map(|(at, keys)| (at, Placer::new(classes[at].candidates.clone(), keys)))
            .collect();
        let mut place = |(entry, ix): (&crate::core::view::KeyEntry, KeyIx)| {
            let at = class_of[usize::from(entry.signature)];
            let not = cooling(view, entry, &classes[at], now);
            let to = placers.get_mut(&at)?.place(entry.hash, None, &not);
            Some((ix, to.map_or(OwnerIx::NONE, |to| classes[at].nodes[to])))
        };
        batch.into_iter().filter_map(|(entry, ix)| place((entry, ix))).collect()
    }
}
