//! What happens to groups.

use divider::store::StoreError;
use divider::{Divider, Ended, Event, JoinPolicy, KeyError, Rebalance, StartError};
use divider_core::wire::{ControlRecord, Mode};

use crate::bed::{Bed, Cable, in_time, until};
use crate::ledger::{Ledger, What};
use crate::worker::{LEASE, Worker};

over_each_store! {
    nodes_that_start_together_share_the_keys_evenly_and_no_key_starts_twice
    a_joining_node_takes_its_share_and_nothing_else_moves
    a_drained_node_hands_over_everything_and_gets_nothing
    a_node_that_leaves_hands_over_everything_and_leaves_nothing_behind
    a_node_that_is_cut_off_gives_up_in_time_and_comes_back
    a_node_whose_events_are_dropped_is_cancelled
    a_node_whose_thread_fails_loses_its_keys_in_time
    a_start_that_is_given_up_leaves_nothing_behind
    a_released_key_goes_to_another_node
    a_completed_key_exists_no_more
    a_retracted_key_stops
    keys_go_only_where_their_prefix_is_taken
    changing_the_affinity_moves_nothing
    a_node_id_in_use_is_refused_by_name
    a_node_that_is_taken_over_ends
    an_application_that_does_not_read_loses_nothing
    a_key_that_may_not_be_deleted_is_done_again_and_that_is_answered
    a_node_leaves_whatever_it_may_not_write
}

async fn workers<const N: usize>(bed: &Bed, ledger: &Ledger) -> [Worker; N] {
    let stores = futures_util::future::join_all((0..N).map(|_| bed.store())).await;
    let names: Vec<_> = (0..N).map(|n| format!("w{n}")).collect();
    let started = names.iter().zip(stores).map(|(name, store)| Worker::start(name, store, ledger));
    let workers = futures_util::future::join_all(started).await;
    workers.try_into().unwrap_or_else(|_| unreachable!("as many as asked"))
}

async fn nodes_that_start_together_share_the_keys_evenly_and_no_key_starts_twice(bed: Bed) {
    let ledger = Ledger::default();
    bed.announce(100).await;
    let _workers: [_; 3] = workers(&bed, &ledger).await;
    until("all keys held", || ledger.held() == 100).await;
    for (node, keys) in ledger.shares() {
        assert!((33..=34).contains(&keys.len()), "{node}: {}", keys.len());
    }
    assert_eq!(ledger.len(), 100, "one start a key: {:?}", ledger.lines(100));
    ledger.check();
}

async fn a_joining_node_takes_its_share_and_nothing_else_moves(bed: Bed) {
    let ledger = Ledger::default();
    bed.announce(100).await;
    let _workers: [_; 2] = workers(&bed, &ledger).await;
    until("all keys held", || ledger.held() == 100).await;
    let before = ledger.len();
    let _third = Worker::start("w9", bed.store().await, &ledger).await;
    until("its share", || (33..=34).contains(&ledger.share("w9")) && ledger.held() == 100).await;
    let lines = ledger.lines(before);
    let moved = ledger.share("w9");
    assert_eq!(lines.iter().filter(|line| line.what == What::Stop).count(), moved);
    assert_eq!(lines.len(), 2 * moved, "a stop and a start for each: {lines:?}");
    ledger.check();
}

async fn a_drained_node_hands_over_everything_and_gets_nothing(bed: Bed) {
    let ledger = Ledger::default();
    bed.announce(60).await;
    let _workers: [_; 3] = workers(&bed, &ledger).await;
    until("all keys held", || ledger.held() == 60).await;
    bed.put("control.w1", ControlRecord::new(Mode::Drain).encode()).await;
    until("w1 is empty", || ledger.share("w1") == 0 && ledger.held() == 60).await;
    assert_eq!((ledger.share("w0"), ledger.share("w2")), (30, 30));
    bed.announce_more(60..90).await;
    until("the new keys held", || ledger.held() == 90).await;
    assert_eq!(ledger.share("w1"), 0);
    let resumed = ledger.len();
    bed.put("control.w1", ControlRecord::new(Mode::Active).encode()).await;
    bed.announce_more(90..120).await;
    until("w1 takes keys again", || ledger.share("w1") == 30).await;
    assert!(ledger.lines(resumed).iter().all(|line| line.what == What::Start));
    ledger.check();
}

async fn a_node_that_leaves_hands_over_everything_and_leaves_nothing_behind(bed: Bed) {
    let ledger = Ledger::default();
    bed.announce(60).await;
    let [first, second] = workers(&bed, &ledger).await;
    until("all keys held", || ledger.held() == 60).await;
    let flushed = first.leave().await;
    assert_eq!((flushed.handed, flushed.freed), (30, 0));
    until("the other has them", || ledger.share("w1") == 60).await;
    let flushed = second.leave().await;
    assert_eq!((flushed.handed, flushed.freed), (0, 60));
    assert_eq!(ledger.held(), 0);
    assert_eq!(bed.consumers().await, 0, "consumers left on the server");
    let names = bed.names().await;
    assert!(!names.iter().any(|name| name.starts_with("member.")), "{names:?}");
    assert!(ledger.lines(0).iter().all(|line| line.what != What::Lost));
    ledger.check();
}

async fn a_node_that_is_cut_off_gives_up_in_time_and_comes_back(bed: Bed) {
    let ledger = Ledger::default();
    bed.announce(60).await;
    let [first, _second] = workers(&bed, &ledger).await;
    until("all keys held", || ledger.held() == 60).await;
    let session = first.divider.session();
    first.cable.cut();
    until("the other has them", || ledger.share("w1") == 60).await;
    let lost = ledger.lines(0).iter().filter(|line| line.what == What::Lost).count();
    assert_eq!(lost, 30);
    ledger.check();
    first.cable.mend();
    until("a new session", || first.divider.session() != session).await;
    until("it takes its share again", || ledger.share("w0") == 30 && ledger.held() == 60).await;
    ledger.check();
}

async fn a_node_whose_events_are_dropped_is_cancelled(bed: Bed) {
    let ledger = Ledger::default();
    bed.announce(20).await;
    let [first, _second] = workers(&bed, &ledger).await;
    until("all keys held", || ledger.held() == 20).await;
    let divider = first.abandon();
    assert_eq!(in_time(divider.ended()).await, Ended::Cancelled);
    until("the other has them", || ledger.share("w1") == 20).await;
    ledger.check();
}

async fn a_node_whose_thread_fails_loses_its_keys_in_time(bed: Bed) {
    let ledger = Ledger::default();
    bed.announce(20).await;
    let [first, _second] = workers(&bed, &ledger).await;
    until("all keys held", || ledger.held() == 20).await;
    let divider = first.divider.clone();
    first.cable.burn();
    assert_eq!(first.over().await, Ended::Failed);
    let lost = ledger.lines(0).iter().filter(|line| line.what == What::Lost).count();
    assert_eq!(lost, 10, "the application was told");
    assert_eq!(in_time(divider.flush()).await, Err(Ended::Failed));
    until("the other has them", || ledger.share("w1") == 20).await;
    ledger.check();
}

async fn a_start_that_is_given_up_leaves_nothing_behind(bed: Bed) {
    let cable = Cable::new(bed.store().await);
    cable.cut();
    let start = Divider::builder(cable.clone()).node("n").lease(LEASE).start();
    assert!(tokio::time::timeout(LEASE / 10, start).await.is_err(), "nobody answers");
    cable.mend();
    let (divider, _events) = in_time(
        Divider::builder(cable).node("n").lease(LEASE).join_policy(JoinPolicy::FailIfInUse).start(),
    )
    .await
    .expect("nobody else has the id");
    in_time(divider.cancel()).await;
    assert_eq!(bed.consumers().await, 0, "consumers left on the server");
}

async fn a_released_key_goes_to_another_node(bed: Bed) {
    let ledger = Ledger::default();
    bed.announce(1).await;
    let [first, second] = workers(&bed, &ledger).await;
    until("it is held", || ledger.held() == 1).await;
    let (holder, other) = if ledger.share("w0") == 1 { (first, second) } else { (second, first) };
    let held = holder.divider.assigned().pop().expect("it is held");
    ledger.leave("k0");
    let key = held.key().clone();
    assert_eq!(in_time(other.divider.release(&held)).await, Err(KeyError::NotHeld { key }));
    assert_eq!(in_time(holder.divider.release(&held)).await, Ok(()));
    until("the other has it", || ledger.share(&other.name) == 1).await;
    assert_eq!(ledger.len(), 2, "two starts and no stop");
    ledger.check();
}

async fn a_completed_key_exists_no_more(bed: Bed) {
    let ledger = Ledger::default();
    bed.announce(2).await;
    let [first] = workers(&bed, &ledger).await;
    until("they are held", || ledger.held() == 2).await;
    let held = first.divider.assigned();
    let held = held.iter().find(|held| held.key().as_str() == "k0").expect("it is held");
    ledger.leave("k0");
    assert_eq!(in_time(first.divider.complete(held)).await, Ok(()));
    let gone = async {
        while bed.names().await.iter().any(|name| *name == "key.k0" || *name == "claim.k0") {}
    };
    in_time(Box::pin(gone)).await;
    assert_eq!(ledger.len(), 2);
    assert_eq!(first.divider.assigned().len(), 1);
    ledger.check();
}

async fn a_retracted_key_stops(bed: Bed) {
    let ledger = Ledger::default();
    bed.announce(2).await;
    let [_first] = workers(&bed, &ledger).await;
    until("they are held", || ledger.held() == 2).await;
    bed.retract("k0").await;
    until("it stops", || ledger.held() == 1).await;
    ledger.check();
}

async fn keys_go_only_where_their_prefix_is_taken(bed: Bed) {
    let ledger = Ledger::default();
    for name in ["key.a/1", "key.a/2", "key.b/1", "key.b/2"] {
        bed.put(name, "").await;
    }
    let _a = Worker::with("a", bed.store().await, &ledger, |node| node.prefix("a/")).await;
    until("its own", || ledger.share("a") == 2).await;
    let _both =
        Worker::with("both", bed.store().await, &ledger, |node| node.prefix("a/").prefix("b/"))
            .await;
    until("all", || ledger.held() == 4 && ledger.share("both") == 2).await;
    assert!(ledger.shares()["a"].iter().all(|key| key.starts_with("a/")));
    ledger.check();
}

async fn changing_the_affinity_moves_nothing(bed: Bed) {
    let ledger = Ledger::default();
    bed.announce(40).await;
    let [first, second] = workers(&bed, &ledger).await;
    until("all keys held", || ledger.held() == 40).await;
    let before = ledger.len();
    let alters = (0..10).map(|_| second.divider.alter_affinity(10));
    for altered in in_time(futures_util::future::join_all(alters)).await {
        altered.expect("not over");
    }
    assert_eq!(second.divider.affinity(), 200);
    let affinity = in_time(second.divider.alter_affinity(i64::MIN)).await.expect("not over");
    assert_eq!((affinity.own, affinity.overridden), (0, None));
    bed.holds("member.w1", "\"affinity\":0").await;
    bed.announce_more(40..50).await;
    until("the new keys held", || ledger.held() == 50).await;
    assert_eq!((ledger.share("w0"), ledger.share("w1")), (30, 20));
    assert_eq!(ledger.len(), before + 10, "nothing that ran has moved");
    assert_eq!(in_time(first.divider.set_affinity(7)).await.expect("not over").own, 7);
    ledger.check();
}

async fn a_node_id_in_use_is_refused_by_name(bed: Bed) {
    let ledger = Ledger::default();
    let [first] = workers(&bed, &ledger).await;
    let again = |store| Divider::builder(store).node("w0").lease(LEASE);
    for builder in
        [again(bed.store().await), again(bed.store().await).join_policy(JoinPolicy::FailIfInUse)]
    {
        match in_time(builder.start()).await {
            Err(StartError::NodeIdInUse { session, .. }) => {
                assert_eq!(session, first.divider.session());
            }
            other => panic!("expected the id to be in use, found {other:?}"),
        }
    }
    first.leave().await;
    in_time(again(bed.store().await).join_policy(JoinPolicy::FailIfInUse).start())
        .await
        .expect("it is free now");
}

async fn a_node_that_is_taken_over_ends(bed: Bed) {
    let ledger = Ledger::default();
    let [first] = workers(&bed, &ledger).await;
    let second = Worker::with("w0", bed.store().await, &ledger, |builder| {
        builder.join_policy(JoinPolicy::TakeOver)
    })
    .await;
    let session = second.divider.session();
    assert_eq!(first.over().await, Ended::Replaced { session });
}

async fn an_application_that_does_not_read_loses_nothing(bed: Bed) {
    bed.announce(500).await;
    let (divider, mut events) = Divider::builder(bed.store().await)
        .node("slow")
        .lease(LEASE)
        .rebalance(Rebalance::Manual)
        .start()
        .await
        .expect("a member");
    let session = divider.session();
    // Much longer than a lease, without a look at the events.
    let begun = tokio::time::Instant::now();
    let claimed = async {
        let claims = |names: &std::collections::BTreeSet<String>| {
            names.iter().filter(|name| name.starts_with("claim.")).count()
        };
        while claims(&bed.names().await) < 500 || begun.elapsed() < LEASE * 4 {
            tokio::time::sleep(LEASE / 10).await;
        }
    };
    in_time(Box::pin(claimed)).await;
    for _ in 0..500 {
        let event = in_time(events.next()).await;
        assert!(matches!(event, Some(Event::Start(assignment)) if assignment.is_valid()));
    }
    assert_eq!(divider.session(), session, "the lease was kept");
}

#[tokio::test]
async fn a_group_that_does_not_exist_is_said_at_once() {
    let Bed::Memory(store) = Bed::memory() else { unreachable!() };
    store.delete_group();
    let started = Divider::builder(store).node("n").start();
    match in_time(started).await {
        Err(StartError::Store(StoreError::NoGroup { group })) => assert_eq!(group, "suite"),
        other => panic!("expected the missing group, found {other:?}"),
    }
}

async fn a_key_that_may_not_be_deleted_is_done_again_and_that_is_answered(bed: Bed) {
    let ledger = Ledger::default();
    bed.announce(1).await;
    let [first, second] = workers(&bed, &ledger).await;
    until("it runs", || ledger.held() == 1).await;
    let (owner, other) = if ledger.share("w0") == 1 { (first, second) } else { (second, first) };
    owner.cable.deny("key.");
    let assignment = owner.divider.assigned().pop().expect("it runs here");
    ledger.leave("k0");
    let error = in_time(owner.divider.complete(&assignment)).await.expect_err("no right to it");
    assert!(matches!(error, KeyError::NotDeleted { .. }), "{error}");
    until("the other does it", || ledger.share(&other.name) == 1).await;
    ledger.check();
}

async fn a_node_leaves_whatever_it_may_not_write(bed: Bed) {
    bed.announce(2).await;
    for (right, lost) in [("claim.", 2), ("member.", 2), ("key.", 0), ("stops.", 0)] {
        let ledger = Ledger::default();
        let name = format!("w-{}", right.trim_end_matches('.'));
        let worker = Worker::start(&name, bed.store().await, &ledger).await;
        until("it has both", || ledger.held() == 2).await;
        worker.cable.deny(right);
        assert_eq!(worker.leave().await.lost, lost, "{right}");
        ledger.check();
    }
}
