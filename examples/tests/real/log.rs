//! The log itself is lost, wholly or in part.

use divider::store::nats::StreamOptions;
use divider_examples::history::Broken;
use divider_examples::journal::{What, now_ns};
use divider_local_server::LocalServer;

use crate::play::{GROUP, LEASE, PATIENCE, Play, open};

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_group_stops_all_work_until_it_is_made_again() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 100).await;
    play.start_many(3);
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    let deleted_ns = now_ns();
    let client = async_nats::connect(server.url()).await.unwrap();
    let subject = format!("$JS.API.STREAM.DELETE.KV_divider_{GROUP}");
    client.request(subject, "".into()).await.unwrap();
    for worker in 0..3 {
        play.wait_line(worker, What::Fenced, deleted_ns).await;
    }
    // Nobody but the operator makes it again.
    play.group = open(&server.url(), StreamOptions::default()).await;
    play.announce_again().await;
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    play.check();
}

/// A restored backup or a rolled back volume: the newest claims are gone, and older ones are back,
/// that name nodes which gave the keys away since. For a while two may hold a key; that has to end
/// by itself, and the tokens have to tell the two apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_falls_back_to_an_older_copy_is_noticed() {
    let mut server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 200).await;
    play.start_many(2);
    play.wait_balanced(&[("w0", 100), ("w1", 100)]).await;
    server.stop();
    let copy = server.copy_store().unwrap();
    server.restart().unwrap();
    play.wait_balanced(&[("w0", 100), ("w1", 100)]).await;
    // Half of the claims change after the copy was made.
    play.start("w2", &[]);
    play.start("w3", &[]);
    let all = [("w0", 100), ("w1", 100), ("w2", 100), ("w3", 100)];
    play.wait_balanced(&all).await;
    server.kill();
    server.roll_back_store(&copy).unwrap();
    let back_ns = now_ns();
    server.restart().unwrap();
    play.wait_balanced(&all).await;
    let bound = 2 * LEASE + PATIENCE;
    for broken in play.history().broken() {
        let Broken::Overlap { first, second, for_ns } = broken else { panic!("{broken}") };
        eprintln!("{broken}");
        assert!(second.from_ns > back_ns && first.token < second.token, "{broken}");
        assert!(u128::from(*for_ns) < bound.as_nanos(), "{broken}");
    }
}
