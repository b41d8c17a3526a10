//! What a watch shows, on a store in memory.

mod changes;
mod folded;
mod nodes;
mod previews;
mod timed;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::group::{DrainOptions, Requester};
use crate::id::{GroupName, Revision, Session, Token};
use crate::key::Key;
use crate::snapshot::{Ineligible, KeyStatus, NodeState, Phase};
use crate::store::{MemoryStore, Outcome, Record, Store, StoreError, Write};
use divider_core::time::{Now, Time};
use divider_core::wire::{
    ClaimRecord, ControlRecord, LeaseRecord, LeaseState, MemberRecord, MemberState, Mode,
    OldestStop, Owner, StopsRecord,
};

fn node(id: &str) -> NodeId {
    NodeId::new(id).expect(id)
}

fn key(text: &str) -> Key {
    Key::new(text).expect(text)
}

/// The session of the n-th life of a node.
fn session(id: &str, life: u8) -> Session {
    let bits = id.bytes().fold(0_u128, |bits, byte| bits << 8 | u128::from(byte));
    Session::from_bits(bits << 8 | u128::from(life))
}

const LEASE_MS: u64 = 60_000;

fn member(id: &str, life: u8) -> MemberRecord {
    MemberRecord {
        session: session(id, life),
        joined: Revision(1),
        lease_ms: LEASE_MS,
        affinity: 100,
        prefixes: Vec::new(),
        state: MemberState::Active,
        away_ms: 0,
        previous: None,
        balanced: Revision(1),
        settled: Revision(1),
        manual: false,
        rollout: 0,
        rollout_over: false,
        plan: (1, 1),
        labels: BTreeMap::from([("zone".to_owned(), "eu".to_owned())]),
        host: format!("host of {id}"),
        build: "1.0".to_owned(),
    }
}

fn lease(id: &str, life: u8) -> LeaseRecord {
    LeaseRecord {
        session: session(id, life),
        beat: 1,
        lease_ms: LEASE_MS,
        state: LeaseState::Live,
        held: 0,
        stopping: 0,
        seen: Revision(7),
        by: None,
    }
}

fn claim(id: &str, life: u8, token: u64) -> ClaimRecord {
    let owner = Some(Owner { node: node(id), session: session(id, life) });
    ClaimRecord::new(owner, Token(token))
}

/// A group whose nodes are records only.
#[derive(Clone)]
struct Paper {
    store: MemoryStore,
    group: Group,
}

impl Paper {
    fn new() -> Self {
        let store = MemoryStore::new(GroupName::new("g").expect("legal"));
        Self { group: Group::open(store.clone()), store }
    }

    async fn with(nodes: &[&str]) -> Self {
        let paper = Self::new();
        for id in nodes {
            paper.put(&format!("lease.{id}"), lease(id, 1).encode()).await;
            paper.put(&format!("member.{id}"), member(id, 1).encode()).await;
        }
        paper
    }

    async fn write(&self, name: &str, value: Option<bytes::Bytes>) -> Revision {
        let mut write = Write::delete(name, None);
        write.value = value;
        match self.store.write(write).await {
            Outcome::Acked(revision) => revision,
            other => panic!("{name}: {other:?}"),
        }
    }

    async fn put(&self, name: &str, value: impl Into<bytes::Bytes>) -> Revision {
        self.write(name, Some(value.into())).await
    }

    async fn claim(&self, text: &str, id: &str, token: u64) -> Revision {
        self.put(&format!("claim.{text}"), claim(id, 1, token).encode()).await
    }

    async fn announce(&self, texts: &[&str]) {
        let keys = texts.iter().map(|text| key(text));
        self.group.announce_all(keys).await.expect("announced");
    }

    async fn watch(&self) -> GroupWatch {
        let mut watch = self.group.watch();
        until_complete(&mut watch).await;
        watch
    }
}

async fn until_complete(watch: &mut GroupWatch) -> Update {
    loop {
        let update = watch.next().await;
        if update.snapshot.is_complete() {
            return update;
        }
    }
}

fn state(snapshot: &Snapshot, id: &str) -> NodeState {
    snapshot.node(&node(id)).expect(id).state
}

fn phase(snapshot: &Snapshot, text: &str) -> (Option<String>, Phase, u64) {
    let status = snapshot.key(&key(text)).expect(text);
    (status.owner.as_ref().map(ToString::to_string), status.phase, status.token.0)
}
