//! One day of an operator.

use crate::bed::{Bed, answered, words};

/// The owners in the answer of `keys`, one a key.
fn owners(answer: &str) -> Vec<&str> {
    answer.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_made_looked_at_drained_and_resumed() {
    let bed = Bed::start();
    assert_eq!(bed.answer(&["init"]).await, "group/orders created\n");
    assert_eq!(bed.answer(&["init"]).await, "group/orders already exists\n");

    bed.announce(10).await;
    let first = bed.node("w1").await;
    let second = bed.node("w2").await;
    bed.settled(2, 10).await;
    assert_eq!(bed.answer(&["nodes"]).await.lines().count(), 3);
    assert_eq!(bed.answer(&["nodes", "-o", "name"]).await, "node/w1\nnode/w2\n");
    assert_eq!(owners(&bed.answer(&["keys", "/orders/7"]).await).len(), 1);
    assert_eq!(bed.answer(&["keys", "/orders/*", "--count"]).await, "10\n");
    let card = bed.answer(&["key", "/orders/7"]).await;
    assert!(card.contains("phase     running") && card.contains("MAY TAKE IT"), "{card}");

    let drained = bed.answer(&["drain", "w1", "-m", "kernel", "--deadline", "1m", "--yes"]).await;
    assert!(drained.starts_with("node/w1 draining\nnode/w1 drained (5 keys, "), "{drained}");
    assert_eq!(owners(&bed.answer(&["keys", "--node", "w2"]).await).len(), 10);
    let wide = bed.answer(&["nodes", "w1", "-o", "wide"]).await;
    assert!(wide.contains("drain by ana: kernel"), "{wide}");
    assert_eq!(bed.answer(&["resume", "w1"]).await, "node/w1 active\n");
    assert_eq!(bed.answer(&["uncordon", "w1"]).await, "node/w1 already active\n");
    bed.answer(&["rebalance", "--yes", "-m", "after the kernel"]).await;
    bed.settled(2, 10).await;

    // Nobody is left to take the keys of both.
    let left = ["drain", "w1", "w2", "--deadline", "1s", "--yes", "--partial"];
    let said = bed.run(&left).await;
    assert_eq!(said.status.code(), Some(3), "{}", words(&said));
    assert!(!answered(&said).contains("w2 drained"), "{}", answered(&said));
    assert!(words(&said).contains("no other node may take it"), "{}", words(&said));
    first.cancel().await;
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_said_once_and_found_again() {
    let bed = Bed::with_group().await;
    let node = bed.node("w1").await;
    bed.until(&["nodes"], |answer| answer["summary"]["nodes"] == 1).await;
    let check = async |args: &[&str], expected: &str| {
        assert_eq!(bed.answer(args).await, expected, "{args:?}");
    };
    check(&["cordon", "w1", "--dry-run"], "node/w1 would be cordoned\n").await;
    check(&["cordon", "w1", "-m", "disk"], "node/w1 cordoned\n").await;
    check(&["cordon", "w1"], "node/w1 already cordoned\n").await;
    check(&["resume", "w1"], "node/w1 active\n").await;
    check(&["affinity", "w1", "250"], "node/w1 at affinity 250\n").await;
    check(&["affinity", "w1", "250"], "node/w1 already at affinity 250\n").await;
    check(&["affinity", "w1", "--clear"], "node/w1 at its own affinity\n").await;
    check(&["freeze", "--for", "1h", "-m", "busy day"], "group/orders frozen\n").await;
    let status = bed.json(&["status"]).await;
    let codes: Vec<_> = status["conditions"].as_array().expect("a list").iter().collect();
    assert!(codes.iter().any(|condition| condition["code"] == "frozen"), "{status}");
    check(&["thaw"], "group/orders thawed\n").await;
    check(&["thaw"], "group/orders already thawed\n").await;
    check(&["rebalance", "--dry-run", "--no-headers"], "").await;
    node.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_groups_are_listed_and_one_has_to_be_named() {
    let bed = Bed::with_group().await;
    let alone = |args: &[&str]| {
        let mut command = bed.command(args);
        command.env_remove("DIVIDER_GROUP");
        command
    };
    let only = crate::bed::finish(alone(&["keys", "--count"])).await;
    assert_eq!(answered(&only), "0\n", "{}", words(&only));
    bed.make("chat").await;
    let several = crate::bed::finish(alone(&["keys", "--count"])).await;
    assert_eq!(several.status.code(), Some(2));
    assert!(words(&several).contains("chat, orders"), "{}", words(&several));
    let groups = crate::bed::finish(alone(&["groups", "-o", "name"])).await;
    assert_eq!(answered(&groups), "group/chat\ngroup/orders\n");
}
