//! `divider move`: one key to a named node.

use serde_json::Value;

use crate::bed::Bed;

/// The node that runs the key.
async fn owner(bed: &Bed, key: &str) -> String {
    let card = bed.json(&["key", key]).await;
    card["key"]["owner"].as_str().expect("it has an owner").to_owned()
}

fn other(node: &str) -> &'static str {
    if node == "w1" { "w2" } else { "w1" }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_moves_to_the_named_node_and_leaves_no_request() {
    let bed = Bed::with_group().await;
    bed.announce(4).await;
    let nodes = [bed.node("w1").await, bed.node("w2").await];
    bed.settled(2, 4).await;
    let from = owner(&bed, "/orders/0").await;
    let to = other(&from);
    let moved = bed.answer(&["move", "/orders/0", to, "-m", "hot shard"]).await;
    assert_eq!(moved, format!("/orders/0 moved to {to}\n"));
    bed.until(&["keys"], |answer| {
        let rows = answer["keys"].as_array().expect("a list");
        rows.iter().any(|row| row["key"] == "/orders/0" && row["owner"] == to)
            && answer["summary"]["running"] == 4
    })
    .await;

    let again = bed.answer(&["move", "/orders/0", to]).await;
    assert_eq!(again, format!("/orders/0 already on {to}\n"));
    let node = bed.json(&["node", &from]).await;
    assert_eq!(node["nodes"][0]["node"], from.as_str());
    assert_eq!(
        node["nodes"][0].get("intent"),
        Some(&Value::Null),
        "nothing is asked of it: {node}"
    );
    for node in nodes {
        node.cancel().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_cannot_be_is_refused_before_anything_stops() {
    let bed = Bed::with_group().await;
    bed.announce(2).await;
    let nodes = [bed.node("w1").await, bed.node("w2").await];
    bed.settled(2, 2).await;
    let from = owner(&bed, "/orders/0").await;
    let to = other(&from);
    let none = bed.refusal(5, &["move", "/orders/9", to]).await;
    assert!(none.contains("no such key: /orders/9"), "{none}");
    let none = bed.refusal(5, &["move", "/orders/0", "w3"]).await;
    assert!(none.contains("no such node: w3"), "{none}");
    bed.answer(&["cordon", to]).await;
    let refused = bed.refusal(4, &["move", "/orders/0", to]).await;
    let expected = format!("{to} may not take /orders/0: it is cordoned; nothing changed");
    assert!(refused.contains(&expected), "{refused}");
    for node in nodes {
        node.cancel().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_whose_stop_is_not_confirmed_is_withdrawn_at_its_deadline() {
    let bed = Bed::with_group().await;
    bed.announce(1).await;
    let first = bed.stubborn("w1").await;
    bed.settled(1, 1).await;
    let second = bed.node("w2").await;
    bed.until(&["nodes"], |answer| answer["nodes"].as_array().expect("a list").len() == 2).await;
    // Where the join moves the only key, it asks the first node to stop it, which never confirms.
    let left = bed.refusal(3, &["move", "/orders/0", "w2", "--deadline", "1s"]).await;
    assert!(left.contains("w1 did not hand over /orders/0 within 1.0s"), "{left}");
    assert!(left.contains("the request is withdrawn"), "{left}");
    assert_eq!(owner(&bed, "/orders/0").await, "w1");
    first.cancel().await;
    second.cancel().await;
}
