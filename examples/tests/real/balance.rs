//! Who gets how many.

use divider::group::Requester;
use divider_examples::journal::now_ns;
use divider_local_server::LocalServer;

use crate::play::Play;

#[tokio::test(flavor = "multi_thread")]
async fn seven_keys_on_three_nodes_are_three_two_and_two() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 7).await;
    play.start_many(3);
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    let mut counts: Vec<u64> = play.counts().into_values().collect();
    counts.sort_unstable();
    assert_eq!(counts, [2, 2, 3]);
    play.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_shared_by_affinity() {
    let check = async |affinities: [&str; 3], keys: u32| {
        let server = LocalServer::start().unwrap();
        let mut play = Play::begin(&server, keys).await;
        let nodes = ["w0", "w1", "w2"];
        for (node, affinity) in nodes.iter().zip(affinities) {
            play.start(node, &["--affinity", affinity]);
        }
        let number = |text: &str| text.parse().expect("a number");
        let expected: Vec<(&str, u32)> = nodes.into_iter().zip(affinities.map(number)).collect();
        play.wait_balanced(&expected).await;
        play.check();
    };
    check(["1", "2", "5"], 800).await;
    check(["0", "100", "100"], 100).await;
    check(["4294967295", "4294967295", "1"], 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_affinity_stops_nothing_and_counts_at_the_next_rebalance() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 300).await;
    play.start_many(3);
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 100)]).await;
    let changed_ns = now_ns();
    let why = Requester::new("test", "a bigger machine");
    play.group.set_affinity(&"w2".parse().unwrap(), Some(400), &why).await.unwrap();
    // What is announced after it goes by it, so it has been heard of when these have their holders.
    play.announce(300..320).await;
    play.wait_owned().await;
    let moves = play.check().moves(changed_ns, u64::MAX);
    assert_eq!(moves.starts, 20, "only the new keys");
    play.group.rebalance(&why).await.unwrap();
    play.wait_balanced(&[("w0", 100), ("w1", 100), ("w2", 400)]).await;
    play.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_takes_only_keys_under_its_prefixes() {
    let server = LocalServer::start().unwrap();
    let mut play = Play::begin(&server, 100).await;
    play.start("some", &["--prefix", "/real/1"]);
    play.start("all", &[]);
    play.wait_owned().await;
    let history = play.check();
    for (key, node) in history.owners(now_ns()) {
        assert!(node == "all" || key.starts_with("/real/1"), "{node} holds {key}");
    }
}
