//! Nodes that die: no look, no word and no exit code shows them as working.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use crate::bed::{Bed, Stops, answered, wait, words};

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_nodes_are_all_dead_is_dead_in_one_look() {
    let bed = Bed::start();
    bed.answer(&["init"]).await;
    bed.announce(6).await;
    let mut nodes = [bed.process("w1", Stops::AtOnce), bed.process("w2", Stops::AtOnce)];
    bed.settled(2, 6).await;
    for node in &mut nodes {
        node.kill();
    }
    // Nobody is left to write that they are dead.
    let nodes = bed.until(&["nodes"], |answer| answer["summary"]["lost"] == 2).await;
    let summary = &nodes["summary"];
    assert_eq!((&summary["running"], &summary["orphaned"]), (&0.into(), &6.into()), "{nodes}");
    let status = bed.json(&["status", "--expect", "2"]).await;
    crate::json::check(&status);
    let conditions = status["conditions"].as_array().expect("a list").iter();
    let codes: Vec<_> = conditions.map(|found| found["code"].as_str().expect("a code")).collect();
    for code in ["lost", "nobody_takes_keys", "few_ready", "orphaned"] {
        assert!(codes.contains(&code), "{status}");
    }
    let groups = bed.json(&["groups"]).await;
    assert_eq!(groups["groups"][0]["summary"]["ready"], 0, "{groups}");
    let check = bed.run(&["check"]).await;
    assert_eq!(check.status.code(), Some(2));
    let said = answered(&check);
    assert!(said.contains("2 nodes lost") && said.contains("6 keys without an owner"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_died_is_named_with_who_ended_it_and_how_many_keys_it_had() {
    let bed = Bed::start();
    bed.answer(&["init"]).await;
    bed.announce(6).await;
    let (mut first, _second) = (bed.process("w1", Stops::AtOnce), bed.process("w2", Stops::AtOnce));
    bed.settled(2, 6).await;
    bed.until(&["nodes", "w1"], |answer| answer["nodes"][0]["held"] == 3).await;
    first.kill();
    let nodes = bed.until(&["nodes"], |answer| answer["gone"][0]["keys"] == 3).await;
    crate::json::check(&nodes);
    let gone = &nodes["gone"][0];
    assert_eq!((&gone["node"], &gone["end"]), (&"w1".into(), &"died".into()), "{nodes}");
    assert_eq!(gone["by"], "w2", "{nodes}");
    bed.until(&["nodes"], |answer| answer["summary"]["running"] == 6).await;
    let output = bed.run(&["nodes"]).await;
    assert!(
        words(&output).contains("(ended by w2), last reported 3 keys, all taken over"),
        "{}",
        words(&output)
    );
    let status = bed.answer(&["status"]).await;
    assert!(status.contains("gone      w1 died "), "{status}");
    let refused = bed.refusal(5, &["drain", "w1", "--yes"]).await;
    assert!(refused.contains("w1 is gone; nothing to do: it died"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_in_its_drain_is_not_drained() {
    let bed = Bed::start();
    bed.answer(&["init"]).await;
    bed.announce(6).await;
    let (mut first, _second) = (bed.process("w1", Stops::Never), bed.process("w2", Stops::AtOnce));
    bed.settled(2, 6).await;
    let mut drain = bed.spawn(&["drain", "w1", "--yes", "-o", "json"]);
    bed.until(&["moves"], |answer| answer["moves"].as_array().is_some_and(|m| m.len() == 3)).await;
    first.kill();
    // What it says meanwhile is read, so that it can go on.
    let said = BufReader::new(drain.stderr.take().expect("piped"));
    let said = std::thread::spawn(move || said.lines().map_while(Result::ok).collect::<Vec<_>>());
    let output = wait(drain).await;
    let said = said.join().expect("no panic");
    assert_eq!(output.status.code(), Some(8), "{said:?}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    crate::json::check(&document);
    let node = &document["nodes"][0];
    assert_eq!((&document["outcome"], &node["outcome"]), (&"emptied".into(), &"emptied".into()));
    assert_eq!((&node["taken_over"], &node["confirmed"]), (&3.into(), &0.into()), "{document}");
    let error: Value = serde_json::from_str(said.last().expect("an error")).expect("JSON");
    crate::json::check(&error);
    assert_eq!((&error["exit"], &error["kind"]), (&8.into(), &"not_drained".into()));
    let sentence = error["error"].as_str().expect("a text");
    assert!(
        sentence.contains("3 keys taken over when its session ended, 0 stops confirmed"),
        "{error}"
    );
    let absent = bed.run(&["drain", "w1", "--yes"]).await;
    assert_eq!(absent.status.code(), Some(8), "{}", words(&absent));
    assert!(answered(&absent).contains("node/w1 absent"), "{}", answered(&absent));
    assert_eq!(bed.answer(&["forget", "w1"]).await, "node/w1 forgotten\n");
    bed.refusal(5, &["drain", "w1", "--yes"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_makes_no_node_late_or_lost() {
    let mut bed = Bed::start();
    bed.answer(&["init"]).await;
    bed.announce(2).await;
    let _node = bed.process("w1", Stops::AtOnce);
    bed.settled(1, 2).await;
    let mut watch = bed.spawn(&["watch", "-o", "jsonl"]);
    let log = BufReader::new(watch.stdout.take().expect("piped")).lines();
    let mut log = log.map_while(Result::ok);
    assert!(log.any(|line| line.contains("\"synced\"")), "it ended");
    bed.server.freeze();
    // A viewer that went by its own clock alone would call the node late first.
    let first = log.find(|line| line.contains("node.state") || line.contains("watch.lost"));
    let first: Value = serde_json::from_str(&first.expect("it goes on")).expect("JSON");
    assert_eq!(first["type"], "watch.lost", "{first}");
    bed.server.thaw();
    watch.kill().expect("it can be killed");
    watch.wait().expect("it can be waited for");
}
