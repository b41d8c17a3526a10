//! Nodes come and go in peace.

use divider::group::{AfterResume, DrainOptions, Requester};
use divider_examples::journal::{What, now_ns};
use divider_local_server::LocalServer;

use crate::play::{PATIENCE, Play};

#[tokio::test(flavor = "multi_thread")]
async fn ten_nodes_that_start_at_once_settle_once() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 500).await;
    play.start_many(10);
    let nodes: Vec<String> = (0..10).map(|n| format!("w{n}")).collect();
    let nodes: Vec<(&str, u32)> = nodes.iter().map(|node| (node.as_str(), 100)).collect();
    play.wait_balanced(&nodes).await;
    let moves = play.check().moves(0, u64::MAX);
    assert_eq!((moves.starts, moves.more_than_once), (500, 0), "each key is started once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joining_node_takes_only_its_share() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 301).await;
    play.start_many(3);
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    let joins_ns = now_ns();
    play.start("w3", &[]);
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100), ("w3", 100)]).await;
    let moves = play.check().moves(joins_ns, u64::MAX);
    assert_eq!((moves.keys, moves.starts, moves.more_than_once), (75, 75, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaving_node_hands_over_everything_and_exits_with_0() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 300).await;
    play.start_many(3);
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    let leaves_ns = now_ns();
    play.workers[1].terminate();
    let status = play.workers[1].wait(PATIENCE).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", play.workers[1].log());
    play.wait_balanced(&[("w0", 100), ("w2", 100)]).await;
    let last: Vec<What> = play.runs()[1].entries.iter().rev().take(2).map(|it| it.event).collect();
    assert_eq!(last, [What::Left, What::Drained]);
    let moves = play.check().moves(leaves_ns, u64::MAX);
    assert_eq!((moves.keys, moves.starts), (100, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_leave_and_join_at_once_settle() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 300).await;
    play.start_many(4);
    play.wait_owned().await;
    play.workers[0].terminate();
    play.workers[1].terminate();
    play.start("x0", &[]);
    play.start("x1", &[]);
    for leaver in 0..2 {
        assert_eq!(play.workers[leaver].wait(PATIENCE).expect("it ends").code(), Some(0));
    }
    play.wait_balanced(&[("w2", 100), ("w3", 100), ("x0", 100), ("x1", 100)]).await;
    play.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_node_hands_over_everything_and_stays() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 300).await;
    play.start_many(3);
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    let drained_ns = now_ns();
    let (node, why) = ("w1".parse().unwrap(), Requester::new("test", "a new kernel"));
    play.group.drain(&[node], &DrainOptions::new()).await.unwrap();
    play.wait_balanced(&[("w0", 100), ("w2", 100)]).await;
    let moves = play.check().moves(drained_ns, u64::MAX);
    assert_eq!((moves.keys, moves.starts), (100, 100), "its keys and no others");
    // What is announced now goes by the drain too.
    play.announce(300..320).await;
    play.wait_owned().await;
    assert_eq!(play.counts().get("w1"), None);
    let resumed_ns = now_ns();
    play.group.resume(&"w1".parse().unwrap(), AfterResume::Rebalance, &why).await.unwrap();
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    assert_eq!(play.check().moves(resumed_ns, u64::MAX).more_than_once, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_worker_at_once() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 20).await;
    play.start("w0", &["--stop-delay", "10m"]);
    play.wait_owned().await;
    let first_ns = now_ns();
    play.workers[0].terminate();
    play.wait_line(0, What::Stop, first_ns).await;
    assert!(play.workers[0].is_running(), "it waits for its work to stop");
    play.workers[0].terminate();
    let status = play.workers[0].wait(PATIENCE).expect("it ends");
    assert_eq!(status.code(), Some(1));
    play.start("w1", &[]);
    play.wait_balanced(&[("w1", 100)]).await;
    play.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_node_leaves_everything_free_for_the_next() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 50).await;
    play.start_many(1);
    play.wait_owned().await;
    play.workers[0].terminate();
    assert_eq!(play.workers[0].wait(PATIENCE).expect("it ends").code(), Some(0));
    play.start("next", &[]);
    play.wait_balanced(&[("next", 100)]).await;
    play.check();
}
