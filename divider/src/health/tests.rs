//! What a node on a store in memory says about its health.

use std::time::Duration;

use super::{Health, HealthWatch, Mode, NotReady};
use crate::group::{DrainOptions, Requester};
use crate::store::MemoryStore;
use crate::{Divider, Ended, Events, Group, GroupName};

const LEASE: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_hours(1);

async fn node() -> (MemoryStore, Divider, Events) {
    let store = MemoryStore::new(GroupName::new("g").expect("legal"));
    let started = Divider::builder(store.clone()).node("n1").lease(LEASE).start().await;
    let (divider, events) = started.expect("it starts");
    (store, divider, events)
}

/// Waits for a change after which this holds. At each change, the node agrees with its probes.
async fn until(divider: &Divider, watch: &mut HealthWatch, wanted: impl Fn(&Health) -> bool) {
    let found = async {
        loop {
            let health = watch.next().await.expect("the node is not over");
            assert_eq!(health.ready, divider.is_ready(), "{health:?}");
            assert_eq!(health.ready, health.not_ready.is_none());
            assert_eq!(health.lease_remaining, divider.lease_remaining());
            if wanted(&health) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("it happens");
}

#[tokio::test(start_paused = true)]
async fn a_member_is_ready_and_gets_keys() {
    let (_store, divider, _events) = node().await;
    let health = divider.health();
    assert!(health.live && health.ready, "{health:?}");
    assert_eq!((health.not_ready, health.no_new_keys, health.requested), (None, None, None));
    assert_eq!((health.connected, health.session), (Some(true), divider.session()));
    assert!(health.lease_remaining > LEASE / 2);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_seen_and_its_end_too() {
    let (store, divider, _events) = node().await;
    let mut watch = divider.watch_health();
    until(&divider, &mut watch, |health| health.ready).await;
    store.freeze();
    until(&divider, &mut watch, |health| health.connected == Some(false)).await;
    assert!(divider.is_ready(), "the lease goes on");
    let is = |why: NotReady| move |health: &Health| health.not_ready == Some(why.clone());
    let away = |health: &Health| {
        assert!(health.live, "an outage is no reason for a restart");
        matches!(health.not_ready, Some(NotReady::LeaseEnding | NotReady::Fenced))
    };
    until(&divider, &mut watch, away).await;
    tokio::time::sleep(LEASE).await;
    until(&divider, &mut watch, is(NotReady::Fenced)).await;
    store.thaw();
    until(&divider, &mut watch, |health| health.ready && health.connected == Some(true)).await;
}

#[tokio::test(start_paused = true)]
async fn what_operators_want_of_a_node_is_shown_and_leaves_it_ready() {
    let (store, divider, _events) = node().await;
    let (operator, mut watch) = (Group::open(store), divider.watch_health());
    let (node, ana) = (divider.node().clone(), Requester::new("ana@ops", "kernel 6.8"));
    operator.cordon(&node, &ana).await.expect("written");
    let cordoned = NotReady::Cordoned { by: "ana@ops".to_owned() };
    until(&divider, &mut watch, |health| health.no_new_keys.as_ref() == Some(&cordoned)).await;
    let requested = divider.health().requested.expect("a request");
    assert_eq!((requested.mode, requested.affinity), (Mode::Cordon, None));
    assert_eq!((requested.by.as_str(), requested.reason.as_str()), ("ana@ops", "kernel 6.8"));
    operator.drain(std::slice::from_ref(&node), &DrainOptions::new()).await.expect("written");
    let drained = |health: &Health| matches!(health.no_new_keys, Some(NotReady::Drained { .. }));
    until(&divider, &mut watch, drained).await;
    let after = crate::group::AfterResume::MoveNothing;
    operator.resume(&node, after, &ana).await.expect("written");
    until(&divider, &mut watch, |health| health.no_new_keys.is_none()).await;
    operator.set_affinity(&node, Some(0), &ana).await.expect("written");
    let no_affinity = |health: &Health| health.no_new_keys == Some(NotReady::NoAffinity);
    until(&divider, &mut watch, no_affinity).await;
    assert!(divider.health().ready);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_reads_the_log_again_goes_on_and_gets_no_new_keys_meanwhile() {
    let (store, divider, _events) = node().await;
    let mut watch = divider.watch_health();
    until(&divider, &mut watch, |health| health.no_new_keys.is_none()).await;
    store.break_watches();
    // It cannot read meanwhile.
    store.freeze();
    let reads = |health: &Health| health.no_new_keys == Some(NotReady::ViewIncomplete);
    until(&divider, &mut watch, reads).await;
    assert!(divider.health().ready);
    store.thaw();
    until(&divider, &mut watch, |health| health.no_new_keys.is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_with_the_node() {
    let (_store, divider, _events) = node().await;
    let mut watch = divider.watch_health();
    divider.flush().await.expect("nothing to hand over");
    until(&divider, &mut watch, |health| health.not_ready == Some(NotReady::Leaving)).await;
    divider.cancel().await;
    let over = |health: &Health| health.not_ready == Some(NotReady::Over(Ended::Cancelled));
    until(&divider, &mut watch, over).await;
    assert!(!divider.health().live);
    assert_eq!(watch.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_no_member_yet_is_joining() {
    let (played, divider, _events) = crate::engine::played::Played::new();
    assert_eq!(divider.health().not_ready, Some(NotReady::Joining));
    played.join();
    assert_eq!(divider.health().not_ready, None);
    assert_eq!(divider.health().connected, None, "it has no store");
}

#[test]
fn reasons_are_sentences() {
    let check = |why: NotReady, want: &str| assert_eq!(why.to_string(), want);
    check(NotReady::Fenced, "the lease ended and all keys were lost; the node is joining again");
    check(NotReady::Drained { by: String::new() }, "drained by an operator");
    check(NotReady::Cordoned { by: "ana@ops".to_owned() }, "cordoned by ana@ops");
    check(NotReady::Over(Ended::Cancelled), "the node is over: the node was cancelled");
}
