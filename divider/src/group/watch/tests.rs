//! What a watch shows, over a store in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::core::time::{Now, Time};
use crate::group::{DrainOptions, Why};
use crate::id::{GroupName, Revision, Session, Token};
use crate::key::Key;
use crate::snapshot::{KeyStatus, NodeState, Phase, Unfit};
use crate::store::{MemoryStore, Outcome, Record, Store, StoreError, Write};
use crate::wire::{
    ClaimRecord, ControlRecord, LeaseRecord, LeaseState, MemberRecord, MemberState, Mode,
    OldestStop, Owner, StopsRecord,
};

fn node(id: &str) -> NodeId {
    NodeId::new(id).expect(id)
}

fn key(text: &str) -> Key {
    Key::new(text).expect(text)
}

/// The session of a node's nth life.
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
        balanced: Revision(1),
        settled: Revision(1_000_000),
        manual: false,
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
    ClaimRecord { owner, token: Token(token), not: Vec::new() }
}

/// A group whose nodes exist on paper alone.
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
        let write = Write { name: name.to_owned(), value, expected: None, ttl: None };
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

#[tokio::test]
async fn an_empty_group_is_complete() {
    let update = until_complete(&mut Paper::new().group.watch()).await;
    assert_eq!(update.link, Link::Live);
    assert_eq!((update.snapshot.nodes().len(), update.snapshot.keys().len()), (0, 0));
    assert!(update.changed.link);
}

#[tokio::test]
async fn the_first_complete_snapshot_shows_everything() {
    let paper = Paper::with(&["w1", "w2"]).await;
    paper.announce(&["a", "b", "c"]).await;
    paper.claim("a", "w1", 5).await;
    let revision = paper.claim("b", "w2", 6).await;
    let update = until_complete(&mut paper.group.watch()).await;
    let snapshot = &update.snapshot;
    assert_eq!(snapshot.revision(), revision);
    assert_eq!(update.changed.nodes, [node("w1"), node("w2")]);
    assert_eq!(update.changed.keys, [key("a"), key("b"), key("c")]);
    assert_eq!(phase(snapshot, "a"), (Some("w1".to_owned()), Phase::Running, 5));
    assert_eq!(phase(snapshot, "b"), (Some("w2".to_owned()), Phase::Running, 6));
    assert_eq!(phase(snapshot, "c"), (None, Phase::Orphaned, 0));
    assert!(snapshot.key(&key("c")).expect("c").to.is_some(), "it is planned for somebody");
    let counts = snapshot.counts();
    assert_eq!((counts.running, counts.orphaned, counts.stopping, counts.all()), (2, 1, 0, 3));
    let w1 = snapshot.node(&node("w1")).expect("w1");
    assert_eq!(
        (w1.state, w1.keys, w1.affinity, w1.effective_affinity),
        (NodeState::Ready, 1, 100, 100)
    );
    assert_eq!((w1.host.as_str(), w1.build.as_str()), ("host of w1", "1.0"));
    assert_eq!((w1.labels["zone"].as_str(), w1.session), ("eu", Some(session("w1", 1))));
    assert_eq!((w1.seen, w1.lease), (Revision(7), Duration::from_mins(1)));
    assert!(w1.last_beat.is_some() && w1.wish.is_none());
    let from: Vec<&Key> = snapshot.keys_from(&key("b")).map(|(key, _)| key).collect();
    assert_eq!(from, [&key("b"), &key("c")]);
}

#[tokio::test]
async fn an_update_names_what_changed_and_nothing_else() {
    let paper = Paper::with(&["w1", "w2"]).await;
    paper.announce(&["a", "b"]).await;
    let mut watch = paper.watch().await;
    let before = watch.snapshot().clone();
    paper.claim("a", "w1", 5).await;
    let update = watch.next().await;
    assert_eq!(update.changed.keys, [key("a")]);
    assert_eq!(update.changed.nodes, [node("w1")]);
    assert!(!update.changed.link && !update.changed.group && !update.changed.problems);
    assert_eq!(phase(&before, "a"), (None, Phase::Orphaned, 0), "a snapshot does not change");
    assert_eq!(update.snapshot.node(&node("w1")).expect("w1").keys, 1);

    paper.put("lease.w2", LeaseRecord { held: 3, ..lease("w2", 1) }.encode()).await;
    let update = watch.next().await;
    assert_eq!((update.changed.keys.len(), update.changed.nodes), (0, vec![node("w2")]));
    assert_eq!(update.snapshot.node(&node("w2")).expect("w2").held, 3);
}

#[tokio::test]
async fn a_burst_is_one_update() {
    let paper = Paper::with(&["w1"]).await;
    let mut watch = paper.watch().await;
    let texts: Vec<String> = (0..1000).map(|n| format!("k{n}")).collect();
    paper.announce(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (token, text) in (1..).zip(&texts) {
        paper.claim(text, "w1", token).await;
    }
    let update = watch.next().await;
    assert_eq!(update.changed.keys.len(), 1000);
    assert_eq!(update.snapshot.counts().running, 1000);
    let w1 = update.snapshot.node(&node("w1")).expect("w1");
    assert_eq!((w1.keys, w1.target), (1000, 1000));
}

#[tokio::test]
async fn a_retracted_key_stops_and_is_gone_with_its_claim() {
    let paper = Paper::with(&["w1"]).await;
    paper.announce(&["a"]).await;
    paper.claim("a", "w1", 5).await;
    let mut watch = paper.watch().await;
    paper.group.retract(&key("a")).await.expect("retracted");
    let update = watch.next().await;
    assert_eq!(phase(&update.snapshot, "a"), (Some("w1".to_owned()), Phase::Stopping, 5));
    assert_eq!(update.snapshot.counts().stopping, 1);
    paper.write("claim.a", None).await;
    let update = watch.next().await;
    assert_eq!((update.changed.keys, update.snapshot.keys().len()), (vec![key("a")], 0));
    assert_eq!(update.snapshot.counts().all(), 0);
}

#[tokio::test]
async fn a_stop_that_is_not_confirmed_is_shown_with_its_age() {
    let paper = Paper::with(&["w1"]).await;
    paper.announce(&["a", "b"]).await;
    paper.claim("a", "w1", 5).await;
    paper.claim("b", "w1", 6).await;
    let mut watch = paper.watch().await;
    let stop =
        |text: &str, token| OldestStop { key: key(text), token: Token(token), since_ms: 41_000 };
    // The second is of an earlier assignment: that one is over.
    let stops = StopsRecord {
        session: session("w1", 1),
        count: 40,
        oldest: vec![stop("a", 5), stop("b", 3)],
    };
    paper.put("stops.w1", stops.encode()).await;
    let update = watch.next().await;
    assert_eq!(update.changed.keys, [key("a")]);
    assert_eq!(phase(&update.snapshot, "a").1, Phase::Stopping);
    assert_eq!(phase(&update.snapshot, "b").1, Phase::Running);
    let w1 = update.snapshot.node(&node("w1")).expect("w1");
    assert_eq!((w1.unconfirmed.count, w1.unconfirmed.oldest.len()), (40, 2));
    let age = update.snapshot.taken().since(w1.unconfirmed.oldest[0].told);
    assert!(age >= Duration::from_secs(41), "{age:?}");

    paper.put("stops.w1", StopsRecord { count: 0, oldest: vec![], ..stops }.encode()).await;
    let update = watch.next().await;
    assert_eq!(update.changed.keys, [key("a")]);
    assert_eq!(phase(&update.snapshot, "a").1, Phase::Running);
}

#[tokio::test]
async fn a_node_that_has_come_is_joining_until_joins_have_settled() {
    let paper = Paper::new();
    let mut watch = paper.watch().await;
    paper.put("lease.w1", lease("w1", 1).encode()).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Joining);
    let joining = MemberRecord { joined: Revision(2), settled: Revision(0), ..member("w1", 1) };
    paper.put("member.w1", joining.encode()).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Joining);
    paper.put("lease.w2", lease("w2", 1).encode()).await;
    let settled = MemberRecord { joined: Revision(3), settled: Revision(3), ..member("w2", 1) };
    paper.put("member.w2", settled.encode()).await;
    let update = watch.next().await;
    assert_eq!(state(&update.snapshot, "w1"), NodeState::Ready);
    assert_eq!(state(&update.snapshot, "w2"), NodeState::Ready);
    assert!(update.changed.group, "it is a generation");
    assert_eq!(update.snapshot.generation(), Revision(3));
}

#[tokio::test]
async fn the_target_is_the_share_by_affinity() {
    let paper = Paper::with(&["w1", "w2", "w3"]).await;
    let texts: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
    paper.announce(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut watch = paper.watch().await;
    let targets = |watch: &GroupWatch| -> Vec<u64> {
        watch.snapshot().nodes().map(|status| status.target).collect()
    };
    assert_eq!(targets(&watch), [33, 33, 33]);
    paper.group.set_affinity(&node("w2"), Some(200), &Why::default()).await.expect("set");
    let update = watch.next().await;
    assert_eq!(update.changed.nodes.len(), 3);
    assert_eq!(targets(&watch), [25, 50, 25]);
    let w2 = update.snapshot.node(&node("w2")).expect("w2");
    assert_eq!((w2.affinity, w2.effective_affinity), (100, 200));
    assert_eq!(w2.wish.as_ref().and_then(|wish| wish.affinity), Some(200));
}

#[tokio::test]
async fn a_drained_node_is_drained_when_every_key_has_a_new_owner() {
    let paper = Paper::with(&["w1", "w2"]).await;
    paper.announce(&["a", "b"]).await;
    paper.claim("a", "w1", 1).await;
    paper.claim("b", "w1", 2).await;
    let mut watch = paper.watch().await;
    let options = DrainOptions::new().why(Why::new("ana@ops", "kernel 6.8")).parallel(8);
    let drain = paper.group.drain(&[node("w1")], &options).await.expect("drained");
    let update = watch.next().await;
    assert_eq!(state(&update.snapshot, "w1"), NodeState::Draining);
    let wish = update.snapshot.node(&node("w1")).and_then(|n| n.wish.clone()).expect("a wish");
    assert_eq!((wish.mode, wish.by.as_str(), wish.parallel), (Mode::Drain, "ana@ops", 8));
    assert_eq!((wish.drain_id.as_deref(), wish.drained_from), (Some(drain.as_str()), 2));
    assert_eq!(update.snapshot.key(&key("a")).and_then(|k| k.to.clone()), Some(node("w2")));

    paper.claim("a", "w2", 3).await;
    let free = ClaimRecord { owner: None, token: Token(4), not: Vec::new() };
    paper.put("claim.b", free.encode()).await;
    let update = watch.next().await;
    assert_eq!(state(&update.snapshot, "w1"), NodeState::Draining, "b has no owner");
    let w1 = update.snapshot.node(&node("w1")).expect("w1");
    assert_eq!((w1.keys, w1.wish.as_ref().map(|wish| wish.adrift)), (0, Some(1)));

    paper.claim("b", "w2", 5).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Drained);
    paper.put("lease.w1", LeaseRecord { stopping: 1, ..lease("w1", 1) }.encode()).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Draining);
    paper.put("lease.w1", lease("w1", 1).encode()).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Drained);
    paper
        .group
        .resume(&node("w1"), crate::group::AfterResume::MoveNothing, &Why::default())
        .await
        .expect("resumed");
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Ready);
}

#[tokio::test]
async fn a_node_says_that_it_leaves_and_an_operator_that_it_is_cordoned() {
    let paper = Paper::with(&["w1", "w2"]).await;
    let mut watch = paper.watch().await;
    let leaving = MemberRecord { state: MemberState::Leaving, ..member("w1", 1) };
    paper.put("member.w1", leaving.encode()).await;
    paper.group.cordon(&node("w2"), &Why::default()).await.expect("cordoned");
    let update = watch.next().await;
    assert_eq!(state(&update.snapshot, "w1"), NodeState::Leaving);
    assert_eq!(state(&update.snapshot, "w2"), NodeState::Cordoned);
    assert_eq!(update.snapshot.node(&node("w2")).expect("w2").effective_affinity, 0);
}

#[tokio::test]
async fn a_dead_node_is_lost_until_its_keys_are_taken() {
    let paper = Paper::with(&["w1", "w2"]).await;
    paper.announce(&["a"]).await;
    paper.claim("a", "w1", 1).await;
    let mut watch = paper.watch().await;
    let dead = LeaseRecord { state: LeaseState::Dead, by: Some(node("w2")), ..lease("w1", 1) };
    paper.put("lease.w1", dead.encode()).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Lost);
    paper.write("member.w1", None).await;
    let update = watch.next().await;
    assert_eq!(state(&update.snapshot, "w1"), NodeState::Lost);
    assert_eq!(update.snapshot.node(&node("w1")).expect("w1").keys, 1);
    assert_eq!(phase(&update.snapshot, "a"), (None, Phase::Orphaned, 1));
    assert_eq!(update.snapshot.key(&key("a")).and_then(|k| k.to.clone()), Some(node("w2")));
    paper.claim("a", "w2", 2).await;
    let update = watch.next().await;
    assert!(update.snapshot.node(&node("w1")).is_none());
    assert_eq!(update.changed.nodes, [node("w1"), node("w2")]);
    assert_eq!(phase(&update.snapshot, "a"), (Some("w2".to_owned()), Phase::Running, 2));
}

#[tokio::test]
async fn a_restarted_node_has_to_claim_its_keys_anew() {
    let paper = Paper::with(&["w1"]).await;
    paper.announce(&["a"]).await;
    paper.claim("a", "w1", 1).await;
    let mut watch = paper.watch().await;
    paper.put("lease.w1", lease("w1", 2).encode()).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Joining);
    paper.put("member.w1", member("w1", 2).encode()).await;
    let update = watch.next().await;
    assert_eq!(state(&update.snapshot, "w1"), NodeState::Ready);
    assert_eq!(update.changed.keys, [key("a")]);
    assert_eq!(phase(&update.snapshot, "a"), (None, Phase::Orphaned, 1));
    assert_eq!(update.snapshot.node(&node("w1")).expect("w1").keys, 0);
    paper.put("claim.a", claim("w1", 2, 2).encode()).await;
    let update = watch.next().await;
    assert_eq!(phase(&update.snapshot, "a"), (Some("w1".to_owned()), Phase::Running, 2));
}

#[tokio::test]
async fn a_wish_for_a_node_that_is_not_there_is_shown() {
    let paper = Paper::new();
    paper.put("control.w9", ControlRecord::new(Mode::Cordon).encode()).await;
    let watch = paper.watch().await;
    assert_eq!(state(watch.snapshot(), "w9"), NodeState::Absent);
}

#[tokio::test]
async fn what_cannot_be_read_is_shown_until_it_can() {
    let paper = Paper::with(&["w1"]).await;
    paper.put("claim.a", "garbage").await;
    paper.put("pin.a", "{}").await;
    paper.put("key.a=2e", "").await;
    let mut watch = paper.watch().await;
    let problems = watch.snapshot().problems().clone();
    let names: Vec<&str> = problems.shown.iter().map(|problem| problem.name.as_str()).collect();
    assert_eq!((names, problems.found), (vec!["claim.a", "key.a=2e", "pin.a"], 3));
    assert!(problems.shown[2].why.contains("unknown kind"), "{}", problems.shown[2].why);
    paper.put("member.w1", r#"{"v":2}"#).await;
    let update = watch.next().await;
    assert!(update.changed.problems);
    let problem = &update.snapshot.problems().shown[2];
    assert_eq!(problem.why, "a record of another version, this one reads 1: 2");
    paper.claim("a", "w1", 1).await;
    let update = watch.next().await;
    assert!(update.changed.problems);
    assert_eq!((update.snapshot.problems().shown.len(), update.snapshot.problems().found), (3, 4));
}

#[tokio::test]
async fn a_freeze_is_shown() {
    let paper = Paper::with(&["w1"]).await;
    let mut watch = paper.watch().await;
    paper.group.freeze(None, &Why::new("ana", "release")).await.expect("frozen");
    let update = watch.next().await;
    assert!(update.changed.group);
    assert_eq!(update.snapshot.freeze().map(|freeze| freeze.reason.as_str()), Some("release"));
    paper.group.thaw().await.expect("thawed");
    assert_eq!(watch.next().await.snapshot.freeze(), None);
}

#[tokio::test]
async fn a_lost_line_is_said_and_what_changed_meanwhile_is_told() {
    let paper = Paper::with(&["w1"]).await;
    paper.announce(&["a", "b"]).await;
    paper.claim("a", "w1", 1).await;
    let mut watch = paper.watch().await;
    paper.store.break_watches();
    let update = watch.next().await;
    let Link::Lost { error, attempts, .. } = &update.link else { panic!("{:?}", update.link) };
    assert!(matches!(error, StoreError::Gap { .. }) && *attempts == 1, "{error}");
    assert!(update.changed.link && !update.snapshot.is_complete());
    assert_eq!(update.snapshot.keys().len(), 2, "it stays what it was");
    assert!(matches!(watch.preview_rebalance(), Err(OperateError::Incomplete)));

    paper.group.retract(&key("b")).await.expect("retracted");
    paper.announce(&["c"]).await;
    let update = until_complete(&mut watch).await;
    assert_eq!(update.changed.keys, [key("b"), key("c")], "a is as it was");
}

#[tokio::test]
async fn a_group_that_is_made_again_is_another_one() {
    let paper = Paper::with(&["w1"]).await;
    paper.announce(&["a"]).await;
    paper.claim("a", "w1", 1).await;
    let mut watch = paper.watch().await;
    paper.store.delete_group();
    loop {
        if let Link::Lost { error: StoreError::NoGroup { .. }, .. } = watch.next().await.link {
            break;
        }
    }
    paper.store.create_group();
    paper.announce(&["b"]).await;
    let update = until_complete(&mut watch).await;
    assert_eq!(update.changed.keys, [key("a"), key("b")]);
    assert_eq!(update.changed.nodes, [node("w1")]);
    assert_eq!((update.snapshot.keys().len(), update.snapshot.nodes().len()), (1, 0));
    assert_eq!(update.snapshot.revision(), Revision(1));
}

#[tokio::test]
async fn a_call_that_is_dropped_loses_nothing() {
    let paper = Paper::with(&["w1"]).await;
    paper.announce(&["a"]).await;
    let mut watch = paper.group.watch();
    let mut changed = Changed::default();
    for token in 1..200 {
        tokio::select! {
            biased;
            update = watch.next() => changed.keys.extend(update.changed.keys),
            () = tokio::task::yield_now() => {}
        }
        paper.claim("a", "w1", token).await;
    }
    while watch.snapshot().key(&key("a")).is_none_or(|status| status.token != Token(199)) {
        changed.keys.extend(watch.next().await.changed.keys);
    }
    assert!(changed.keys.iter().all(|changed| *changed == key("a")));
}

#[tokio::test]
async fn a_drain_is_previewed_key_by_key() {
    let paper = Paper::with(&["w1", "w2", "w3"]).await;
    for n in 0..30 {
        let (text, owner) = (format!("k{n}"), ["w1", "w2", "w3"][n % 3]);
        paper.announce(&[&text]).await;
        paper.claim(&text, owner, 1).await;
    }
    let preview = paper.group.preview_drain(&[node("w1")]).await.expect("previewed");
    assert_eq!(preview.revision, paper.store.info().await.expect("in memory").last);
    assert_eq!((preview.moves.len(), preview.without_receiver), (10, 0));
    assert!(preview.moves.iter().all(|m| m.from == node("w1") && m.to != Some(node("w1"))));
    let adds: Vec<(u64, u64)> = preview.receivers.iter().map(|r| (r.now, r.adds)).collect();
    assert_eq!(adds, [(10, 5), (10, 5)]);

    // Once the drain is on record, the plan is what was previewed.
    let mut watch = paper.watch().await;
    paper.group.drain(&[node("w1")], &DrainOptions::new()).await.expect("drained");
    let snapshot = watch.next().await.snapshot;
    for planned in &preview.moves {
        assert_eq!(
            snapshot.key(&planned.key).map(|status| status.to.clone()),
            Some(planned.to.clone())
        );
    }

    let all = [node("w1"), node("w2"), node("w3")];
    let preview = watch.preview_drain(&all).expect("previewed");
    assert_eq!((preview.moves.len(), preview.without_receiver), (30, 30));
    let error = watch.preview_drain(&[node("w4")]).expect_err("unknown");
    assert_eq!(error.to_string(), "no such node, the group's nodes are w1, w2, w3: w4");
}

#[tokio::test]
async fn a_rebalance_is_previewed_node_by_node() {
    let paper = Paper::with(&["w1", "w2"]).await;
    let watch = paper.watch().await;
    assert_eq!(watch.preview_rebalance().expect("previewed").shifts, []);
    for n in 0..10 {
        paper.announce(&[&format!("k{n}")]).await;
        paper.claim(&format!("k{n}"), "w1", 1).await;
    }
    let preview = paper.group.preview_rebalance().await.expect("previewed");
    let shifts: Vec<_> =
        preview.shifts.iter().map(|s| (s.from.clone(), s.to.clone(), s.keys)).collect();
    assert_eq!(shifts, [(node("w1"), node("w2"), 5)]);
}

#[tokio::test]
async fn a_group_that_is_not_there_cannot_be_read_once() {
    let paper = Paper::new();
    paper.store.delete_group();
    let error = paper.group.snapshot().await.expect_err("no group");
    assert_eq!(error.to_string(), "the store failed at the record: the whole log");
}

/// A model in a time of its own.
struct Timed {
    model: Model,
    revision: u64,
    now: Now,
}

impl Timed {
    fn new() -> Self {
        let now = Now { at: Time(1_000_000_000), unix_us: 1_700_000_000_000_000 };
        let mut model = Model::new(GroupName::new("g").expect("legal"), now);
        model.begin();
        model.on_caught_up(now);
        Self { model, revision: 0, now }
    }

    fn put(&mut self, name: &str, value: bytes::Bytes) {
        self.put_for(name, value, None);
    }

    fn put_for(&mut self, name: &str, value: bytes::Bytes, ttl: Option<Duration>) {
        self.revision += 1;
        let revision = Revision(self.revision);
        let record = Record { name: name.to_owned(), revision, value: Some(value), ttl };
        self.model.on_record(self.now, &record);
    }

    fn keys(&mut self) -> Vec<String> {
        self.model.publish(self.now);
        self.model.snapshot.keys().map(|(key, _)| key.to_string()).collect()
    }

    fn state(&mut self) -> NodeState {
        self.model.publish(self.now);
        state(&self.model.snapshot, "w1")
    }

    /// Goes on to when the model wants to be asked, which has to be after this many milliseconds.
    fn wait(&mut self, ms: u64) {
        let due = self.model.next_due().expect("something is due");
        assert_eq!(due.since(self.now.at), Duration::from_millis(ms));
        self.now.at = due;
        self.now.unix_us += ms * 1000;
    }
}

#[test]
fn a_key_ends_with_its_time_to_live_unless_it_is_announced_again() {
    let ttl = Some(Duration::from_secs(5));
    let mut timed = Timed::new();
    for name in ["key.ends", "key.renewed", "key.kept"] {
        timed.put_for(name, bytes::Bytes::new(), ttl);
    }
    timed.now.at += Duration::from_secs(2);
    timed.put_for("key.renewed", bytes::Bytes::new(), ttl);
    timed.put("key.kept", bytes::Bytes::new());
    assert_eq!(timed.keys(), ["ends", "kept", "renewed"]);
    // A second for the way to here.
    timed.wait(4_000);
    assert_eq!(timed.keys(), ["kept", "renewed"]);
    timed.wait(2_000);
    assert_eq!(timed.keys(), ["kept"]);
}

#[test]
fn a_node_without_heartbeats_is_late_and_then_lost() {
    let mut timed = Timed::new();
    timed.put("lease.w1", lease("w1", 1).encode());
    timed.put("member.w1", member("w1", 1).encode());
    assert_eq!(timed.state(), NodeState::Ready);
    timed.wait(15_000);
    assert_eq!(timed.state(), NodeState::Late);
    timed.put("lease.w1", LeaseRecord { beat: 2, ..lease("w1", 1) }.encode());
    assert_eq!(timed.state(), NodeState::Ready);
    timed.wait(15_000);
    assert_eq!(timed.state(), NodeState::Late);
    timed.wait(63_600 - 15_000);
    assert_eq!(timed.state(), NodeState::Lost);
    assert_eq!(timed.model.next_due(), None);
}

#[test]
fn a_state_has_lasted_since_it_began() {
    let mut timed = Timed::new();
    timed.put("lease.w1", lease("w1", 1).encode());
    timed.put("member.w1", member("w1", 1).encode());
    timed.state();
    let since = |timed: &Timed| timed.model.snapshot.node(&node("w1")).expect("w1").since.0;
    let began = timed.now.at;
    timed.now.at += Duration::from_secs(5);
    timed.put("lease.w1", LeaseRecord { beat: 2, ..lease("w1", 1) }.encode());
    timed.state();
    assert_eq!(since(&timed), began);
    timed.wait(15_000);
    timed.state();
    assert_eq!(since(&timed), timed.now.at);
}

#[test]
fn a_drain_that_frees_is_done_at_its_deadline_whatever_has_no_owner() {
    let mut timed = Timed::new();
    timed.put("lease.w1", lease("w1", 1).encode());
    timed.put("member.w1", member("w1", 1).encode());
    timed.put("key.a", bytes::Bytes::new());
    timed.put("claim.a", claim("w1", 1, 1).encode());
    timed.state();
    let deadline_ms = Some(timed.now.unix_us / 1000 + 20_000);
    let on_deadline = crate::wire::OnDeadline::Free;
    let wish = ControlRecord { deadline_ms, on_deadline, ..ControlRecord::new(Mode::Drain) };
    timed.put("control.w1", wish.encode());
    assert_eq!(timed.state(), NodeState::Draining);
    let free = ClaimRecord { owner: None, token: Token(2), not: Vec::new() };
    timed.put("claim.a", free.encode());
    assert_eq!(timed.state(), NodeState::Draining, "it had no receiver before the deadline");
    timed.now.unix_us += 20_000_000;
    timed.put("lease.w1", LeaseRecord { beat: 2, ..lease("w1", 1) }.encode());
    assert_eq!(timed.state(), NodeState::Drained);
}

/// One thing that happens to a group on paper.
#[derive(Debug, Clone)]
enum Step {
    Announce(u8),
    Retract(u8),
    Claim(u8, u8, u8),
    Unclaim(u8),
    Free(u8),
    Garble(u8),
    Member(u8, u8),
    NoMember(u8),
    Lease(u8, u8),
    Dead(u8, u8),
    Control(u8, Mode),
    Stops(u8, u8),
    Look,
    Break,
}

fn any_step() -> impl Strategy<Value = Step> {
    let (k, n, life) = (0_u8..6, 0_u8..3, 1_u8..3);
    let mode = prop_oneof![Just(Mode::Active), Just(Mode::Cordon), Just(Mode::Drain)];
    prop_oneof![
        3 => k.clone().prop_map(Step::Announce),
        1 => k.clone().prop_map(Step::Retract),
        4 => (k.clone(), n.clone(), life.clone()).prop_map(|(k, n, l)| Step::Claim(k, n, l)),
        1 => k.clone().prop_map(Step::Unclaim),
        1 => k.clone().prop_map(Step::Free),
        1 => k.clone().prop_map(Step::Garble),
        3 => (n.clone(), life.clone()).prop_map(|(n, l)| Step::Member(n, l)),
        1 => n.clone().prop_map(Step::NoMember),
        2 => (n.clone(), life.clone()).prop_map(|(n, l)| Step::Lease(n, l)),
        1 => (n.clone(), life).prop_map(|(n, l)| Step::Dead(n, l)),
        1 => (n.clone(), mode).prop_map(|(n, mode)| Step::Control(n, mode)),
        1 => (n, k).prop_map(|(n, k)| Step::Stops(n, k)),
        4 => Just(Step::Look),
        1 => Just(Step::Break),
    ]
}

impl Paper {
    async fn step(&self, step: &Step, watch: &mut GroupWatch) {
        let (k, n) = (|k: u8| format!("k{k}"), |n: u8| format!("w{n}"));
        match *step {
            Step::Announce(at) => drop(self.put(&format!("key.{}", k(at)), "").await),
            Step::Retract(at) => drop(self.write(&format!("key.{}", k(at)), None).await),
            Step::Claim(at, by, life) => {
                let value = claim(&n(by), life, 7).encode();
                self.put(&format!("claim.{}", k(at)), value).await;
            }
            Step::Unclaim(at) => drop(self.write(&format!("claim.{}", k(at)), None).await),
            Step::Free(at) => {
                let free = ClaimRecord { owner: None, token: Token(7), not: Vec::new() };
                self.put(&format!("claim.{}", k(at)), free.encode()).await;
            }
            Step::Garble(at) => drop(self.put(&format!("pin.{}", n(at)), "garbage").await),
            Step::Member(by, life) => {
                self.put(&format!("member.{}", n(by)), member(&n(by), life).encode()).await;
            }
            Step::NoMember(by) => drop(self.write(&format!("member.{}", n(by)), None).await),
            Step::Lease(by, life) => {
                self.put(&format!("lease.{}", n(by)), lease(&n(by), life).encode()).await;
            }
            Step::Dead(by, life) => {
                let dead = LeaseRecord { state: LeaseState::Dead, ..lease(&n(by), life) };
                self.put(&format!("lease.{}", n(by)), dead.encode()).await;
            }
            Step::Control(by, mode) => {
                self.put(&format!("control.{}", n(by)), ControlRecord::new(mode).encode()).await;
            }
            Step::Stops(by, at) => {
                let oldest = vec![OldestStop { key: key(&k(at)), token: Token(7), since_ms: 1 }];
                let stops = StopsRecord { session: session(&n(by), 1), count: 1, oldest };
                self.put(&format!("stops.{}", n(by)), stops.encode()).await;
            }
            Step::Look => self.look(watch).await,
            Step::Break => self.store.break_watches(),
        }
    }

    /// Has the watch see all that there is, to a last record that is sure to be a difference.
    async fn look(&self, watch: &mut GroupWatch) {
        let last = self.store.info().await.expect("in memory").last;
        let mark = ControlRecord { plan_rev: last.0, ..ControlRecord::new(Mode::Cordon) };
        let last = self.put("control.mark", mark.encode()).await;
        while !watch.snapshot().is_complete() || watch.snapshot().revision() < last {
            watch.next().await;
        }
    }
}

/// What two viewers of one group have to agree on, whenever they came.
fn agreed(snapshot: &Snapshot) -> (Vec<String>, Vec<String>, crate::snapshot::Counts) {
    let of_key = |(key, status): (&Key, &KeyStatus)| {
        format!("{key} {:?} {:?} {:?}", status.owner, status.phase, status.token)
    };
    // A drain's history is what its viewer has seen of it.
    let of_node = |n: &crate::snapshot::NodeStatus| {
        let state = if n.state == NodeState::Drained { NodeState::Draining } else { n.state };
        let wish = n.wish.as_ref().map(|wish| wish.mode);
        format!("{} {state:?} {} {} {:?} {wish:?}", n.node, n.keys, n.effective_affinity, n.session)
    };
    let mut counts = snapshot.counts();
    counts.unplaced = 0;
    (snapshot.keys().map(of_key).collect(), snapshot.nodes().map(of_node).collect(), counts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn who_watches_all_along_sees_what_a_newcomer_sees(
        steps in proptest::collection::vec(any_step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let paper = Paper::new();
            let mut watch = paper.group.watch();
            for step in &steps {
                paper.step(step, &mut watch).await;
            }
            paper.put("member.w2", member("w2", 1).encode()).await;
            paper.look(&mut watch).await;
            let fresh = paper.group.snapshot().await.expect("read");
            prop_assert_eq!(agreed(watch.snapshot()), agreed(&fresh));
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn it_is_said_how_well_each_node_suits_a_key_and_why_not() {
    let paper = Paper::with(&["w1", "w2"]).await;
    for id in ["w3", "w4", "w5"] {
        let prefixes = if id == "w4" { vec!["other/".to_owned()] } else { Vec::new() };
        let record = MemberRecord { prefixes, ..member(id, 1) };
        paper.put(&format!("lease.{id}"), lease(id, 1).encode()).await;
        paper.put(&format!("member.{id}"), record.encode()).await;
    }
    let control = ControlRecord::new(Mode::Cordon);
    paper.put("control.w3", control.encode()).await;
    paper.announce(&["a"]).await;
    let not = vec![crate::wire::NotNode { node: node("w5"), for_ms: 60_000 }];
    paper.put("claim.a", ClaimRecord { not, ..claim("w1", 1, 5) }.encode()).await;
    let watch = paper.watch().await;
    let suitors = watch.suitors(&key("a")).expect("complete");
    let (fit, unfit) = suitors.split_at(2);
    assert!(fit.iter().all(|s| s.unfit.is_none() && ["w1", "w2"].contains(&s.node.as_str())));
    assert!(fit[0].score >= fit[1].score && fit[1].score > 0.0, "{fit:?}");
    let why = |id: &str| unfit.iter().find(|s| s.node == node(id)).and_then(|s| s.unfit);
    assert_eq!(why("w3"), Some(Unfit::TakesNothing));
    assert_eq!(why("w4"), Some(Unfit::OtherPrefix));
    assert!(matches!(why("w5"), Some(Unfit::Released(_))));
    assert!(watch.suitors(&key("nobody knows it")).expect("complete").is_empty());
}
