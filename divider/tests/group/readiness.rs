//! What a readiness probe is told while a real server is away.

use std::sync::Arc;
use std::time::Duration;

use divider::store::nats::StreamOptions;
use divider::{Divider, Group, Key, NatsStore};
use divider_local_server::LocalServer;

use crate::bed::{in_time, until};
use crate::ledger::Ledger;
use crate::worker::{LEASE, Worker};

/// What the node says of itself, such that neither reading may contradict the other.
fn look(divider: &Divider) -> bool {
    let before = divider.lease_remaining();
    let ready = divider.is_ready();
    let after = divider.lease_remaining();
    if ready {
        // The lease may be renewed between the readings; then both are of a member.
        assert!(before.max(after) > LEASE / 6, "ready, with {before:?} and {after:?} left");
    }
    ready
}

#[tokio::test]
async fn a_node_whose_server_is_away_is_ready_for_as_long_as_it_works() {
    let mut server = LocalServer::start().expect("a nats-server");
    let options = NatsStore::options().create_if_missing(StreamOptions::default());
    let store = Box::pin(options.connect(server.url(), "suite".parse().expect("legal")));
    let store = Arc::new(in_time(store).await.expect("a group"));
    let ledger = Ledger::default();
    let worker = Worker::start("w0", store.clone(), &ledger).await;
    let divider = &worker.divider;
    assert!(divider.is_ready(), "also without keys");
    Group::open(store).announce(&Key::new("k").expect("legal")).await.expect("announced");
    until("it runs", || ledger.held() == 1).await;

    server.stop();
    until("the keys are lost", || !look(divider)).await;
    // From the server's end to that of the lease, and after it.
    until("the lease is over", || {
        assert!(!look(divider), "nobody renews it");
        divider.lease_remaining() == Duration::ZERO
    })
    .await;
    until("the key was taken", || ledger.held() == 0).await;

    server.restart().expect("the server comes back");
    until("it is a member again", || look(divider)).await;
    until("the key runs again", || ledger.held() == 1).await;
    assert!(divider.lease_remaining() > Duration::ZERO);
    worker.leave().await;
}
