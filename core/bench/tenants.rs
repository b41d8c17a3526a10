//! A large group of many prefixes, and the cost of single events for one node's plan.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::NOW;
use crate::id::{NodeId, Revision, Session, Token};
use crate::log::Record;
use crate::planner::Planner;
use crate::view::{Effect, View};
use crate::wire::{ClaimRecord, MemberRecord, MemberState, Named, Owner};

/// A view and its plan: keys of as many prefixes as there are nodes. Each node has one of them.
#[derive(Debug)]
pub struct Tenants {
    view: View,
    planner: Planner,
    keys: u32,
    nodes: u32,
    /// How many prefixes the keys have.
    prefixes: u32,
    revision: u64,
}

impl Tenants {
    /// Makes everything except the plan. A tenth of the nodes take every key.
    pub fn new(keys: u32, nodes: u32) -> Self {
        let (view, planner) = (View::default(), Planner::default());
        let mut tenants = Self { view, planner, keys, nodes, prefixes: nodes, revision: 0 };
        tenants.view.begin_snapshot();
        for node in 0..nodes {
            tenants.member(node, 0);
        }
        for key in 0..keys {
            let name = Named::Key(tenants.text(key)).to_string();
            tenants.put(name, Bytes::new());
            let claim = tenants.claim(key % nodes);
            tenants.put(Named::Claim(tenants.text(key)).to_string(), claim);
        }
        tenants
    }

    /// Completes the view.
    pub fn catch_up(&mut self) {
        self.planner.on_caught_up(&mut self.view, NOW);
        while self.planner.pop_dirty().is_some() {}
    }

    /// Adds a node with a new prefix.
    pub fn join(&mut self) {
        self.nodes += 1;
        self.member(self.nodes - 1, 0);
    }

    /// A node has finished its moves.
    pub fn balanced(&mut self) {
        let newest = self.revision;
        self.member(1, newest);
    }

    /// Computes the moves of all nodes. Returns how many keys the first node gives.
    pub fn rebalance(&mut self) -> u64 {
        self.put("rebalance".into(), Bytes::from_static(b"{\"v\":1}"));
        let owner = self.view.current(&node_id(0));
        owner.map_or(0, |owner| self.planner.gives(owner).values().sum())
    }

    /// Moves the claim of one key to another node.
    pub fn move_a_key(&mut self) {
        let claim = self.claim(0);
        self.put(Named::Claim(self.text(self.keys / 2)).to_string(), claim);
    }

    /// Announces a key.
    pub fn announce(&mut self) {
        let name = Named::Key(self.text(self.keys)).to_string();
        self.keys += 1;
        self.put(name, Bytes::new());
    }

    /// Removes a node. Its keys are placed again.
    pub fn leave(&mut self) {
        let name = Named::<&str>::Member(node_id(2)).to_string();
        self.put_or_delete(name, None);
    }

    /// How many keys have no owner.
    pub fn unowned(&self) -> usize {
        self.planner.unowned(&self.view)
    }

    fn text(&self, key: u32) -> String {
        format!("tenant.{:04}.{key:07}", key % self.prefixes)
    }

    fn claim(&self, node: u32) -> Bytes {
        let owner = Some(Owner { node: node_id(node), session: session(node) });
        ClaimRecord::new(owner, Token(self.revision + 1)).encode()
    }

    fn member(&mut self, node: u32, balanced: u64) {
        let member = MemberRecord {
            session: session(node),
            joined: Revision(1),
            lease_ms: 6_000,
            affinity: 100,
            prefixes: if node.is_multiple_of(10) {
                Vec::new()
            } else {
                vec![format!("tenant.{node:04}.")]
            },
            state: MemberState::Active,
            away_ms: 0,
            previous: None,
            balanced: Revision(balanced),
            settled: Revision(1),
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

    fn put(&mut self, name: String, value: Bytes) {
        self.put_or_delete(name, Some(value));
    }

    fn put_or_delete(&mut self, name: String, value: Option<Bytes>) {
        self.revision += 1;
        let revision = Revision(self.revision);
        let effect =
            self.view.apply(NOW, &Record { name, revision, value, ttl: None, expires_in: None });
        if self.planner.classes().is_empty() {
            // The snapshot is not complete.
            return;
        }
        match effect {
            Effect::Key(ix) => self.planner.on_key(&mut self.view, NOW, ix),
            Effect::Claim(ix, from) => self.planner.on_claim(&mut self.view, NOW, ix, from),
            Effect::Member(_) => self.planner.on_member(&mut self.view, NOW),
            Effect::Rebalance => self.planner.on_generation(&mut self.view, NOW),
            _ => {}
        }
        while self.planner.pop_dirty().is_some() {}
    }
}

fn node_id(node: u32) -> NodeId {
    NodeId::new(format!("node-{node:04}")).expect("legal")
}

fn session(node: u32) -> Session {
    Session::from_bits(u128::from(node) + 1)
}
