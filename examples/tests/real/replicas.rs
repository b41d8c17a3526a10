//! Three servers, and a stream on all of them.

use std::time::Duration;

use divider::store::nats::StreamOptions;
use divider_examples::journal::now_ns;
use divider_local_server::{Cluster, LocalServer};

use crate::play::{GROUP, PATIENCE, Play};

/// Nodes with the default lease of three replicas, which rides over an election.
async fn check(hurt: impl Fn(&mut LocalServer), heal: impl Fn(&mut LocalServer)) {
    let mut cluster = Cluster::start().expect("three servers can be started");
    let stream = StreamOptions::default().replicas(3);
    let mut play = Play::begin_at(&cluster.url(), stream, 100, &[]).await;
    play.start_many(3);
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    let begun_ns = now_ns();
    let stream = format!("KV_divider_{GROUP}");
    let leader = cluster.leader(&stream, PATIENCE).expect("there is one in time");
    hurt(&mut cluster.servers_mut()[leader]);
    cluster.leader(&stream, PATIENCE).expect("there is one in time");
    play.announce(100..110).await;
    play.wait_owned().await;
    let waited = Duration::from_nanos(now_ns() - begun_ns);
    eprintln!("new keys have holders {waited:?} after the leader was lost");
    heal(&mut cluster.servers_mut()[leader]);
    play.announce(110..120).await;
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    let moves = play.check().moves(begun_ns, u64::MAX);
    assert_eq!(moves.starts, 20, "only the new keys: {moves:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_loses_its_leader_to_a_crash_keeps_everything_running() {
    check(LocalServer::kill, |server| server.restart().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_leader_stops_keeps_everything_running() {
    check(LocalServer::stop, |server| server.restart().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_leader_freezes_keeps_everything_running() {
    check(LocalServer::freeze, LocalServer::thaw).await;
}
