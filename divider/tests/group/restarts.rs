//! Restarts under the same id: the keys wait.

use std::time::Duration;

use divider::snapshot::{NodeState, Phase};
use divider::{Group, LeaveError};

use crate::bed::{Bed, in_time, until};
use crate::ledger::{Ledger, What};
use crate::worker::Worker;

over_each_store! {
    a_rolling_restart_of_all_nodes_moves_no_key
    viewers_see_which_keys_wait_for_a_node
    an_operator_ends_the_wait_for_a_node
    a_grace_out_of_range_is_refused
}

/// Longer than any restart here takes.
const GRACE: Duration = Duration::from_mins(10);

async fn three(bed: &Bed, ledger: &Ledger, keys: usize) -> Vec<Worker> {
    bed.announce(keys).await;
    let mut workers = Vec::new();
    for name in ["w0", "w1", "w2"] {
        workers.push(Worker::start(name, bed.store().await, ledger).await);
    }
    until("all keys held, evenly", || {
        let shares = ledger.shares();
        shares.len() == 3 && shares.values().all(|keys_of| keys_of.len() == keys / 3)
    })
    .await;
    workers
}

async fn a_rolling_restart_of_all_nodes_moves_no_key(bed: Bed) {
    let ledger = Ledger::default();
    let mut workers = three(&bed, &ledger, 60).await;
    let (before, from) = (ledger.shares(), ledger.len());
    for at in 0..3 {
        let worker = workers.remove(0);
        let name = worker.name.clone();
        let stopped = worker.leave_for(GRACE).await;
        assert_eq!((stopped.kept, stopped.handed, stopped.lost), (20, 0, 0), "{at}");
        assert_eq!(ledger.held(), 40, "the keys wait");
        workers.push(Worker::start(&name, bed.store().await, &ledger).await);
        until("all keys held", || ledger.held() == 60).await;
    }
    assert_eq!(ledger.shares(), before);
    let lines = ledger.lines(from);
    assert_eq!(lines.len(), 120, "each key stopped once and started once: {lines:?}");
    assert!(lines.iter().all(|line| line.what != What::Lost), "{lines:?}");
    ledger.check();
}

async fn viewers_see_which_keys_wait_for_a_node(bed: Bed) {
    let ledger = Ledger::default();
    let mut workers = three(&bed, &ledger, 30).await;
    workers.remove(0).leave_for(GRACE).await;
    let group = Group::open(bed.store().await);
    let snapshot = in_time(group.snapshot()).await.expect("a group");
    let node = snapshot.nodes().find(|node| node.node.as_str() == "w0").expect("it is a member");
    assert_eq!((node.state, node.keys, node.away), (NodeState::Away, 10, Some(GRACE)));
    let waiting = snapshot.keys().filter(|(_, key)| key.phase == Phase::Orphaned);
    let to: Vec<_> = waiting.map(|(_, key)| key.to.as_ref().map(ToString::to_string)).collect();
    assert_eq!(to, vec![Some("w0".to_owned()); 10]);
}

async fn an_operator_ends_the_wait_for_a_node(bed: Bed) {
    let ledger = Ledger::default();
    let mut workers = three(&bed, &ledger, 30).await;
    workers.remove(0).leave_for(GRACE).await;
    let drain = divider_core::wire::ControlRecord::new(divider_core::wire::Mode::Drain);
    bed.put("control.w0", drain.encode()).await;
    until("the others have them", || ledger.share("w1") == 15 && ledger.share("w2") == 15).await;
    ledger.check();
}

async fn a_grace_out_of_range_is_refused(bed: Bed) {
    let ledger = Ledger::default();
    let workers = three(&bed, &ledger, 30).await;
    for grace in [Duration::ZERO, Duration::from_secs(3_601)] {
        let refused = in_time(workers[0].divider.leave_for(grace)).await;
        assert!(matches!(refused, Err(LeaveError::Grace { .. })), "{refused:?}");
    }
    assert!(workers[0].divider.is_ready(), "nothing was done");
    assert_eq!(ledger.held(), 30);
}
