//! Prepared work of the core for `benches/` and tests. It is not part of the interface, and exists
//! only with the feature `testing`.

mod fleet;
mod server;
mod tenants;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::id::{NodeId, Revision, Session, Token};
use crate::log::Record;
use crate::plan::{Candidate, Placer, key_hash, node_hash, score};
use crate::planner::Planner;
use crate::time::{Now, Time};
use crate::view::{Effect, View};
use crate::wire::{ClaimRecord, MemberRecord, MemberState, Named, Owner};

pub use fleet::{Cost, Fleet};
pub use server::Traffic;
pub use tenants::Tenants;

/// Nodes, and keys to place on them.
#[derive(Debug)]
pub struct Placing {
    nodes: Vec<Candidate>,
    keys: Vec<u64>,
}

impl Placing {
    /// This many keys and nodes.
    pub fn new(keys: u32, nodes: u32) -> Self {
        let node = |n| node_hash(&format!("node-{n}"));
        let candidate = |n| Candidate { hash: node(n), affinity: 100, load: 0 };
        let mut keys: Vec<u64> = (0..keys).map(|n| key_hash(&format!("key.{n}"))).collect();
        keys.sort_unstable();
        Self { nodes: (0..nodes).map(candidate).collect(), keys }
    }

    /// Places every key.
    pub fn place(&self) -> usize {
        let mut placer = Placer::new(&self.nodes, self.keys.len() as u64);
        self.keys.iter().filter_map(|key| placer.place(*key, None, &[])).sum()
    }

    /// Only hashes every pair of a node and a key: the minimal cost of rendezvous hashing.
    pub fn hash(&self) -> u64 {
        let pair = |node: &Candidate, key: u64| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&node.hash.to_le_bytes());
            bytes[8..].copy_from_slice(&key.to_le_bytes());
            xxhash_rust::xxh3::xxh3_64(&bytes)
        };
        let best = |key: &u64| self.nodes.iter().map(|node| pair(node, *key)).max();
        self.keys.iter().filter_map(best).fold(0, |sum, best| sum ^ best)
    }

    /// Scores every pair.
    pub fn score(&self) -> usize {
        let of = |key: u64, at: usize| score(self.nodes[at].hash, key, self.nodes[at].affinity);
        let best = |key: &u64| (0..self.nodes.len()).max_by_key(|&at| of(*key, at));
        self.keys.iter().filter_map(best).sum()
    }
}

/// A view of keys that three nodes own, and its plan.
#[derive(Debug)]
pub struct Folded {
    view: View,
    planner: Planner,
    keys: u32,
    revision: u64,
}

/// The time of all events.
const NOW: Now = Now { at: Time(1), unix_us: 1 };

impl Folded {
    /// This many keys, all claimed.
    pub fn new(keys: u32) -> Self {
        let (view, planner) = (View::default(), Planner::default());
        let mut folded = Self { view, planner, keys, revision: 0 };
        folded.view.begin_snapshot();
        for node in 0..NODES {
            folded.member(node);
        }
        for key in 0..keys {
            folded.put(Named::Key(text(key)).to_string(), Bytes::new());
            folded.claim(key, key % NODES);
        }
        folded.planner.on_caught_up(&mut folded.view, NOW);
        while folded.planner.pop_dirty().is_some() {}
        folded
    }

    /// Moves the claim of one key to another node: the cost of a hand-over for each node.
    pub fn move_a_key(&mut self) {
        // Keys in an order that no cache can predict.
        let key = u32::try_from(self.revision.wrapping_mul(0x9e37_79b9) % u64::from(self.keys));
        let to = u32::try_from(self.revision % u64::from(NODES));
        let (key, to) = (key.expect("below a u32"), to.expect("below a u32"));
        if let Effect::Claim(ix, from) = self.claim(key, to) {
            self.planner.on_claim(&mut self.view, NOW, ix, from);
        }
        while self.planner.pop_dirty().is_some() {}
    }

    fn claim(&mut self, key: u32, node: u32) -> Effect {
        let owner = Some(Owner { node: node_id(node), session: session(node) });
        let token = Token(self.revision + 1);
        let claim = ClaimRecord::new(owner, token);
        self.put(Named::Claim(text(key)).to_string(), claim.encode())
    }

    fn member(&mut self, node: u32) {
        let joined = Revision(self.revision + 1);
        let member = MemberRecord {
            session: session(node),
            joined,
            lease_ms: 6_000,
            affinity: 100,
            prefixes: Vec::new(),
            state: MemberState::Active,
            away_ms: 0,
            previous: None,
            balanced: Revision::NONE,
            settled: Revision(1 << 40),
            manual: false,
            rollout: 0,
            rollout_over: false,
            plan: (1, 1),
            labels: BTreeMap::new(),
            host: String::new(),
            build: String::new(),
        };
        let name = Named::<&str>::Member(node_id(node)).to_string();
        self.put(name, member.encode());
    }

    fn put(&mut self, name: String, value: Bytes) -> Effect {
        self.revision += 1;
        let revision = Revision(self.revision);
        self.view
            .apply(NOW, &Record { name, revision, value: Some(value), ttl: None, expires_in: None })
    }
}

const NODES: u32 = 3;

fn text(key: u32) -> String {
    format!("bench.key.{key:07}")
}

fn node_id(node: u32) -> NodeId {
    NodeId::new(format!("node-{node}")).expect("legal")
}

fn session(node: u32) -> Session {
    Session::from_bits(u128::from(node) + 1)
}
