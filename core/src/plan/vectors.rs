//! The conformance vectors of placing and balancing.

use serde::Deserialize;
use serde_json::{Value, json};

use super::place::bands;
use super::{
    Candidate, Holding, Placer, SharedPlacer, Stream, Vessel, key_hash, node_hash, quotas,
    shared_quotas, shares,
};
use crate::vectors::check;

/// The nodes of one class: id, affinity, load.
#[derive(Deserialize)]
struct Nodes(Vec<(String, u32, u64)>);

impl Nodes {
    /// Sorted by id, as the plan needs them.
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
    cooling_down: Vec<String>,
}

#[test]
fn place() {
    check("place", |PlaceGiven { candidates: mut nodes, mut orphans }| {
        orphans.sort_by_key(|orphan| key_hash(&orphan.key));
        let mut placer = Placer::new(&nodes.candidates(), orphans.len() as u64);
        let to_place = |orphan: Orphan| {
            let not: Vec<_> =
                orphan.cooling_down.iter().filter_map(|node| nodes.find(node)).collect();
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

/// Nodes by id, and their overlapping classes.
#[derive(Deserialize)]
struct SharedGiven {
    nodes: Vec<(String, u32)>,
    classes: Vec<SharedClass>,
}

#[derive(Deserialize)]
struct SharedClass {
    /// How many keys of the class each node has.
    has: Vec<(String, u64)>,
    #[serde(default)]
    orphans: Vec<Orphan>,
}

impl SharedGiven {
    fn find(&self, node: &str) -> usize {
        self.nodes.iter().position(|(name, _)| name == node).expect("a node of the case")
    }

    fn holding(&self, class: &SharedClass) -> Holding {
        let nodes = class.has.iter().map(|(node, _)| self.find(node)).collect();
        Holding { nodes, keys: class.has.iter().map(|(_, keys)| *keys).collect() }
    }

    fn vessels(&self) -> Vec<Vessel> {
        let of = |(node, affinity): &(String, u32)| {
            let has = self.classes.iter().flat_map(|class| &class.has);
            let load = has.filter(|(name, _)| name == node).map(|(_, keys)| keys).sum();
            Vessel { hash: node_hash(node), affinity: *affinity, load }
        };
        self.nodes.iter().map(of).collect()
    }
}

#[test]
fn shared() {
    check("shared", |mut given: SharedGiven| {
        given.nodes.sort();
        for class in &mut given.classes {
            class.has.sort();
            class.orphans.sort_by_key(|orphan| key_hash(&orphan.key));
        }
        given.classes.sort_by_key(|class| {
            class.has.iter().map(|(node, _)| node.clone()).collect::<Vec<_>>()
        });
        let holdings: Vec<_> = given.classes.iter().map(|class| given.holding(class)).collect();
        let vessels = given.vessels();
        let stream = |(class, holding): (&SharedClass, &Holding)| Stream {
            to: holding.nodes.clone(),
            keys: class.orphans.len() as u64,
        };
        let streams = given.classes.iter().zip(&holdings).map(stream).collect();
        let mut picker = SharedPlacer::new(vessels.clone(), streams);
        let mut places = Vec::new();
        for (at, class) in given.classes.iter().enumerate() {
            let find = |node: &String| class.has.iter().position(|(name, _)| name == node);
            for Orphan { key, home, cooling_down } in &class.orphans {
                let not: Vec<_> = cooling_down.iter().filter_map(find).collect();
                let home = home.as_ref().and_then(find);
                let to = picker.place(at, key_hash(key), home, &not);
                places.push(json!([key, to.map(|to| &class.has[to].0)]));
            }
        }
        let mut moves = Vec::new();
        for (class, quotas) in given.classes.iter().zip(shared_quotas(&vessels, &holdings)) {
            let name = |at: usize| &class.has[at].0;
            let of_class: Vec<_> =
                quotas.iter().map(|q| json!([name(q.from), name(q.to), q.keys])).collect();
            moves.push(of_class);
        }
        let shares = given.nodes.iter().zip(shares(&vessels, &holdings));
        let shares: Vec<_> = shares.map(|((node, _), keys)| json!([node, keys])).collect();
        json!({"places": places, "shares": shares, "moves": moves})
    });
}
