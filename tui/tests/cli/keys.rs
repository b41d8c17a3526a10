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
    assert!(
        words(&limited).contains("showing the first 1000 of 100000 keys"),
        "{}",
        words(&limited)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_exist_is_not_retracted() {
    let bed = Bed::with_group().await;
    bed.answer(&["announce", "a", "b"]).await;
    let output = bed.run(&["retract", "a", "user:42", "-j"]).await;
    assert_eq!(output.status.code(), Some(5), "{}", words(&output));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    crate::json::check(&document);
    assert_eq!((&document["keys"], &document["missing"][0]), (&1.into(), &"user:42".into()));
    assert!(words(&output).contains("no such key: user:42"), "{}", words(&output));
    assert_eq!(bed.answer(&["retract", "a", "b", "--ignore-missing"]).await, "1 key retracted\n");
    let many: Vec<_> = (0..100).map(|n| format!("k{n}")).collect();
    let output = bed.run_with(&["retract", "-"], &many.join("\n")).await;
    assert_eq!(output.status.code(), Some(5), "{}", words(&output));
    assert_eq!(answered(&output), "0 keys retracted\n");
    assert!(words(&output).contains("no such key: k0 and 99 more"), "{}", words(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_that_is_not_encoded_is_shown_and_repaired() {
    let bed = Bed::with_group().await;
    let client = async_nats::connect(bed.server.url()).await.expect("connected");
    let log = async_nats::jetstream::new(client);
    for subject in ["divider.orders.key.user:42", "divider.orders.key.a.*"] {
        let ack = log.publish(subject, "".into()).await.expect("sent");
        ack.await.expect("the server stores it");
    }
    bed.answer(&["announce", "good"]).await;
    assert_eq!(bed.answer(&["keys", "--count"]).await, "1\n");
    let status = bed.answer(&["status"]).await;
    let said = "2 unreadable records (`divider repair` lists them): key.user:42: key is not in its \
                canonical wire form: \"user:42\", it should be user=3A42";
    assert!(status.contains(said), "{status}");

    let listed = bed.json(&["repair"]).await;
    crate::json::check(&listed);
    let rows = listed["records"].as_array().expect("a list").iter();
    let rows: Vec<_> = rows.map(|row| (row["record"].clone(), row["meant"].clone())).collect();
    let expected = [("key.user:42", "user:42"), ("divider.orders.key.a.*", "a.*")];
    assert_eq!(rows, expected.map(|(record, meant)| (record.into(), meant.into())), "{listed}");
    assert_eq!(bed.json(&["repair"]).await, listed, "listing changes nothing");

    let answer = bed.answer(&["repair", "key.user:42", "--announce", "--yes"]).await;
    assert!(answer.contains("remove, announce the key"), "{answer}");
    assert_eq!(bed.answer(&["keys", "-o", "name"]).await, "good\nuser:42\n");
    bed.answer(&["repair", "--yes"]).await;
    assert_eq!(bed.json(&["repair"]).await["records"], serde_json::json!([]));
    assert!(!bed.answer(&["status"]).await.contains("unreadable record"));
    let unknown = bed.refusal(5, &["repair", "key.good", "--yes"]).await;
    assert!(unknown.contains("no such record, or it is readable: key.good"), "{unknown}");
    assert_eq!(bed.answer(&["keys", "--count"]).await, "2\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_would_retract_too_much_is_refused() {
    let bed = Bed::with_group().await;
    let keys: Vec<_> = (0..40).map(|n| format!("/a/{n}")).collect();
    bed.run_with(&["announce", "-"], &keys.join("\n")).await;
    let reconcile = ["reconcile", "--prefix", "/a/", "--file", "-"];
    let check = async |list: &str, more: &[&str], code: i32, said: &str| {
        let output = bed.run_with(&[&reconcile[..], more].concat(), list).await;
        assert_eq!(output.status.code(), Some(code), "{}", words(&output));
        assert!(words(&output).contains(said), "{}", words(&output));
    };
    check("", &[], 4, "the list is empty, 40 keys under the prefix \"/a/\" would be retracted")
        .await;
    check("", &[], 4, "--allow-empty").await;
    check("", &["--dry-run"], 4, "--allow-empty").await;
    check("/a/0\n", &[], 4, "--max-retract 39").await;
    check("/a/0\n", &["--max-retract", "50%"], 4, "39 of the 40 keys").await;
    check("/a/0\n", &["--max-retract", "x"], 2, "expected a number, or a percentage").await;
    assert_eq!(bed.answer(&["keys", "/a/", "--count"]).await, "40\n", "nothing was changed");
    let before = bed.json(&["status"]).await["revision"].to_string();
    bed.answer(&["announce", "/a/new"]).await;
    check("/a/0\n/a/1\n", &["--max-retract", "38", "--since", &before], 0, "1 key kept").await;
    assert_eq!(bed.answer(&["keys", "/a/", "--count"]).await, "3\n");
    check("", &["--allow-empty"], 0, "").await;
    assert_eq!(bed.answer(&["keys", "/a/", "--count"]).await, "0\n");
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
    assert_eq!(bed.answer(&["keys", "-o", "name"]).await, "/a/2\n/a/3\n/b/1\n");
    let outside = bed.run_with(&reconcile, "/b/9\n").await;
    assert_eq!(outside.status.code(), Some(2), "{}", words(&outside));
    let wrong = format!("/c/1\n{}\n", "x".repeat(600));
    let wrong = bed.run_with(&["announce", "-"], &wrong).await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(words(&wrong).contains("line 2: key is too long"), "{}", words(&wrong));
    assert_eq!(bed.answer(&["keys", "/c/", "--count"]).await, "0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_operators_that_nobody_can_read_goes_by_its_name_alone() {
    let bed = Bed::with_group().await;
    let client = async_nats::connect(bed.server.url()).await.expect("connected");
    let log = async_nats::jetstream::new(client);
    let ack = log.publish("$KV.divider_orders.control.w9", "garbage".into()).await.expect("sent");
    ack.await.expect("the server stores it");
    let said = words(&bed.run(&["repair", "--yes"]).await);
    assert!(said.contains("nothing changed"), "{said}");
    assert!(said.contains("`divider repair control.w9 --yes`"), "{said}");
    bed.answer(&["repair", "control.w9", "--yes"]).await;
    assert_eq!(bed.json(&["repair"]).await["records"], serde_json::json!([]));
}
