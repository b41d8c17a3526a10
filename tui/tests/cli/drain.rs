//! Draining: what was planned is what happens, and what is said is true.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command};

use serde_json::Value;

use crate::bed::{Bed, answered, wait, words};

/// The owner of each key.
async fn owners(bed: &Bed) -> BTreeMap<String, Value> {
    let keys = bed.json(&["keys", "--limit", "0"]).await;
    let keys = keys["keys"].as_array().expect("a list").iter();
    keys.map(|key| (key["key"].as_str().expect("a text").to_owned(), key["owner"].clone()))
        .collect()
}

/// Reads what it answers up to a line.
fn read_to(child: &mut Child, expected: &str) {
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let found = lines.map_while(Result::ok).any(|line| line == expected);
    assert!(found, "it ended without: {expected}");
}

fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(status.expect("kill can be run").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_is_where_the_plan_said() {
    let bed = Bed::with_group().await;
    bed.announce(60).await;
    let mut nodes = Vec::new();
    for id in ["w1", "w2", "w3", "w4"] {
        nodes.push(bed.node(id).await);
    }
    bed.settled(4, 60).await;
    let before = owners(&bed).await;
    let plan = bed.json(&["drain", "w1", "w2", "--dry-run"]).await;
    assert_eq!(owners(&bed).await, before, "a preview changes nothing");
    assert_eq!((&plan["moves"], &plan["blocked"]), (&Value::from(30), &Value::from(0)));

    let done = bed.json(&["drain", "w1", "w2", "--yes", "--parallel", "3"]).await;
    assert_eq!(done["outcome"], "drained", "{done}");
    let planned = plan["keys"].as_array().expect("a list").iter();
    let planned = planned.map(|key| (key["key"].as_str().expect("a text"), &key["to"]));
    let mut expected = before;
    for (key, to) in planned {
        expected.insert(key.to_owned(), to.clone());
    }
    assert_eq!(owners(&bed).await, expected);
    for node in nodes {
        node.cancel().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_is_never_confirmed_fails_the_drain_and_is_listed() {
    let bed = Bed::with_group().await;
    bed.announce(4).await;
    let (first, second) = (bed.stubborn("w1").await, bed.node("w2").await);
    bed.settled(2, 4).await;
    let stuck: Vec<_> = owners(&bed).await.into_iter().filter(|(_, owner)| owner == "w1").collect();
    let output = bed.run(&["drain", "w1", "--yes", "--deadline", "2s"]).await;
    assert_eq!(output.status.code(), Some(3), "{}", words(&output));
    assert_eq!(answered(&output), "node/w1 draining\n");
    let said = words(&output);
    for (key, _) in &stuck {
        assert!(said.contains(&format!("  {key}  stop not confirmed for ")), "{said}");
    }
    assert!(said.contains("deadline passed with 2 keys left on w1"), "{said}");
    let moves = bed.json(&["moves"]).await;
    let steps: Vec<_> = moves["moves"].as_array().expect("a list").iter().collect();
    assert!(steps.iter().all(|step| step["step"] == "stopping" && step["age_ms"].is_u64()));
    assert_eq!(steps.len(), 2, "{moves}");
    let card = bed.answer(&["key", &stuck[0].0]).await;
    assert!(card.contains("the stop is not confirmed"), "{card}");

    let output = bed.run(&["drain", "w1", "--monitor", "-j"]).await;
    assert_eq!(output.status.code(), Some(3), "{}", words(&output));
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["outcome"], "left");
    let left = document["left"].as_array().expect("a list");
    assert!(left.iter().all(|key| key["why"] == "not_confirmed"), "{document}");
    assert_eq!(left.len(), 2, "{document}");
    first.cancel().await;
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_freed_at_the_deadline_are_not_drained() {
    let bed = Bed::with_group().await;
    bed.announce(20).await;
    let only = bed.node("w1").await;
    bed.settled(1, 20).await;
    let free = ["drain", "w1", "--yes", "--on-deadline", "free", "--deadline", "2s"];
    let output = bed.run(&free).await;
    assert_eq!(output.status.code(), Some(8), "{}", words(&output));
    assert!(answered(&output).contains("node/w1 emptied (20 keys, "), "{}", answered(&output));
    let said = words(&output);
    assert!(said.contains("node/w1: 20 keys freed at the deadline without an owner"), "{said}");
    let nodes = bed.json(&["nodes"]).await;
    assert_eq!(nodes["nodes"][0]["state"], "emptied", "{nodes}");
    assert_eq!(nodes["summary"]["orphaned"], 20, "{nodes}");

    let output = bed.run(&["drain", "w1", "--monitor", "-j"]).await;
    assert_eq!(output.status.code(), Some(8), "{}", words(&output));
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    crate::json::check(&document);
    assert_eq!(document["outcome"], "emptied", "{document}");
    let node = &document["nodes"][0];
    assert_eq!((&node["keys"], &node["took_ms"]), (&Value::Null, &Value::Null), "{document}");
    assert_eq!(node["unseen"], true, "whose they were was not seen: {document}");

    // With an owner for each, it is drained.
    let second = bed.node("w2").await;
    bed.until(&["nodes", "w1"], |answer| answer["nodes"][0]["state"] == "drained").await;
    let done = bed.answer(&["drain", "w1", "--monitor"]).await;
    assert_eq!(done, "node/w1 drained (before this command started)\n");
    only.cancel().await;
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_outlasts_its_stop_keeps_its_node_from_being_drained() {
    let bed = Bed::with_group().await;
    bed.announce(4).await;
    let (first, end) = bed.overrunning("w1").await;
    let second = bed.node("w2").await;
    bed.settled(2, 4).await;
    let output = bed.run(&["drain", "w1", "--yes", "--deadline", "4s", "-j"]).await;
    assert_eq!(output.status.code(), Some(3), "{}", words(&output));
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    crate::json::check(&document);
    let left = document["left"].as_array().expect("a list");
    assert_eq!(left.len(), 2, "{document}");
    assert!(left.iter().all(|key| key["why"] == "runs_on"), "{document}");
    let owners = owners(&bed).await;
    assert!(owners.values().all(|owner| owner == "w2"), "they were given away: {owners:?}");
    let nodes = bed.json(&["nodes", "w1"]).await;
    crate::json::check(&nodes);
    let node = &nodes["nodes"][0];
    assert_eq!((&node["state"], &node["unconfirmed"]["given"]), (&"draining".into(), &2.into()));

    end.send(()).expect("it runs");
    bed.until(&["nodes", "w1"], |answer| answer["nodes"][0]["state"] == "drained").await;
    let done = bed.answer(&["drain", "w1", "--monitor"]).await;
    assert_eq!(done, "node/w1 drained (before this command started)\n");
    first.cancel().await;
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_over_in_its_drain_is_not_drained() {
    let bed = Bed::with_group().await;
    bed.announce(4).await;
    let (first, second) = (bed.stubborn("w1").await, bed.node("w2").await);
    bed.settled(2, 4).await;
    let mut child = bed.spawn(&["drain", "w1", "--yes"]);
    read_to(&mut child, "node/w1 draining");
    bed.until(&["moves"], |answer| answer["moves"][0]["step"] == "stopping").await;
    first.cancel().await;
    let output = wait(child).await;
    assert_eq!(output.status.code(), Some(8), "{}", words(&output));
    let said = words(&output);
    assert!(said.contains("node/w1: 2 keys taken over when its session ended"), "{said}");
    let output = bed.run(&["drain", "w1", "--monitor"]).await;
    assert_eq!(output.status.code(), Some(8), "it was not seen: {}", words(&output));
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_drains_at_once_one_is_refused_or_says_why_nothing_moves() {
    let bed = Bed::with_group().await;
    bed.announce(10).await;
    let (first, second) = (bed.node("w1").await, bed.node("w2").await);
    bed.settled(2, 10).await;
    let both = ["w1", "w2"].map(|node| bed.spawn(&["drain", node, "--yes", "--deadline", "2m"]));
    let [one, other] = both.map(|child| tokio::spawn(wait(child)));
    let (one, other) = (one.await.expect("it ended"), other.await.expect("it ended"));
    let mut codes = [&one, &other].map(|output| output.status.code());
    codes.sort_unstable();
    let said = format!("{}\n{}", words(&one), words(&other));
    // Whoever came later found the other's drain, before it wrote or after.
    assert!(codes == [Some(0), Some(4)] || codes == [Some(0), Some(7)], "{codes:?} {said}");
    let nodes = bed.json(&["nodes"]).await;
    let kinds = nodes["nodes"].as_array().expect("a list").iter();
    let drains = kinds.filter(|node| node["intent"]["kind"] == "drain").count();
    assert_eq!(drains, 1, "{nodes}");
    first.cancel().await;
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_watching_and_not_the_drain() {
    let bed = Bed::with_group().await;
    bed.announce(2).await;
    let (first, second) = (bed.stubborn("w1").await, bed.node("w2").await);
    bed.settled(2, 2).await;
    let mut child = bed.spawn(&["drain", "w1", "--yes"]);
    read_to(&mut child, "node/w1 draining");
    interrupt(&child);
    let output = wait(child).await;
    assert_eq!(output.status.code(), Some(130), "{}", words(&output));
    assert!(words(&output).contains("divider drain w1 --monitor"), "{}", words(&output));
    let nodes = bed.json(&["nodes", "w1"]).await;
    assert_eq!(nodes["nodes"][0]["intent"]["kind"], "drain", "{nodes}");
    assert_eq!(bed.answer(&["drain", "w1", "--pause"]).await, "node/w1 paused\n");
    assert_eq!(bed.answer(&["drain", "w1", "--continue"]).await, "node/w1 continued\n");

    // Somebody else says something else of the node: whoever watches is told so.
    let mut child = bed.spawn(&["drain", "w1", "--yes"]);
    read_to(&mut child, "node/w1 draining");
    assert_eq!(bed.answer(&["drain", "w1", "--cancel"]).await, "node/w1 active\n");
    let output = wait(child).await;
    assert_eq!(output.status.code(), Some(7), "{}", words(&output));
    first.cancel().await;
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_goes_on_when_nobody_watches_and_can_be_watched_again() {
    let bed = Bed::with_group().await;
    bed.announce(6).await;
    let (first, second) = (bed.node("w1").await, bed.node("w2").await);
    bed.settled(2, 6).await;
    assert_eq!(bed.answer(&["drain", "w1", "--yes", "--detach"]).await, "node/w1 draining\n");
    let done = bed.answer(&["drain", "w1", "--monitor"]).await;
    assert!(done.starts_with("node/w1 drained ("), "{done}");
    assert_eq!(bed.answer(&["keys", "--node", "w2", "--count"]).await, "6\n");
    first.cancel().await;
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_no_drain() {
    let mut bed = Bed::with_group().await;
    bed.announce(2).await;
    let (_first, _second) = (bed.stubborn("w1").await, bed.node("w2").await);
    bed.settled(2, 2).await;
    let mut child = bed.spawn(&["drain", "w1", "--yes", "--timeout", "2s"]);
    read_to(&mut child, "node/w1 draining");
    bed.server.kill();
    let output = wait(child).await;
    assert_eq!(output.status.code(), Some(6), "{}", words(&output));
    let said = words(&output);
    assert!(said.contains("connection lost, retrying; the drain continues"), "{said}");
    assert!(said.contains("divider drain w1 --monitor"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_drain_the_same_node_wait_for_the_same_drain() {
    let bed = Bed::with_group().await;
    bed.announce(4).await;
    let (first, second) = (bed.stubborn("w1").await, bed.node("w2").await);
    bed.settled(2, 4).await;
    let begun = bed.spawn(&["drain", "w1", "--yes", "--deadline", "20s"]);
    bed.until(&["moves"], |answer| answer["moves"].as_array().is_some_and(|m| m.len() == 2)).await;
    let before = bed.json(&["nodes", "w1"]).await;
    let joined = bed.run(&["drain", "w1", "--yes", "--deadline", "1s"]).await;
    assert_eq!(joined.status.code(), Some(3), "{}", words(&joined));
    assert!(words(&joined).contains("already being drained by ana"), "{}", words(&joined));
    let after = bed.json(&["nodes", "w1"]).await;
    let id = |answer: &Value| answer["nodes"][0]["intent"]["id"].clone();
    assert_eq!(id(&before), id(&after), "the first drain stays as it was requested");
    // One with other options replaces the request, and the first one still waits for the end.
    bed.answer(&["drain", "w1", "--yes", "--parallel", "9", "--detach"]).await;
    first.cancel().await;
    let output = wait(begun).await;
    assert_ne!(output.status.code(), Some(7), "{}", words(&output));
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_moves_nothing_unconfirmed() {
    let bed = Bed::with_group().await;
    bed.announce(10).await;
    let (first, second) = (bed.node("w1").await, bed.node("w2").await);
    bed.settled(2, 10).await;
    bed.answer(&["drain", "w1", "--yes"]).await;
    bed.answer(&["resume", "w1"]).await;
    let unasked = bed.refusal(2, &["rebalance"]).await;
    assert!(unasked.contains("plan: 5 keys to move") && unasked.contains("--yes"), "{unasked}");
    bed.refusal(2, &["resume", "w1", "--rebalance"]).await;
    let nodes = bed.json(&["nodes", "w1"]).await;
    assert_eq!(nodes["nodes"][0]["keys"], 0, "{nodes}");
    bed.answer(&["rebalance", "--yes"]).await;
    bed.settled(2, 10).await;
    first.cancel().await;
    second.cancel().await;
}
