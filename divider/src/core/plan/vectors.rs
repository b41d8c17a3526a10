//! The conformance vectors of placing and balancing.

use serde::Deserialize;
use serde_json::{Value, json};

use super::place::bands;
use super::{Candidate, Placer, key_hash, node_hash, quotas};
use crate::vectors::check;

/// The nodes of one class: id, affinity, load.
#[derive(Deserialize)]
struct Nodes(Vec<(String, u32, u64)>);

impl Nodes {
    /// By id, as the plan wants them.
    fn candidates(&mut self) -> Vec<Candidate> {
        self.0.sort();
        let of = |(node, affinity, load): &(String, u32, u64)| Candidate {
            hash: node_hash(node),
            affinity: *affinity,
            load: *load,
        };
        self.0.iter().map(of).collect()
    }

    fn name(&self, at: usize) -> &str {
        &self.0[at].0
    }

    fn find(&self, node: &str) -> Option<usize> {
        self.0.iter().position(|(name, ..)| name == node)
    }
}

#[derive(Deserialize)]
struct PlaceGiven {
    candidates: Nodes,
    orphans: Vec<Orphan>,
}

#[derive(Deserialize)]
struct Orphan {
    key: String,
    home: Option<String>,
    #[serde(default)]
    not: Vec<String>,
}

#[test]
fn place() {
    check("place", |PlaceGiven { candidates: mut nodes, mut orphans }| {
        orphans.sort_by_key(|orphan| key_hash(&orphan.key));
        let mut placer = Placer::new(&nodes.candidates(), orphans.len() as u64);
        let to_place = |orphan: Orphan| {
            let not: Vec<_> = orphan.not.iter().filter_map(|node| nodes.find(node)).collect();
            let home = orphan.home.and_then(|home| nodes.find(&home));
            let to = placer.place(key_hash(&orphan.key), home, &not);
            json!([orphan.key, to.map(|to| nodes.name(to))])
        };
        let found: Vec<Value> = orphans.into_iter().map(to_place).collect();
        json!({"places": found})
    });
}

#[derive(Deserialize)]
struct RebalanceGiven {
    candidates: Nodes,
}

#[test]
fn rebalance() {
    check("rebalance", |RebalanceGiven { candidates: mut nodes }| {
        let candidates = nodes.candidates();
        let bands = bands(&candidates, candidates.iter().map(|candidate| candidate.load).sum());
        let moves = quotas(&candidates).into_iter();
        let moves: Vec<_> = moves.map(|q| (nodes.name(q.from), nodes.name(q.to), q.keys)).collect();
        json!({"bands": bands, "moves": moves})
    });
}
