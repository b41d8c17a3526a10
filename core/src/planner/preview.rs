//! What a drain or a rebalance would move where, worked out by the same functions that move it.

use std::collections::BTreeSet;

use super::Planner;
use super::placing::cooling;
use super::standing;
use crate::id::NodeId;
use crate::plan::Quota;
use crate::time::Now;
use crate::view::{KeyIx, OwnerIx, View};

impl Planner {
    /// Who would give how many keys to whom if a rebalance was asked for now: (donor, receiver, keys).
    /// Moves that are planned and not done are among them.
    ///
    /// These nodes count as resumed, with the affinity they would have.
    pub fn preview_rebalance(
        &self,
        view: &View,
        resumed: &BTreeSet<NodeId>,
    ) -> Vec<(OwnerIx, OwnerIx, u64)> {
        let mut standings = self.standings.clone();
        for (node, standing) in standings.iter_mut().filter(|(node, _)| resumed.contains(*node)) {
            standing.affinity = standing::affinity_if_active(view, node);
        }
        let classes = self.classes.classes_of(&standings);
        let shift = |(at, quota): (usize, Quota)| {
            let nodes = &classes.all()[at].nodes;
            (nodes[quota.from], nodes[quota.to], quota.keys)
        };
        classes.quotas().into_iter().map(shift).collect()
    }

    /// Where each key of these nodes would go if they were drained now, in the order in which they
    /// are placed; `NONE` for one that nobody may take.
    ///
    /// As a drain does it: one after another, by id, gives up its keys, and none of them gets any.
    pub fn preview_drain(
        &self,
        view: &View,
        now: Now,
        nodes: &BTreeSet<NodeId>,
    ) -> Vec<(KeyIx, OwnerIx)> {
        let mut standings = self.standings.clone();
        for (_, standing) in standings.iter_mut().filter(|(node, _)| nodes.contains(*node)) {
            standing.affinity = 0;
        }
        let mut classes = self.classes.classes_of(&standings);
        let mut moves = Vec::new();
        for owner in nodes.iter().filter_map(|node| view.owners.get(view.current(node)?)) {
            let entry = |ix: KeyIx| view.keys.get(ix).filter(|entry| entry.exists());
            let orphan = |&ix: &KeyIx| {
                let entry = entry(ix)?;
                Some((classes.class_at(entry.signature), entry.hash, ix))
            };
            let batch = owner.keys.iter().filter_map(orphan).collect();
            let places = classes.place(batch, |ix, class| (None, cooling(view, ix, class, now)));
            for &(ix, to) in &places {
                if let Some(entry) = entry(ix) {
                    classes.adjust(entry.signature, OwnerIx::NONE, to, 1);
                }
            }
            moves.extend(places);
        }
        moves
    }
}
