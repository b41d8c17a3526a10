//! What hands type: verbs, patterns, the names that lists print, completion.

use serde_json::Value;

use crate::bed::{Bed, answered, finish, words};

#[tokio::test(flavor = "multi_thread")]
async fn verbs_patterns_and_printed_names_are_understood() {
    let bed = Bed::with_group().await;
    bed.announce(2).await;
    let (first, second) = (bed.node("w1").await, bed.node("w2").await);
    bed.settled(2, 2).await;
    let check = async |args: &[&str], expected: &str| {
        assert_eq!(bed.answer(args).await, expected, "{args:?}");
    };
    check(&["get", "nodes", "-o", "name"], "node/w1\nnode/w2\n").await;
    check(&["ls", "-o", "name"], "group/orders\n").await;
    check(&["get", "node", "w1", "-o", "name", "-g", "group/orders"], "node/w1\n").await;
    check(&["cordon", "w*"], "node/w1 cordoned\nnode/w2 cordoned\n").await;
    check(&["resume", "node/w1", "w1", "w?"], "node/w1 active\nnode/w2 active\n").await;
    check(&["keys", "-o", "name"], "/orders/0\n/orders/1\n").await;
    assert!(bed.answer(&["info"]).await.starts_with("group     orders"));
    assert!(bed.answer(&["version"]).await.contains("nats-server "));
    let plan = bed.json(&["drain", "w1", "w1", "--dry-run"]).await;
    assert_eq!(plan["moves"], 1, "{plan}");
    let none = bed.refusal(5, &["cordon", "x*"]).await;
    assert!(none.contains("no node matches: x*"), "{none}");
    first.cancel().await;
    second.cancel().await;
}

/// What a shell is offered for the last word of a line.
async fn offered(bed: &Bed, line: &[&str]) -> String {
    let mut command = bed.command(&[&["--"], line].concat());
    command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", (line.len() - 1).to_string());
    command.env("_CLAP_IFS", "\n").env("_CLAP_COMPLETE_SPACE", "true");
    command.env("_CLAP_COMPLETE_COMP_TYPE", "9");
    answered(&finish(command).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_is_offered_what_the_server_has() {
    let bed = Bed::with_group().await;
    bed.announce(3).await;
    let node = bed.node("w1").await;
    bed.settled(1, 3).await;
    let check = async |line: &[&str], expected: &[&str]| {
        let found = offered(&bed, line).await;
        let found: Vec<_> = found.lines().filter(|line| !line.starts_with('-')).collect();
        assert_eq!(found, expected, "{line:?}");
    };
    check(&["divider", "drain", "w"], &["w1"]).await;
    check(&["divider", "nodes", "--state", "los"], &["lost"]).await;
    check(&["divider", "-g", "or"], &["orders"]).await;
    check(&["divider", "key", "/orders/"], &["/orders/0", "/orders/1", "/orders/2"]).await;
    check(&["divider", "-s", "nats://127.0.0.1:1", "drain", "w"], &[]).await;
    node.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_one_line_of_json_for_programs() {
    let bed = Bed::with_group().await;
    let check = async |code: i32, kind: &str, args: &[&str]| {
        let said = bed.refusal(code, args).await;
        let error: Value = serde_json::from_str(said.trim()).unwrap_or_else(|_| panic!("{said}"));
        crate::json::check(&error);
        assert_eq!((&error["exit"], &error["kind"]), (&code.into(), &kind.into()), "{error}");
    };
    check(5, "not_found", &["cordon", "w1", "-o", "json"]).await;
    check(5, "not_found", &["nodes", "-j", "--group", "other"]).await;
    check(2, "usage", &["drain", "-o", "json"]).await;
    check(1, "failed", &["nodes", "-j", "-s", "nats://127.0.0.1:1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_deleted_only_by_its_name() {
    let bed = Bed::with_group().await;
    bed.announce(3).await;
    bed.answer(&["init", "--checkpoints"]).await;
    let unasked = bed.refusal(2, &["delete-group", "orders"]).await;
    assert!(unasked.contains("the group orders has 3 keys and 0 nodes"), "{unasked}");
    bed.refusal(2, &["delete-group", "orders", "--yes"]).await;
    bed.refusal(4, &["delete-group", "orders", "--yes", "--confirm", "order"]).await;
    assert_eq!(bed.answer(&["keys", "--count"]).await, "3\n");
    let deleted = bed.answer(&["delete-group", "orders", "--yes", "--confirm", "orders"]).await;
    assert_eq!(deleted, "group/orders deleted\n");
    bed.refusal(5, &["keys", "--count"]).await;
    let made = bed.json(&["init", "--checkpoints"]).await;
    for part in ["is_new", "history_is_new", "checkpoints_are_new"] {
        assert_eq!(made[part], true, "nothing of it was left: {made}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_are_added_to_a_group_and_examined() {
    let bed = Bed::with_group().await;
    let before = bed.answer(&["doctor"]).await;
    assert!(!before.contains("checkpoints"), "{before}");
    let made = bed.answer(&["init", "--no-history", "--checkpoints"]).await;
    assert_eq!(made, "group/orders already exists; checkpoints added\n");
    let again = bed.json(&["init", "--no-history", "--checkpoints"]).await;
    assert_eq!(again["checkpoints_are_new"], false);
    let after = bed.answer(&["doctor"]).await;
    assert!(after.contains("KV_divider_state_orders: stream settings are correct"), "{after}");
    bed.refusal(2, &["init", "--checkpoints-max-bytes", "1GiB"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_a_page_with_its_exit_status() {
    let bed = Bed::start();
    let page = bed.answer(&["man", "drain"]).await;
    for section in ["EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"] {
        assert!(
            page.contains(&format!(".SH \"{section}\"")) || page.contains(section),
            "{section}"
        );
    }
    assert!(page.contains("divider\\-drain"), "{page}");
    let check = bed.answer(&["man", "check"]).await;
    assert!(check.contains("UNKNOWN"), "{check}");
    let none = bed.refusal(5, &["man", "paint"]).await;
    assert!(none.contains("no such command: paint"), "{none}");
    let output = bed.run(&["man", "--dir", bed.config.path().to_str().expect("a text")]).await;
    assert!(words(&output).contains("pages"), "{}", words(&output));
    assert!(bed.config.path().join("divider-events.1").exists());
}
