//! The history of a group: who appends what, and what a group without one shows.

use std::time::Duration;

use divider::group::{DrainOptions, HistoryEntry, HistoryKind, Requester};
use divider::{Group, Key, NodeId};

use crate::bed::{Bed, in_time, until};
use crate::ledger::Ledger;
use crate::worker::Worker;

over_each_store! {
    each_event_is_in_the_history_once
    a_fence_is_in_the_history_when_the_store_is_back
}

const HOUR: Duration = Duration::from_hours(1);

fn node(id: &str) -> NodeId {
    NodeId::new(id).expect(id)
}

/// Waits for an entry, and gives all that are there then.
async fn entries(group: &Group, kind: HistoryKind, of: &str) -> Vec<HistoryEntry> {
    let found = async {
        loop {
            let history = group.history(HOUR).await.expect("an answer");
            assert_eq!(history.missing, None);
            let is_it = |entry: &HistoryEntry| entry.kind == kind && entry.node == Some(node(of));
            if history.entries.iter().any(is_it) {
                return history.entries;
            }
        }
    };
    in_time(found).await
}

fn count(entries: &[HistoryEntry], kind: HistoryKind) -> usize {
    entries.iter().filter(|entry| entry.kind == kind).count()
}

async fn each_event_is_in_the_history_once(bed: Bed) {
    bed.keep_history().await;
    let (group, ledger) = (Group::open(bed.store().await), Ledger::default());
    let keys = (0..30).map(|n| Key::new(format!("k{n}")).expect("short"));
    assert_eq!(group.announce_all(keys).await, Ok(30));
    let mut workers = Vec::new();
    for id in ["w0", "w1", "w2"] {
        workers.push(Worker::start(id, bed.store().await, &ledger).await);
    }
    let shares = async {
        let has = |n: &divider::snapshot::NodeStatus| n.held > 0 && n.keys.abs_diff(n.target) <= 1;
        while {
            let snapshot = group.snapshot().await.expect("an answer");
            snapshot.nodes().filter(|node| has(node)).count() < 3
        } {}
    };
    in_time(shares).await;
    workers[2].cable.cut();
    let found = entries(&group, HistoryKind::Died, "w2").await;
    let died: Vec<_> = found.iter().filter(|entry| entry.kind == HistoryKind::Died).collect();
    assert_eq!(died.len(), 1, "one node appends it: {found:?}");
    assert!(["w0", "w1"].contains(&died[0].by.as_str()), "{died:?}");
    assert!(died[0].keys.is_some_and(|keys| keys > 0), "{died:?}");
    assert_eq!(count(&found, HistoryKind::Joined), 3, "{found:?}");

    let ana = Requester::new("ana@ops", "kernel 6.8");
    let options = DrainOptions::new().requester(ana.clone());
    group.drain(&[node("w1")], &options).await.expect("requested");
    group.freeze(None, &ana).await.expect("frozen");
    group.thaw().await.expect("thawed");
    let ben = Requester::new("ben", "");
    group.cordon(&node("w0"), &ben).await.expect("cordoned");
    group.cordon(&node("w0"), &ben).await.expect("it is already");
    let found = entries(&group, HistoryKind::Cordoned, "w0").await;
    assert_eq!(count(&found, HistoryKind::Cordoned), 1, "what changed nothing is no event");
    let drain = found.iter().find(|entry| entry.kind == HistoryKind::DrainRequested);
    let drain = drain.expect("the drain");
    assert_eq!((drain.by.as_str(), drain.reason.as_str()), ("ana@ops", "kernel 6.8"));
    assert_eq!((count(&found, HistoryKind::Frozen), count(&found, HistoryKind::Thawed)), (1, 1));

    workers.truncate(2);
    for worker in workers {
        worker.leave().await;
    }
    let found = entries(&group, HistoryKind::Left, "w1").await;
    assert_eq!(count(&found, HistoryKind::Left), 2, "{found:?}");
    let numbers: Vec<u64> = found.iter().map(|entry| entry.number).collect();
    assert!(numbers.is_sorted() && found.iter().all(|entry| entry.at_ms > 0), "{found:?}");
    let last = numbers[numbers.len() - 2];
    let newer = group.history_after(last).await.expect("an answer");
    assert_eq!(newer, found[found.len() - 1..]);
}

async fn a_fence_is_in_the_history_when_the_store_is_back(bed: Bed) {
    bed.keep_history().await;
    let (group, ledger) = (Group::open(bed.store().await), Ledger::default());
    let worker = Worker::start("w0", bed.store().await, &ledger).await;
    worker.cable.cut();
    until("it is fenced", || !worker.divider.is_ready()).await;
    tokio::time::sleep(crate::worker::LEASE).await;
    worker.cable.mend();
    let found = entries(&group, HistoryKind::Fenced, "w0").await;
    assert_eq!(count(&found, HistoryKind::Fenced), 1, "{found:?}");
    worker.leave().await;
}

/// A group that was made without a history.
#[tokio::test]
async fn without_a_history_the_records_show_what_they_can() {
    let bed = Bed::nats();
    let (group, ledger) = (Group::open(bed.store().await), Ledger::default());
    let first = Worker::start("w0", bed.store().await, &ledger).await;
    let second = Worker::start("w1", bed.store().await, &ledger).await;
    second.cable.cut();
    let died = async {
        loop {
            let history = group.history(HOUR).await.expect("an answer");
            assert!(history.missing.is_some(), "it has none");
            if let Some(died) = history.entries.into_iter().find(|e| e.kind == HistoryKind::Died) {
                return died;
            }
        }
    };
    let died = in_time(died).await;
    assert_eq!((died.node, died.by.as_str()), (Some(node("w1")), "w0"));
    let missing = group.history_after(0).await.expect_err("it has none");
    assert!(missing.to_string().contains("divider init"), "{missing}");
    first.leave().await;
}
