//! How well each node suits a key.

use super::model::Model;
use crate::id::NodeId;
use crate::key::Key;
use crate::snapshot::{Candidate, Ineligible};
use divider_core::plan::score;
use divider_core::planner::Standing;
use divider_core::time::Now;

impl Model {
    /// Every member, those that may take the key first, by score.
    pub(super) fn candidates(&self, now: Now, key: &Key) -> Vec<Candidate> {
        let keys = &self.view.keys;
        let Some(ix) = keys.find(key) else { return Vec::new() };
        let (Some(entry), not) = (keys.get(ix), keys.cooling_down(ix)) else { return Vec::new() };
        let hash = entry.hash;
        let rests = self.view.rests(now, ix).then(|| not.iter().map(|n| n.until).min()).flatten();
        let rests = rests.map(|until| Ineligible::Resting(until.since(now.at)));
        // Nodes of an earlier deploy are left out if one of a later deploy may take the key.
        let standings = self.planner.standings();
        let later = standings.values().any(|s| !s.superseded && ineligible(key, s).is_none());
        let candidate = |(node, standing): (&NodeId, &Standing)| {
            let score = score(standing.hash, hash, standing.affinity).as_f64();
            let released = not.iter().find(|not| not.node == *node && not.until > now.at);
            let released = released.map(|not| Ineligible::Released(not.until.since(now.at)));
            let superseded = (standing.superseded && later).then_some(Ineligible::Superseded);
            let ineligible = ineligible(key, standing).or(released).or(rests).or(superseded);
            Candidate { ineligible, ..Candidate::new(node.clone(), standing.affinity, score) }
        };
        let mut candidates: Vec<Candidate> = standings.iter().map(candidate).collect();
        candidates.sort_by(|a, b| {
            let by_score = b.score.total_cmp(&a.score);
            a.ineligible.is_some().cmp(&b.ineligible.is_some()).then(by_score)
        });
        candidates
    }
}

/// Why a node does not take a key, whoever has released it.
fn ineligible(key: &Key, standing: &Standing) -> Option<Ineligible> {
    if standing.affinity == 0 {
        return Some(Ineligible::TakesNothing);
    }
    let has = |prefix: &String| key.as_str().starts_with(prefix.as_str());
    let other = !standing.prefixes.is_empty() && !standing.prefixes.iter().any(has);
    other.then_some(Ineligible::OtherPrefix)
}
