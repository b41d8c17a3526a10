//! Keys, many and odd ones.

use crate::bed::{Bed, answered, words};

/// Whether there is anything that a terminal would obey.
fn has_orders(text: &str) -> bool {
    text.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}')
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_reaches_the_terminal_raw() {
    let bed = Bed::with_group().await;
    let node = bed.stubborn("w1").await;
    let odd = "odd \u{1b}[2J\u{9b}31m\r\u{202e}\u{7f}";
    bed.answer(&["announce", odd]).await;
    bed.settled(1, 1).await;
    bed.answer(&["cordon", "w1", "-m", odd]).await;
    for args in [
        &["keys"][..],
        &["keys", "-o", "csv"],
        &["keys", "-o", "name"],
        &["keys", "-o", "plain"],
        &["keys", "-o", "json"],
        &["keys", "-o", "jsonl"],
        &["key", odd],
        &["nodes", "-o", "wide"],
        &["moves"],
        &["status"],
        &["export"],
        &["watch", "--for", "1s"],
        &["watch", "--for", "1s", "-o", "jsonl"],
        &["drain", "w1", "--dry-run", "-o", "wide"],
        &["key", "not there \u{1b}[2J"],
        &["drain", "w1", "--yes", "--partial", "--deadline", "1s"],
    ] {
        let output = bed.run(args).await;
        let (answer, said) = (answered(&output), words(&output));
        assert!(!has_orders(&answer) && !has_orders(&said), "{args:?}: {answer:?} {said:?}");
    }
    let ascii = bed.answer(&["keys", "--ascii"]).await;
    assert!(ascii.is_ascii(), "{ascii}");
    node.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_keys_are_announced_from_standard_input() {
    let bed = Bed::with_group().await;
    let keys: Vec<_> = (0..100_000).map(|n| format!("/orders/{n}")).collect();
    let output = bed.run_with(&["announce", "-"], &keys.join("\n")).await;
    assert_eq!(answered(&output), "100000 keys announced\n", "{}", words(&output));
    assert_eq!(bed.answer(&["keys", "--count"]).await, "100000\n");
    let listed = bed.run(&["keys", "/orders/9999?"]).await;
    assert_eq!(answered(&listed).lines().count(), 11);
    let limited = bed.run(&["keys"]).await;
    assert!(words(&limited).contains("the first 1000 of 100000 keys"), "{}", words(&limited));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_becomes_what_there_is_under_a_prefix() {
    let bed = Bed::with_group().await;
    bed.answer(&["announce", "/a/1", "/a/2", "/b/1"]).await;
    let reconcile = ["reconcile", "--prefix", "/a/", "--file", "-"];
    let dry = bed.run_with(&[&reconcile[..], &["--dry-run"]].concat(), "/a/2\n/a/3\n").await;
    assert_eq!(answered(&dry), "KEY   ACTION\n/a/3  announce\n/a/1  retract\n");
    let done = bed.run_with(&reconcile, "/a/2\n/a/3\n").await;
    assert_eq!(answered(&done), "1 key announced, 1 key retracted\n");
    assert_eq!(bed.answer(&["keys", "-o", "name"]).await, "key//a/2\nkey//a/3\nkey//b/1\n");
    let outside = bed.run_with(&reconcile, "/b/9\n").await;
    assert_eq!(outside.status.code(), Some(2), "{}", words(&outside));
    let wrong = format!("/c/1\n{}\n", "x".repeat(600));
    let wrong = bed.run_with(&["announce", "-"], &wrong).await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(words(&wrong).contains("line 2: key is too long"), "{}", words(&wrong));
    assert_eq!(bed.answer(&["keys", "/c/", "--count"]).await, "0\n");
}
