//! What announcers and operators ask for, and what a viewer sees of it, with real nodes.

use std::collections::BTreeMap;
use std::time::Duration;

use divider::group::{AfterResume, DrainOptions, GroupWatch, ReconcileOptions, Requester};
use divider::snapshot::{NodeState, Phase, Snapshot};
use divider::{Group, Key, NodeId};

use crate::bed::{Bed, in_time, until};
use crate::ledger::{Ledger, What};
use crate::worker::{LEASE, Worker};

over_each_store! {
    a_viewer_sees_what_the_nodes_do
    a_drain_goes_as_it_was_previewed
    a_rebalance_moves_what_was_previewed
    a_frozen_group_moves_nothing_for_a_join
    a_crashed_node_is_late_and_its_keys_are_taken
    keys_are_reconciled_while_nodes_work_on_them
    nodes_stay_ready_when_the_one_that_settled_their_joins_leaves
}

fn node(id: &str) -> NodeId {
    NodeId::new(id).expect(id)
}

fn keys(count: usize) -> Vec<Key> {
    (0..count).map(|n| Key::new(format!("k{n}")).expect("short")).collect()
}

/// A group with keys, workers `w0` to `w<N-1>`, all of it running, and a viewer.
async fn group<const N: usize>(
    bed: &Bed,
    ledger: &Ledger,
    count: usize,
) -> (Group, [Worker; N], GroupWatch) {
    let group = Group::open(bed.store().await);
    assert_eq!(group.announce_all(keys(count)).await, Ok(count as u64));
    let mut workers = Vec::new();
    for n in 0..N {
        workers.push(Worker::start(&format!("w{n}"), bed.store().await, ledger).await);
    }
    let mut watch = group.watch();
    see(&mut watch, |snapshot| {
        let ready = |n: &divider::snapshot::NodeStatus| n.state == NodeState::Ready;
        snapshot.counts().running == count as u64
            && snapshot.nodes().filter(|n| ready(n)).count() == N
            && is_balanced(snapshot)
    })
    .await;
    until("all keys held", || ledger.held() == count).await;
    let workers = workers.try_into().unwrap_or_else(|_| unreachable!("as many as asked"));
    (group, workers, watch)
}

fn is_balanced(snapshot: &Snapshot) -> bool {
    snapshot.nodes().all(|node| node.keys.abs_diff(node.target) <= 1)
}

/// Waits until a complete snapshot is as described.
async fn see(watch: &mut GroupWatch, described: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let seen = async {
        while !watch.snapshot().is_complete() || !described(watch.snapshot()) {
            watch.next().await;
        }
        watch.snapshot().clone()
    };
    in_time(seen).await
}

fn state(snapshot: &Snapshot, id: &str) -> Option<NodeState> {
    snapshot.node(&node(id)).map(|status| status.state)
}

async fn a_viewer_sees_what_the_nodes_do(bed: Bed) {
    let ledger = Ledger::default();
    let (group, _workers, mut watch) = group::<3>(&bed, &ledger, 90).await;
    let snapshot = watch.snapshot().clone();
    for (owner, held) in ledger.shares() {
        let status = snapshot.node(&node(&owner)).expect("a member");
        assert_eq!((status.keys, status.target), (held.len() as u64, 30));
        assert_eq!(status.lease, LEASE);
    }
    for (_, status) in snapshot.keys() {
        assert_eq!((status.phase, status.to.as_ref()), (Phase::Running, None));
        assert!(status.token.0 > 0 && status.revision.0 > 0);
    }
    let all_said = |snapshot: &Snapshot| snapshot.nodes().all(|node| node.held == 30);
    see(&mut watch, all_said).await;
    group.retract_all(keys(90)).await.expect("retracted");
    see(&mut watch, |snapshot| snapshot.keys().len() == 0).await;
    assert_eq!(ledger.held(), 0);
    assert!(watch.snapshot().problems().shown.is_empty(), "{:?}", watch.snapshot().problems());
    watch.close().await;
    ledger.check();
}

async fn a_drain_goes_as_it_was_previewed(bed: Bed) {
    let ledger = Ledger::default();
    let (group, _workers, mut watch) = group::<4>(&bed, &ledger, 100).await;
    let preview = watch.preview_drain(&[node("w1"), node("w2")]).expect("complete");
    assert_eq!((preview.moves.len(), preview.without_receiver), (50, 0));
    // Heartbeats go on, so that the two may be of different revisions.
    let read = group.preview_drain(&[node("w1"), node("w2")]).await.expect("read");
    assert_eq!((&preview.moves, read.without_receiver), (&read.moves, 0));
    let before = ledger.len();
    let options =
        DrainOptions::new().planned(preview.revision).requester(Requester::new("ana", "kernel"));
    group.drain(&[node("w1"), node("w2")], &options).await.expect("on record");
    let drained = |snapshot: &Snapshot| {
        ["w1", "w2"].iter().all(|id| state(snapshot, id) == Some(NodeState::Drained))
    };
    let snapshot = see(&mut watch, drained).await;
    let owners: BTreeMap<&Key, _> =
        snapshot.keys().map(|(key, status)| (key, status.owner.clone())).collect();
    for planned in &preview.moves {
        assert_eq!(owners[&planned.key], planned.to, "{}", planned.key);
    }
    until("the receivers started them", || ledger.held() == 100).await;
    assert_eq!(ledger.lines(before).len(), 100, "a stop and a start for each of 50 keys");

    let resumed = ledger.len();
    for id in ["w1", "w2"] {
        group
            .resume(&node(id), AfterResume::MoveNothing, &Requester::default())
            .await
            .expect("resumed");
    }
    let ready = |snapshot: &Snapshot| {
        ["w1", "w2"].iter().all(|id| state(snapshot, id) == Some(NodeState::Ready))
    };
    see(&mut watch, ready).await;
    assert_eq!(ledger.len(), resumed, "resuming moves nothing");
    ledger.check();
}

async fn a_rebalance_moves_what_was_previewed(bed: Bed) {
    let ledger = Ledger::default();
    let (group, _workers, mut watch) = group::<3>(&bed, &ledger, 90).await;
    group.set_affinity(&node("w1"), Some(700), &Requester::default()).await.expect("set");
    see(&mut watch, |snapshot| snapshot.nodes().any(|node| node.target == 70)).await;
    let preview = watch.preview_rebalance().expect("complete");
    let shifts: Vec<_> =
        preview.shifts.iter().map(|s| (s.from.as_str(), s.to.as_str(), s.keys)).collect();
    assert_eq!(shifts, [("w0", "w1", 20), ("w2", "w1", 20)]);
    let before = ledger.len();
    group.rebalance(&Requester::default()).await.expect("asked for");
    see(&mut watch, |snapshot| is_balanced(snapshot) && snapshot.counts().running == 90).await;
    until("the receiver started them", || ledger.held() == 90).await;
    assert_eq!(ledger.share("w1"), 70);
    assert_eq!(ledger.lines(before).iter().filter(|line| line.what == What::Stop).count(), 40);
    ledger.check();
}

async fn a_frozen_group_moves_nothing_for_a_join(bed: Bed) {
    let ledger = Ledger::default();
    let (group, _workers, mut watch) = group::<2>(&bed, &ledger, 60).await;
    group.freeze(None, &Requester::new("ana", "release")).await.expect("frozen");
    see(&mut watch, |snapshot| snapshot.freeze().is_some()).await;
    let before = ledger.len();
    let _third = Worker::start("w9", bed.store().await, &ledger).await;
    see(&mut watch, |snapshot| state(snapshot, "w9") == Some(NodeState::Ready)).await;
    // What is announced after it is placed after the join has settled everywhere.
    group.announce(&Key::new("new").expect("short")).await.expect("announced");
    until("the new key held", || ledger.held() == 61).await;
    assert_eq!(ledger.lines(before).len(), 1, "{:?}", ledger.lines(before));
    group.thaw().await.expect("thawed");
    see(&mut watch, |snapshot| is_balanced(snapshot) && snapshot.counts().running == 61).await;
    ledger.check();
}

async fn a_crashed_node_is_late_and_its_keys_are_taken(bed: Bed) {
    let ledger = Ledger::default();
    let (_, [_w0, w1, _w2], mut watch) = group::<3>(&bed, &ledger, 60).await;
    w1.cable.cut();
    see(&mut watch, |snapshot| state(snapshot, "w1") == Some(NodeState::Late)).await;
    // It is lost for as long as its keys are being taken: here that may be over in one update.
    see(&mut watch, |snapshot| {
        snapshot.node(&node("w1")).is_none() && snapshot.counts().running == 60
    })
    .await;
    ledger.check();
}

async fn keys_are_reconciled_while_nodes_work_on_them(bed: Bed) {
    let ledger = Ledger::default();
    let (group, _workers, mut watch) = group::<2>(&bed, &ledger, 20).await;
    let wanted = keys(30).split_off(10);
    let difference =
        group.difference("k", wanted.clone(), &ReconcileOptions::new()).await.expect("read");
    assert_eq!((difference.missing().len(), difference.extra().len()), (10, 10));
    let before = ledger.len();
    let done = group.reconcile("k", wanted.clone()).await.expect("reconciled");
    assert_eq!((done.announced, done.retracted, done.kept), (10, 10, 0));
    see(&mut watch, |snapshot| {
        snapshot.keys().map(|(key, _)| key).eq(sorted(&wanted)) && snapshot.counts().running == 20
    })
    .await;
    until("the new keys held", || ledger.held() == 20).await;
    assert_eq!(ledger.lines(before).len(), 20, "what is in both is not disturbed");
    ledger.check();
}

fn sorted(keys: &[Key]) -> Vec<&Key> {
    let mut sorted: Vec<&Key> = keys.iter().collect();
    sorted.sort_unstable();
    sorted
}

async fn nodes_stay_ready_when_the_one_that_settled_their_joins_leaves(bed: Bed) {
    let ledger = Ledger::default();
    let (_group, [first, _second, _third], _watch) = group::<3>(&bed, &ledger, 12).await;
    first.leave().await;
    // A viewer that comes now knows of the joins what the log says.
    let store = bed.store().await;
    let ready = async {
        loop {
            let snapshot = Group::open(store.clone()).snapshot().await.expect("a snapshot");
            let states: Vec<_> = snapshot.nodes().map(|node| node.state).collect();
            if states == [NodeState::Ready; 2] {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    in_time(Box::pin(ready)).await;
}
