//! Previews of a drain and a rebalance. They use the functions that plan the real one.

use std::collections::BTreeSet;

use super::placing::avoided;
use super::{Planner, memberships, standing};
use crate::id::NodeId;
use crate::plan::Quota;
use crate::time::Now;
use crate::view::{KeyIx, OwnerIx, View};

impl Planner {
    /// The moves of a rebalance requested now, as (donor, receiver, keys). They include moves that
    /// are planned and not carried out.
    ///
    /// The given nodes count as resumed, with the affinity that they then have.
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

    /// The place of each key of these nodes if they were drained now, in the order of placing.
    /// `NONE` for a stranded key.
    ///
    /// As in a drain, the nodes give up their keys one after another, by id, and none of them gets
    /// any.
    pub fn preview_drain(
        &self,
        view: &View,
        now: Now,
        nodes: &BTreeSet<NodeId>,
    ) -> Vec<(KeyIx, OwnerIx)> {
        let mut standings = self.standings.clone();
        let rollout = standing::rollout(view, nodes);
        for (node, standing) in &mut standings {
            if nodes.contains(node) {
                standing.affinity = 0;
            }
            let of = view.members.get(node).map_or(0, |member| member.record.rollout);
            standing.superseded = rollout.is_some_and(|newest| of < newest);
        }
        let members = memberships(&standings);
        let mut classes = self.classes.classes_of(&standings);
        let mut moves = Vec::new();
        for owner in nodes.iter().filter_map(|node| view.owners.get(view.current(node)?)) {
            let entry = |ix: KeyIx| view.keys.get(ix).filter(|entry| entry.exists());
            let orphan = |&ix: &KeyIx| {
                let entry = entry(ix)?;
                Some((classes.class_at(entry.signature), entry.hash, ix))
            };
            let batch = owner.keys.iter().filter_map(orphan).collect();
            let places = classes.place(batch, |ix, class| {
                (None, avoided(rollout.map(|_| &members), view, ix, class, now))
            });
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
