//! The server goes away, or stands still.

use divider::store::nats::StreamOptions;
use divider_examples::journal::now_ns;
use divider_local_server::LocalServer;
use tokio::time::sleep;

use crate::play::{LEASE, Play};

/// Three nodes with their keys on a server, to which something happens; afterwards every key has a
/// holder again.
async fn check(lease: &str, happens: impl AsyncFn(&mut LocalServer, &mut Play)) {
    let mut server = LocalServer::start().expect("a server can be started");
    let args = ["--lease", lease];
    let mut play = Play::begin_at(&server.url(), StreamOptions::default(), 300, &args).await;
    play.start_many(3);
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    let before_ns = now_ns();
    happens(&mut server, &mut play).await;
    let after = play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    let history = play.check();
    let (before, now) = (history.owners(before_ns), history.owners(now_ns()));
    let moved = now.iter().filter(|(key, node)| before.get(*key) != Some(*node)).count();
    eprintln!("whole {after:?} after the outage, with {moved} keys on another node than before");
    // It works as before.
    play.announce(300..310).await;
    play.wait_owned().await;
    play.check();
}

/// A server that is ended like this comes back at once, and nothing moves.
async fn check_ended(end: impl Fn(&mut LocalServer)) {
    // On a busy machine a server takes seconds to come back.
    check("20s", async |server, play| {
        let begun_ns = now_ns();
        end(server);
        server.restart().expect("a server can be started");
        play.wait_owned().await;
        let moves = play.check().moves(begun_ns, u64::MAX);
        assert_eq!(moves.keys, 0, "{moves:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_restarted_at_once_moves_nothing() {
    check_ended(LocalServer::stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_and_comes_back_at_once_moves_nothing() {
    check_ended(LocalServer::kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_frozen_for_two_leases_pauses_the_work() {
    check("2s", async |server, _| {
        server.freeze();
        sleep(2 * LEASE).await;
        server.thaw();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_for_two_leases_pauses_the_work() {
    check("2s", async |server, _| {
        server.kill();
        sleep(2 * LEASE).await;
        server.restart().unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_holds_anything_while_the_server_is_away_for_longer_than_a_lease() {
    let mut server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 50).await;
    play.start_many(2);
    play.wait_owned().await;
    server.kill();
    sleep(2 * LEASE).await;
    let at_ns = now_ns();
    let history = play.check();
    assert!(history.owners(at_ns).is_empty(), "{:?}", history.counts(at_ns));
    server.restart().unwrap();
    play.wait_balanced(&[("w0", 100), ("w1", 100)]).await;
    play.check();
}
