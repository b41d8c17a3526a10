//! What a drain or a rebalance would move where, worked out by the same functions that move it.

use std::collections::{BTreeMap, BTreeSet};

use super::Planner;
use super::classes::Class;
use super::placing::cooling;
use super::standing;
use crate::core::plan::{Placer, Quota, quotas};
use crate::core::time::Now;
use crate::core::view::{KeyIx, OwnerIx, View};
use crate::id::NodeId;

impl Planner {
    /// Who would give how many keys to whom if a rebalance was asked for now: (donor, receiver, keys).
    /// Moves that are planned and not done are among them.
    ///
    /// These nodes count as resumed, with the affinity they would have.
    pub(crate) fn preview_rebalance(
        &self,
        view: &View,
        resumed: &BTreeSet<NodeId>,
    ) -> Vec<(OwnerIx, OwnerIx, u64)> {
        let mut standings = self.standings.clone();
        for (node, standing) in standings.iter_mut().filter(|(node, _)| resumed.contains(*node)) {
            standing.affinity = standing::affinity_if_active(view, node);
        }
        let (classes, _) = self.classes.classes_of(&standings);
        let shifts = classes.iter().flat_map(|class| {
            let shift = |quota: Quota| (class.nodes[quota.from], class.nodes[quota.to], quota.keys);
            quotas(&class.candidates).into_iter().map(shift)
        });
        shifts.collect()
    }

    /// Where each key of these nodes would go if they were drained now, in the order in which they
    /// are placed; `NONE` for one that nobody may take.
    ///
    /// As a drain does it: one after another, by id, gives up its keys, and none of them gets any.
    pub(crate) fn preview_drain(
        &self,
        view: &View,
        now: Now,
        nodes: &BTreeSet<NodeId>,
    ) -> Vec<(KeyIx, OwnerIx)> {
        let mut standings = self.standings.clone();
        for (_, standing) in standings.iter_mut().filter(|(node, _)| nodes.contains(*node)) {
            standing.affinity = 0;
        }
        let (mut classes, class_of) = self.classes.classes_of(&standings);
        let mut moves = Vec::new();
        for owner in nodes.iter().filter_map(|node| view.owners.get(view.current(node)?)) {
            let mut batches: BTreeMap<usize, Vec<(u64, KeyIx)>> = BTreeMap::new();
            for &ix in &owner.keys {
                if let Some(entry) = view.keys.get(ix).filter(|entry| entry.exists()) {
                    let class = class_of[usize::from(entry.signature)];
                    batches.entry(class).or_default().push((entry.hash, ix));
                }
            }
            for (class, batch) in batches {
                moves.extend(preview_batch(view, now, &mut classes[class], batch));
            }
        }
        moves
    }
}

/// Where these keys of one class would go, counted as there from now on.
fn preview_batch(
    view: &View,
    now: Now,
    class: &mut Class,
    mut batch: Vec<(u64, KeyIx)>,
) -> Vec<(KeyIx, OwnerIx)> {
    batch.sort_unstable();
    let mut placer = Placer::new(&class.candidates, batch.len() as u64);
    let mut place = |(hash, ix): (u64, KeyIx)| {
        let not = cooling(view, ix, class, now);
        let Some(to) = placer.place(hash, None, &not) else { return Some((ix, OwnerIx::NONE)) };
        class.candidates[to].load += 1;
        Some((ix, class.nodes[to]))
    };
    batch.into_iter().filter_map(&mut place).collect()
}
