//! Why a key is where it is: how well each node suits it.

use super::model::Model;
use crate::core::plan::score;
use crate::core::planner::Standing;
use crate::core::time::Now;
use crate::core::view::{KeyEntry, NotUntil};
use crate::id::NodeId;
use crate::key::Key;
use crate::snapshot::{Suitor, Unfit};

impl Model {
    /// Every member, those that may take the key first, by score.
    pub(super) fn suitors(&self, now: Now, key: &Key) -> Vec<Suitor> {
        let entry = self.view.keys.find(key).and_then(|ix| self.view.keys.get(ix));
        let Some(entry) = entry else { return Vec::new() };
        let standings = self.planner.standings().iter();
        let mut suitors: Vec<Suitor> =
            standings.map(|(node, standing)| suitor(entry, node, standing, now)).collect();
        suitors.sort_by(|a, b| {
            let by_score = b.score.total_cmp(&a.score);
            a.unfit.is_some().cmp(&b.unfit.is_some()).then(by_score)
        });
        suitors
    }
}

fn suitor(entry: &KeyEntry, node: &NodeId, standing: &Standing, now: Now) -> Suitor {
    let score = score(standing.hash, entry.hash, standing.affinity).as_f64();
    let unfit = unfit(entry, node, standing, now);
    Suitor { unfit, ..Suitor::new(node.clone(), standing.affinity, score) }
}

fn unfit(entry: &KeyEntry, node: &NodeId, standing: &Standing, now: Now) -> Option<Unfit> {
    if standing.affinity == 0 {
        return Some(Unfit::TakesNothing);
    }
    let has = |prefix: &String| entry.key.as_str().starts_with(prefix.as_str());
    if !standing.prefixes.is_empty() && !standing.prefixes.iter().any(has) {
        return Some(Unfit::OtherPrefix);
    }
    let cools = |not: &&NotUntil| not.node == *node && not.until > now.at;
    let not = entry.claim.not.iter().flatten().find(cools)?;
    Some(Unfit::Released(not.until.since(now.at)))
}
