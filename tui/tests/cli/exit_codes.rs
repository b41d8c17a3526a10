//! The exit codes, so that a script can tell what happened.

use std::process::Stdio;

use crate::bed::{Bed, wait, words};

#[tokio::test(flavor = "multi_thread")]
async fn each_end_has_its_exit_code() {
    let bed = Bed::with_group().await;
    bed.announce(3).await;
    let node = bed.node("w1").await;
    bed.settled(1, 3).await;
    let nowhere = ["--server", "nats://127.0.0.1:1"];
    let check = async |code: i32, args: &[&str], expected: &str| {
        let said = words(&bed.run(args).await);
        let output = bed.run(args).await;
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    };
    check(0, &["status"], "").await;
    check(0, &["doctor"], "").await;
    check(0, &["--help"], "").await;
    check(0, &["--version"], "").await;
    check(0, &[], "").await;
    check(1, &[&["nodes"][..], &nowhere].concat(), "cannot connect to nats://127.0.0.1:1").await;
    check(1, &["nodes", "--creds", "/nowhere"], "cannot read the creds file").await;
    check(2, &["drain"], "required").await;
    check(2, &["paint"], "paint").await;
    check(2, &["nodes", "--group", "a b"], "group name").await;
    check(2, &["nodes", "--watch", "1ms"], "at least 100ms").await;
    check(2, &["keys", "--phase", "idle"], "expected one of quarantined, orphaned").await;
    check(2, &["status", "-o", "csv"], "table, json").await;
    check(2, &["drain", "w1", "--partial"], "pass --yes").await;
    check(2, &["nodes", "--socks-proxy", "socks5://x"], "SOCKS").await;
    check(2, &["announce", ""], "empty").await;
    check(4, &["drain", "w1", "--yes"], "3 keys would be left").await;
    check(4, &["drain", "w1", "--pause"], "not draining").await;
    check(4, &["drain", "w1", "--monitor"], "not draining").await;
    check(4, &["drain", "w1", "--cancel"], "not draining").await;
    check(5, &["drain", "w9", "--yes"], "no such node, the group's nodes are w1: w9").await;
    check(5, &["drain", "w9", "--cancel"], "no such node").await;
    check(5, &["resume", "w9"], "no such node").await;
    check(5, &["nodes", "w9"], "no such node").await;
    check(5, &["request", "/orders/0", "--deadline", "1s"], "no owner accepted").await;
    check(2, &["request", ""], "empty").await;
    check(2, &["exec", "--node", "w9"], "COMMAND").await;
    check(2, &["exec", "-j", "--", "true"], "no other format").await;
    check(1, &["exec", "--node", "a b", "--", "true"], "node id").await;
    check(5, &["key", "/nowhere"], "no such key").await;
    check(5, &["nodes", "--group", "other"], "divider init").await;
    check(5, &["nodes", "--context", "nobody"], "no such context").await;
    check(5, &["cordon", "--label", "zone=x"], "no node has all of these labels").await;
    node.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_reads_ends_as_it_would_and_what_only_answers_ends_soon() {
    let bed = Bed::with_group().await;
    bed.announce(3).await;
    // A process whose standard output is closed by its reader.
    let unread = |args: &[&str]| {
        let mut command = bed.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        drop(child.stdout.take());
        Ok::<_, std::io::Error>(child)
    };
    let check = async |code: i32, args: &[&str]| {
        let output = wait(unread(args).expect("it can be run")).await;
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", words(&output));
    };
    check(0, &["keys"]).await;
    check(0, &["nodes", "--watch", "100ms"]).await;
    check(0, &["watch"]).await;
    check(2, &["check"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_has_the_exit_codes_of_monitoring_plugins() {
    let bed = Bed::with_group().await;
    bed.announce(3).await;
    let check = async |code: i32, args: &[&str], expected: &str| {
        let output = bed.run(&[&["check"][..], args].concat()).await;
        let said = crate::bed::answered(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said} {}", words(&output));
        assert!(said.starts_with(expected), "{args:?}: {said}");
    };
    check(2, &[], "DIVIDER CRITICAL - orders: 0 nodes ready, fewer than the 1 expected; 3 keys without an owner (limit 0) |").await;
    let node = bed.node("w1").await;
    bed.settled(1, 3).await;
    check(0, &[], "DIVIDER OK - orders: 1 node ready, 3 keys | ready=1;;1:;0").await;
    check(
        1,
        &["--warn", "ready=2"],
        "DIVIDER WARNING - orders: 1 node ready, fewer than the 2 expected |",
    )
    .await;
    check(2, &["--min-ready", "2"], "DIVIDER CRITICAL").await;
    check(0, &["--format", "prometheus"], "# HELP divider_check").await;
    check(0, &["--format", "text"], "ok ").await;
    check(3, &["--server", "nats://127.0.0.1:1"], "DIVIDER UNKNOWN - cannot connect").await;
    check(3, &["--group", "other"], "DIVIDER UNKNOWN - the group does not exist").await;
    check(3, &["--warn", "speed=1"], "").await;
    check(3, &["--colour"], "").await;
    node.cancel().await;
}
