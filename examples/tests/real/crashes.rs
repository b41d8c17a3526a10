//! Worker processes are killed and frozen.

use std::time::Duration;

use divider_examples::journal::{What, now_ns};
use divider_local_server::LocalServer;
use tokio::time::sleep;

use crate::play::{LEASE, Play};

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_a_killed_node_are_taken_over_and_no_others_move() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 300).await;
    play.start_many(3);
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    let killed_ns = now_ns();
    play.workers[1].kill();
    let after = play.wait_owned().await;
    eprintln!("taken over {after:?} after the kill");
    let moves = play.check().moves(killed_ns, u64::MAX);
    assert_eq!((moves.keys, moves.starts), (100, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_killed_together_cost_one_lease() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 300).await;
    play.start_many(6);
    play.wait_owned().await;
    for worker in 0..4 {
        play.workers[worker].kill();
    }
    let after = play.wait_balanced(&[("w4", 100), ("w5", 100)]).await;
    eprintln!("taken over {after:?} after the kill");
    play.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_that_comes_back_under_its_name_takes_its_share_again() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 300).await;
    play.start_many(3);
    play.wait_owned().await;
    play.workers[1].kill();
    play.start("w1", &[]);
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    play.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_frozen_for_three_leases_wakes_knowing_that_it_is_over() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 300).await;
    play.start_many(3);
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    play.workers[1].freeze();
    play.wait_owned().await;
    // Three leases from its freeze on, during which others hold its keys.
    sleep(3 * LEASE).await;
    let woken_ns = now_ns();
    play.workers[1].thaw();
    play.wait_line(1, What::Fenced, woken_ns).await;
    // It comes back as a new session and gets its share again.
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    let history = play.check();
    assert_eq!(history.woke_after_ns().len(), 1);
    let woke_after = Duration::from_nanos(history.woke_after_ns()[0]);
    eprintln!("its first line came {woke_after:?} after it was woken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_node_with_stops_under_way_wakes_knowing_that_it_is_over() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 200).await;
    play.start("w0", &["--stop-delay", "1s"]);
    play.wait_owned().await;
    let joins_ns = now_ns();
    play.start("w1", &[]);
    // It is told to stop half of its keys, and frozen while it does.
    play.wait_line(0, What::Stop, joins_ns).await;
    play.workers[0].freeze();
    play.wait_balanced(&[("w1", 100)]).await;
    sleep(LEASE).await;
    play.workers[0].thaw();
    play.wait_balanced(&[("w0", 100), ("w1", 100)]).await;
    play.check();
}
