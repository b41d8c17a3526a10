//! What happened, for an operator who comes afterwards.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use crate::bed::{Bed, answered, words};

fn kinds(answer: &Value) -> Vec<&str> {
    let events = answer["events"].as_array().expect("a list").iter();
    events.map(|event| event["kind"].as_str().expect("a kind")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_is_listed_with_who_requested_it() {
    let bed = Bed::start();
    bed.answer(&["init"]).await;
    let (first, second) = (bed.node("w1").await, bed.node("w2").await);
    bed.until(&["nodes"], |answer| answer["summary"]["ready"] == 2).await;
    bed.answer(&["drain", "w1", "--yes", "-m", "kernel 6.8"]).await;
    bed.answer(&["freeze", "-m", "release"]).await;
    bed.answer(&["thaw"]).await;
    first.cancel().await;
    let events = bed.until(&["events"], |answer| kinds(answer).contains(&"left")).await;
    crate::json::check(&events);
    assert_eq!(events["kept"], true);
    let found = kinds(&events);
    assert_eq!(found.iter().filter(|kind| **kind == "joined").count(), 2, "{events}");
    for kind in ["drain_requested", "frozen", "thawed"] {
        assert!(found.contains(&kind), "{events}");
    }
    let table = bed.answer(&["events", "--kind", "drain_requested", "--node", "w1"]).await;
    assert!(table.ends_with("drain of w1 requested by ana: kernel 6.8\n"), "{table}");
    assert_eq!(table.lines().count(), 2, "{table}");
    let others = bed.json(&["events", "--node", "w2"]).await;
    assert_eq!(kinds(&others), ["joined"], "{others}");

    let mut follow = bed.spawn(&["events", "-w", "-o", "jsonl"]);
    let lines = BufReader::new(follow.stdout.take().expect("piped")).lines();
    let mut lines = lines.map_while(Result::ok);
    assert!(lines.any(|line| line.contains("w1 left")), "it ended");
    bed.answer(&["cordon", "w2", "-m", "disk"]).await;
    assert!(lines.any(|line| line.contains("w2 cordoned by ana: disk")), "it ended");
    follow.kill().expect("it can be killed");
    follow.wait().expect("it can be waited for");
    let card = bed.answer(&["describe", "node/w2"]).await;
    assert!(card.contains("request   cordon by ana: disk"), "{card}");
    assert!(card.contains("w2 cordoned by ana: disk"), "{card}");
    // Nothing of before is told to one who asks for what comes.
    let mut follow = bed.spawn(&["events", "-w", "-o", "jsonl", "--since", "1ms"]);
    let lines = BufReader::new(follow.stdout.take().expect("piped")).lines();
    let mut lines = lines.map_while(Result::ok);
    let first = tokio::task::spawn_blocking(move || lines.next());
    while !first.is_finished() {
        bed.answer(&["affinity", "w2", "7"]).await;
        bed.answer(&["affinity", "w2", "--clear"]).await;
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    }
    let first = first.await.expect("no panic").expect("it goes on");
    assert!(first.contains("affinity_set"), "{first}");
    follow.kill().expect("it can be killed");
    follow.wait().expect("it can be waited for");
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_a_history_says_so_and_shows_what_its_records_tell() {
    let bed = Bed::with_group().await;
    let node = bed.node("w1").await;
    bed.answer(&["cordon", "w1", "-m", "disk"]).await;
    node.cancel().await;
    let output = bed.run(&["events", "-o", "json"]).await;
    let events: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    crate::json::check(&events);
    assert_eq!(events["kept"], false);
    assert_eq!(kinds(&events), ["cordoned", "left"], "{events}");
    let said = words(&output);
    assert!(said.contains("keeps no history") && said.contains("divider init -g orders"), "{said}");
    let follow = bed.run(&["events", "-w"]).await;
    assert_eq!(follow.status.code(), Some(1), "{}", answered(&follow));
    assert_eq!(bed.answer(&["init"]).await, "group/orders already exists; history added\n");
    bed.answer(&["resume", "w1"]).await;
    let events = bed.json(&["events"]).await;
    assert_eq!((&events["kept"], kinds(&events)), (&true.into(), vec!["resumed"]), "{events}");
}
