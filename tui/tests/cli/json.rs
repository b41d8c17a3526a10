//! What programs read is as its schema says.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::bed::{Bed, PATIENCE};

/// The schema of a document, by the name that it gives itself. It lets documents grow; here they have
/// to be no more than the schema says, so that nothing is added without being written down.
fn schema(document: &Value) -> Value {
    let name = document["schema"].as_str().expect("a schema");
    let name = name.strip_prefix("divider.").expect("one of ours");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut schema = serde_json::from_str(&text).expect("JSON");
    close(&mut schema);
    schema
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            // What two of them say of one object is said of it together.
            let is_whole = fields.contains_key("properties") && !fields.contains_key("oneOf");
            fields.values_mut().for_each(close);
            if is_whole && !fields.contains_key("additionalProperties") {
                fields.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

pub(crate) fn check(document: &Value) {
    let validator = jsonschema::validator_for(&schema(document)).expect("a schema");
    let wrong: Vec<_> =
        validator.iter_errors(document).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{document:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_document_is_as_its_schema_says() {
    let bed = Bed::start();
    let all = async |args: &[&str]| check(&bed.json(args).await);
    all(&["init"]).await;
    all(&["announce", "/orders/0", "/orders/1", "/orders/2", "a\u{1b}[2J"]).await;
    all(&["retract", "a\u{1b}[2J"]).await;
    for empty in [&["nodes"][..], &["keys"], &["moves"], &["status"], &["groups"], &["doctor"]] {
        all(empty).await;
    }
    let first = bed.stubborn("w1").await;
    bed.until(&["nodes"], |answer| answer["summary"]["running"] == 3).await;
    let second = bed.node("w2").await;
    bed.until(&["nodes"], |answer| answer["summary"]["ready"] == 2).await;
    all(&["drain", "w1", "--dry-run"]).await;
    all(&["rebalance", "--dry-run"]).await;
    all(&["drain", "w1", "--yes", "--detach", "-m", "kernel"]).await;
    all(&["freeze", "--for", "1h"]).await;
    bed.until(&["moves"], |answer| answer["moves"][0]["step"] == "stopping").await;
    for full in [
        &["nodes"][..],
        &["keys"],
        &["key", "/orders/0"],
        &["moves"],
        &["status"],
        &["groups"],
        &["doctor"],
        &["export"],
        &["thaw"],
        &["affinity", "w2", "7"],
        &["rebalance", "--yes"],
        &["events"],
        &["node", "w1"],
        &["version"],
        &["cordon", "w2", "--dry-run"],
        &["reconcile", "--prefix", "/other/", "--file", "/dev/null", "--dry-run"],
        &["reconcile", "--prefix", "/other/", "--file", "/dev/null"],
        &["repair"],
        &["context", "ls"],
        &["context", "info"],
    ] {
        all(full).await;
    }
    let left = bed.run(&["drain", "w1", "--yes", "--deadline", "1s", "-j"]).await;
    check(&serde_json::from_slice(&left.stdout).expect("JSON"));
    for args in [&["check", "-j"][..], &["check", "-j", "-s", "nats://127.0.0.1:1"]] {
        check(&serde_json::from_slice(&bed.run(args).await.stdout).expect("JSON"));
    }
    first.cancel().await;
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_as_their_schema_says_and_tell_a_story() {
    let bed = Bed::with_group().await;
    let node = bed.node("w1").await;
    bed.announce(1).await;
    bed.settled(1, 1).await;
    let mut child = bed.spawn(&["watch", "-o", "jsonl"]);
    let mut log = lines(child.stdout.take().expect("piped"));
    // What there is is told first, then each change, for as long as all of it takes.
    let mut wanted = BTreeSet::from(["synced", "node.state", "key.started"]);
    read_until_seen(&mut log, &mut wanted).await;
    bed.answer(&["cordon", "w1", "-m", "disk"]).await;
    bed.answer(&["announce", "/orders/1"]).await;
    bed.answer(&["resume", "w1"]).await;
    bed.answer(&["freeze"]).await;
    let mut wanted = BTreeSet::from(["node.intent", "group.frozen"]);
    read_until_seen(&mut log, &mut wanted).await;
    child.kill().expect("it can be killed");
    child.wait().expect("it can be waited for");
    node.cancel().await;
}

/// The lines that a process writes, as they come.
fn lines(from: impl Read + Send + 'static) -> UnboundedReceiver<String> {
    let (tell, told) = unbounded_channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(from).lines().map_while(Result::ok);
        // The test may be over.
        lines.map(|line| tell.send(line)).take_while(Result::is_ok).count()
    });
    told
}

/// Reads events, which have to be as their schema says, until each of these types was seen.
async fn read_until_seen(log: &mut UnboundedReceiver<String>, wanted: &mut BTreeSet<&str>) {
    while !wanted.is_empty() {
        let line = tokio::time::timeout(PATIENCE, log.recv()).await;
        let line = line.unwrap_or_else(|_| panic!("never told: {wanted:?}"));
        let line = line.unwrap_or_else(|| panic!("it ended without {wanted:?}"));
        let event: Value = serde_json::from_str(&line).expect("JSON");
        check(&event);
        wanted.remove(event["type"].as_str().expect("a type"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_read_back_as_it_was_written() {
    let bed = Bed::with_group().await;
    bed.announce(5).await;
    let node = bed.node("w1").await;
    bed.settled(1, 5).await;
    bed.answer(&["cordon", "w1", "-m", "disk"]).await;
    let file = bed.config.path().join("export.json");
    let path = file.to_str().expect("a text");
    bed.answer(&["export", "--out", path]).await;
    node.cancel().await;
    let exported: Value =
        serde_json::from_str(&std::fs::read_to_string(&file).expect("written")).expect("JSON");
    for (list, args) in [("nodes", ["nodes", "--from", path]), ("keys", ["keys", "--from", path])] {
        let read = bed.json(&args).await;
        assert_eq!(read[list], exported[list]);
        assert_eq!(read["taken_at"], exported["taken_at"]);
    }
    let redacted = bed.json(&["export", "--redact"]).await;
    check(&redacted);
    assert!(!redacted.to_string().contains("/orders/"), "{redacted}");
    let wrong = bed.refusal(1, &["nodes", "--from", "/dev/null"]).await;
    assert!(wrong.contains("cannot read the file"), "{wrong}");
}
