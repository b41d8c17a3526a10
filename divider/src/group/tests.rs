//! The requests of operators, on a store in memory.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::*;
use crate::id::{NodeId, Revision};
use crate::key::Key;
use crate::store::{Filter, Info, MemoryStore, Outcome, Record, StoreError, Watch, Write};
use crate::testing::Fault;
use divider_core::wire::{ControlRecord, GroupRecord, Mode, RebalanceRecord};

fn node(id: &str) -> NodeId {
    NodeId::new(id).expect(id)
}

fn why() -> Requester {
    Requester::new("ana@ops", "kernel 6.8")
}

async fn put(store: &MemoryStore, name: &str, value: &str) -> Revision {
    match store.write(Write::put(name, value.to_owned(), None)).await {
        Outcome::Acked(revision) => revision,
        other => panic!("{other:?}"),
    }
}

/// A group with the members `w1` and `w2`.
async fn group() -> (MemoryStore, Group) {
    let store = MemoryStore::new(GroupName::new("g").expect("legal"));
    put(&store, "member.w1", "{}").await;
    put(&store, "member.w2", "{}").await;
    (store.clone(), Group::open(store))
}

async fn value(store: &MemoryStore, name: &str) -> bytes::Bytes {
    let record = store.read(name).await.expect("in memory").expect(name);
    record.value.expect("no tombstone")
}

async fn control(store: &MemoryStore, id: &str) -> ControlRecord {
    ControlRecord::decode(&value(store, &format!("control.{id}")).await).expect("one of ours")
}

#[tokio::test]
async fn a_cordon_is_on_record_until_the_node_is_resumed() {
    let (store, group) = group().await;
    let edited = group.cordon(&node("w1"), &why()).await.expect("cordoned");
    assert_eq!(edited, WriteResult::Changed(Revision(3)));
    let record = control(&store, "w1").await;
    assert_eq!((record.mode, record.by.as_str()), (Mode::Cordon, "ana@ops"));
    assert_eq!(record.reason, "kernel 6.8");
    assert!(record.at_ms > 1_577_836_800_000);
    let again = group.cordon(&node("w1"), &Requester::default()).await.expect("cordoned");
    assert_eq!(again, WriteResult::Already(Revision(3)));

    let edited = group.resume(&node("w1"), AfterResume::MoveNothing, &why()).await;
    assert_eq!(edited.expect("resumed"), WriteResult::Changed(Revision(4)));
    assert_eq!(control(&store, "w1").await.mode, Mode::Active);
    assert_eq!(store.read("rebalance").await, Ok(None));
}

#[tokio::test]
async fn resume_moves_keys_only_where_that_is_asked_for() {
    let (store, group) = group().await;
    group.resume(&node("w2"), AfterResume::Rebalance, &why()).await.expect("resumed");
    let record = RebalanceRecord::decode(&value(&store, "rebalance").await).expect("ours");
    assert_eq!(record, RebalanceRecord::new("ana@ops", "kernel 6.8"));
}

#[tokio::test]
async fn an_unknown_node_is_told_with_the_known_ones() {
    let (_, group) = group().await;
    let all = DrainOptions::new();
    for error in [
        group.cordon(&node("w3"), &why()).await.expect_err("unknown"),
        group.set_affinity(&node("w3"), Some(1), &why()).await.expect_err("unknown"),
        group.drain(&[node("w1"), node("w3")], &all).await.expect_err("unknown"),
        group.pause_drain(&node("w3")).await.expect_err("unknown"),
    ] {
        assert_eq!(error.to_string(), "no such node, the group's nodes are w1, w2: w3");
    }
    assert_eq!(group.newest_revision().await, Ok(Revision(2)), "nothing was written");
}

#[tokio::test]
async fn what_is_on_record_for_a_node_that_is_gone_can_be_undone() {
    let (store, group) = group().await;
    put(&store, "control.w9", r#"{"v":1,"mode":"drain"}"#).await;
    group.resume(&node("w9"), AfterResume::MoveNothing, &why()).await.expect("resumed");
    assert_eq!(control(&store, "w9").await.mode, Mode::Active);
}

#[tokio::test]
async fn an_affinity_overrides_through_a_cordon_and_until_it_is_cleared() {
    let (store, group) = group().await;
    group.set_affinity(&node("w1"), Some(0), &why()).await.expect("set");
    group.cordon(&node("w1"), &why()).await.expect("cordoned");
    group.drain(&[node("w1")], &DrainOptions::new()).await.expect("drained");
    group.resume(&node("w1"), AfterResume::MoveNothing, &why()).await.expect("resumed");
    assert_eq!(control(&store, "w1").await.affinity, Some(0));
    let again = group.set_affinity(&node("w1"), Some(0), &why()).await.expect("set");
    assert!(matches!(again, WriteResult::Already(_)));
    group.set_affinity(&node("w1"), None, &why()).await.expect("cleared");
    assert_eq!(control(&store, "w1").await.affinity, None);
}

#[tokio::test]
async fn nodes_are_drained_under_one_name() {
    let (store, group) = group().await;
    let options = DrainOptions::new()
        .deadline(Duration::from_mins(1))
        .on_deadline(OnDeadline::Free)
        .parallel(8)
        .requester(why());
    let drain = group.drain(&[node("w1"), node("w2")], &options).await.expect("drained");
    for id in ["w1", "w2"] {
        let record = control(&store, id).await;
        assert_eq!(record.mode, Mode::Drain);
        assert_eq!(record.drain_id.as_deref(), Some(drain.as_str()));
        assert_eq!(record.deadline_ms, Some(record.at_ms + 60_000));
        assert_eq!((record.parallel, record.on_deadline), (8, OnDeadline::Free));
        assert_eq!((record.plan_rev, record.paused), (2, false));
        assert_eq!(record.reason, "kernel 6.8");
    }
    assert_eq!(control(&store, "w1").await.also, ["w2"]);
    assert_eq!(control(&store, "w2").await.also, [""; 0]);
    group.pause_drain(&node("w1")).await.expect("paused");
    assert_eq!(control(&store, "w1").await.also, [""; 0], "w2 was told, and may be resumed");
    let seen = group.newest_revision().await.expect("in memory");
    let planned = DrainOptions::new().planned(seen).paused();
    let other = group.drain(&[node("w1")], &planned).await.expect("drained");
    assert_ne!(other, drain);
    let record = control(&store, "w1").await;
    assert_eq!((record.plan_rev, record.paused, record.deadline_ms), (seen.0, true, None));
    assert_eq!(record.drain_id.as_deref(), Some(other.as_str()));
}

#[tokio::test]
async fn of_two_drains_at_once_the_second_finds_the_first_and_is_taken_back() {
    let (store, group) = group().await;
    group.cordon(&node("w2"), &Requester::new("eve", "disk")).await.expect("cordoned");
    let seen = group.newest_revision().await.expect("in memory");
    let plan = DrainOptions::new().planned(seen).requester(why());
    group.drain(&[node("w1")], &plan).await.expect("nothing else changed");
    let error = group.drain(&[node("w2")], &plan).await.expect_err("w1 drains by now");
    let OperateError::Overtaken { node: other, by } = &error else { panic!("{error:?}") };
    assert_eq!((other.as_str(), by.as_str()), ("w1", "ana@ops"));
    assert!(error.to_string().contains("w1 was drained or cordoned by ana@ops"), "{error}");
    let record = control(&store, "w2").await;
    assert_eq!((record.mode, record.by.as_str()), (Mode::Cordon, "eve"), "as it was before");
    assert_eq!(control(&store, "w1").await.mode, Mode::Drain, "the first goes on");

    let both = [node("w1"), node("w2")];
    group.drain(&both, &plan).await.expect("what it drains itself does not count");
    group.resume(&node("w1"), AfterResume::MoveNothing, &why()).await.expect("resumed");
    group.drain(&[node("w2")], &plan).await.expect("nor does what takes keys");
}

#[tokio::test]
async fn a_drain_of_more_nodes_than_a_record_can_name_is_refused() {
    let (store, group) = group().await;
    let many: Vec<NodeId> = (0..200).map(|n| node(&format!("{n:064}"))).collect();
    for node in &many {
        put(&store, &format!("member.{node}"), "{}").await;
    }
    let before = group.newest_revision().await;
    let error = group.drain(&many, &DrainOptions::new()).await.expect_err("13 KiB of names");
    assert!(matches!(error, OperateError::TooLong { most: 7168, .. }), "{error}");
    assert_eq!(group.newest_revision().await, before);
}

#[tokio::test]
async fn a_drain_is_paused_and_continued() {
    let (store, group) = group().await;
    let error = group.pause_drain(&node("w1")).await.expect_err("not draining");
    assert_eq!(error.to_string(), "the node is not draining: w1");
    group.drain(&[node("w1")], &DrainOptions::new()).await.expect("drained");
    group.pause_drain(&node("w1")).await.expect("paused");
    assert!(control(&store, "w1").await.paused);
    assert!(matches!(group.pause_drain(&node("w1")).await, Ok(WriteResult::Already(_))));
    group.continue_drain(&node("w1")).await.expect("continued");
    assert!(!control(&store, "w1").await.paused);
    group.cordon(&node("w1"), &why()).await.expect("cordoned");
    let record = control(&store, "w1").await;
    assert_eq!((record.mode, record.drain_id), (Mode::Cordon, None));
    group.continue_drain(&node("w1")).await.expect_err("not draining");
}

#[tokio::test]
async fn a_drain_of_nothing_is_an_error() {
    let (_, group) = group().await;
    let error = group.drain(&[], &DrainOptions::new()).await.expect_err("no node");
    assert!(matches!(error, OperateError::NoNode));
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_gets_stuck_says_how_far_it_came() {
    let (store, group) = group().await;
    put(&store, "control.w2", "garbage").await;
    let error = group.drain(&[node("w1"), node("w2")], &DrainOptions::new()).await;
    let OperateError::Partly { told, node: stuck, source, .. } = error.expect_err("garbage") else {
        panic!("w1 was told")
    };
    assert_eq!((told, stuck), (vec![node("w1")], node("w2")));
    assert_eq!(source.to_string(), "the existing record cannot be read: control.w2");
    assert_eq!(value(&store, "control.w2").await, "garbage", "it was not written over");
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_kept() {
    let (store, group) = group().await;
    let newer = r#"{"v":1,"mode":"active","zone":"eu","nested":{"a":[1]}}"#;
    put(&store, "control.w1", newer).await;
    put(&store, "group", r#"{"v":1,"protocol":1,"freeze":null,"slots":64}"#).await;
    group.cordon(&node("w1"), &why()).await.expect("cordoned");
    group.drain(&[node("w1")], &DrainOptions::new()).await.expect("drained");
    group.set_affinity(&node("w1"), Some(3), &why()).await.expect("set");
    group.freeze(None, &why()).await.expect("frozen");
    let record = control(&store, "w1").await;
    assert_eq!(record.rest["zone"], "eu");
    assert_eq!(record.rest["nested"]["a"][0], 1);
    let record = GroupRecord::decode(&value(&store, "group").await).expect("ours");
    assert_eq!(record.rest["slots"], 64);
}

#[tokio::test]
async fn the_same_rebalance_twice_is_two() {
    let (_, group) = group().await;
    assert_eq!(group.rebalance(&why()).await.expect("written"), WriteResult::Changed(Revision(3)));
    assert_eq!(group.rebalance(&why()).await.expect("written"), WriteResult::Changed(Revision(4)));
}

#[tokio::test]
async fn a_freeze_holds_until_it_is_thawed() {
    let (store, group) = group().await;
    assert!(matches!(group.thaw().await, Ok(WriteResult::Already(Revision(0)))));
    group.freeze(Some(Duration::from_mins(1)), &why()).await.expect("frozen");
    let record = GroupRecord::decode(&value(&store, "group").await).expect("ours");
    let freeze = record.freeze.expect("frozen");
    assert_eq!((freeze.by.as_str(), freeze.reason.as_str()), ("ana@ops", "kernel 6.8"));
    assert!(freeze.until.is_some_and(|until| until > 1_577_836_800_000));
    group.freeze(None, &why()).await.expect("frozen for good");
    group.thaw().await.expect("thawed");
    let record = GroupRecord::decode(&value(&store, "group").await).expect("ours");
    assert_eq!(record, GroupRecord::default());
}

#[tokio::test]
async fn a_group_of_another_protocol_is_left_alone() {
    let (store, group) = group().await;
    put(&store, "group", r#"{"v":1,"protocol":2}"#).await;
    let error = group.freeze(None, &why()).await.expect_err("protocol 2");
    assert_eq!(
        error.to_string(),
        "the group uses another protocol version, this build supports 1: 2"
    );
}

#[tokio::test]
async fn texts_that_fit_no_record_are_refused() {
    let (_, group) = group().await;
    let check = |by: usize, reason: usize, want: &str| {
        let requester = Requester::new("b".repeat(by), "r".repeat(reason));
        assert_eq!(
            requester.texts().map_err(|error| error.to_string()).err().as_deref(),
            Some(want)
        );
    };
    check(129, 0, "by is too long, at most 128 bytes: 129");
    check(128, 1025, "reason is too long, at most 1024 bytes: 1025");
    let longest = Requester::new("\u{1}".repeat(128), "\u{1}".repeat(1024));
    group.cordon(&node("w1"), &longest).await.expect("it fits, escapes and all");
}

#[tokio::test(start_paused = true)]
async fn a_wish_whose_answer_is_lost_is_granted_once() {
    let (store, group) = group().await;
    for fault in [Fault::LostAck, Fault::LostWrite, Fault::Late] {
        store.fail_next(fault);
        let before = group.newest_revision().await.expect("in memory");
        let edited = group.rebalance(&why()).await.expect("written");
        store.release_held();
        assert_eq!(edited, WriteResult::Changed(Revision(before.0 + 1)), "{fault:?}");
        assert_eq!(group.newest_revision().await, Ok(Revision(before.0 + 1)), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn wishes_at_the_same_time_are_all_granted() {
    let (store, group) = group().await;
    let w1 = node("w1");
    let why = why();
    let (cordoned, set, frozen) = tokio::join!(
        group.cordon(&w1, &why),
        group.set_affinity(&w1, Some(7), &why),
        group.freeze(None, &why),
    );
    for edited in [cordoned, set, frozen] {
        assert!(matches!(edited, Ok(WriteResult::Changed(_))), "{edited:?}");
    }
    let record = control(&store, "w1").await;
    assert_eq!((record.mode, record.affinity), (Mode::Cordon, Some(7)));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_said_with_the_record() {
    let (store, group) = group().await;
    store.freeze();
    let error = group.cordon(&node("w1"), &why()).await.expect_err("frozen");
    assert_eq!(error.to_string(), "the store failed at the record: member.w1");
}

/// A store in which another client always writes first.
#[derive(Debug)]
struct Rivalled(MemoryStore);

impl Store for Rivalled {
    fn group(&self) -> &GroupName {
        self.0.group()
    }
    fn write(&self, write: Write) -> BoxFuture<'static, Outcome> {
        let mut blind = write.clone();
        blind.expected = None;
        let first = self.0.write(blind);
        let second = self.0.write(write);
        Box::pin(async move {
            first.await;
            second.await
        })
    }
    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Record>, StoreError>> {
        self.0.read(name)
    }
    fn watch(&self, filter: Filter) -> BoxFuture<'static, Result<Box<dyn Watch>, StoreError>> {
        self.0.watch(filter)
    }
    fn info(&self) -> BoxFuture<'static, Result<Info, StoreError>> {
        self.0.info()
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_others_keep_changing_is_given_up() {
    let (store, _) = group().await;
    let error = Group::open(Rivalled(store)).rebalance(&why()).await.expect_err("too slow");
    assert_eq!(error.to_string(), "the record kept changing: rebalance");
}

#[tokio::test]
async fn a_move_of_a_key_is_in_the_control_record_of_its_owner() {
    let (store, group) = group().await;
    let session = "000000000000000000000000000000aa";
    let claim = format!(r#"{{"v":1,"node":"w1","session":"{session}","token":7}}"#);
    let at = put(&store, "claim.k", &claim).await;
    let key = Key::new("k").expect("legal");
    let requested = group.move_key(&key, &node("w2"), &why()).await.expect("requested");
    assert_eq!((requested.from.as_str(), requested.claim), ("w1", at));
    let record = control(&store, "w1").await;
    let listed: Vec<_> = record.moves.iter().map(|m| (m.key.as_str(), m.claim, &*m.to)).collect();
    assert_eq!(listed, [("k", at.0, "w2")]);
    assert_eq!((record.mode, record.by.as_str()), (Mode::Active, ""), "no request for the node");
    let again = group.move_key(&key, &node("w2"), &why()).await.expect("requested");
    assert!(matches!(again.result, WriteResult::Already(_)), "{again:?}");

    // A later request for the same key replaces the first one.
    let at = put(&store, "claim.k", &claim.replace(":7}", ":8}")).await;
    let requested = group.move_key(&key, &node("w2"), &why()).await.expect("requested");
    assert_eq!(control(&store, "w1").await.moves.len(), 1);
    assert_eq!(control(&store, "w1").await.moves[0].claim, at.0);
    let withdrawn = group.withdraw_move(&requested).await.expect("withdrawn");
    assert!(matches!(withdrawn, WriteResult::Changed(_)));
    assert!(control(&store, "w1").await.moves.is_empty());
    let again = group.withdraw_move(&requested).await.expect("withdrawn");
    assert!(matches!(again, WriteResult::Already(_)));
}

#[tokio::test]
async fn the_newest_sixteen_moves_of_a_node_are_kept() {
    let (store, group) = group().await;
    let session = "000000000000000000000000000000aa";
    for n in 0..18 {
        let claim = format!(r#"{{"v":1,"node":"w1","session":"{session}","token":{n}}}"#);
        put(&store, &format!("claim.k{n}"), &claim).await;
        let key = Key::new(format!("k{n}")).expect("legal");
        group.move_key(&key, &node("w2"), &why()).await.expect("requested");
    }
    let keys: Vec<_> = control(&store, "w1").await.moves.into_iter().map(|m| m.key).collect();
    assert_eq!((keys.len(), keys[0].as_str(), keys[15].as_str()), (16, "k2", "k17"));
}

#[tokio::test]
async fn a_key_without_an_owner_is_not_moved() {
    let (store, group) = group().await;
    let key = Key::new("k").expect("legal");
    let none = group.move_key(&key, &node("w2"), &why()).await;
    assert!(matches!(none, Err(OperateError::NoSuchKey { .. })), "{none:?}");
    put(&store, "claim.k", r#"{"v":1,"node":null,"token":7}"#).await;
    let free = group.move_key(&key, &node("w2"), &why()).await;
    assert!(matches!(free, Err(OperateError::NotOwned { .. })), "{free:?}");
    let nobody = group.move_key(&key, &node("w9"), &why()).await;
    assert!(matches!(nobody, Err(OperateError::UnknownNode { .. })), "{nobody:?}");
}
