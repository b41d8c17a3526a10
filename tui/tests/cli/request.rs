//! `divider request`: the owner of a key answers a shell.

use serde_json::json;

use crate::bed::{Bed, answered, words};

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_answers() {
    let bed = Bed::with_group().await;
    bed.announce(1).await;
    let node = bed.server_of_requests("w1").await;
    let ask = async |args: &[&str], input: &str| {
        let args = [&["request", "/orders/0", "--deadline", "60s"][..], args].concat();
        let output = bed.run_with(&args, input).await;
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", words(&output));
        output
    };
    assert_eq!(answered(&ask(&["abc"], "").await), "cba");
    // A payload of any bytes goes in and out as it is.
    assert_eq!(answered(&ask(&["-"], "x\ny\n").await), "\ny\nx");
    let document = ask(&["abc", "-o", "json", "--idempotent"], "").await;
    let document = serde_json::from_slice(&document.stdout).expect("JSON");
    crate::json::check(&document);
    let token = node.assigned()[0].token().0;
    assert_eq!((&document["text"], &document["token"]), (&json!("cba"), &json!(token)));
    let document = ask(&["\u{e4}", "-o", "json"], "").await;
    let document = serde_json::from_slice(&document.stdout).expect("JSON");
    crate::json::check(&document);
    assert_eq!((&document["text"], &document["hex"]), (&json!(null), &json!("a4c3")));
    node.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_answered_is_an_error_that_says_whether_it_was_carried_out() {
    let bed = Bed::with_group().await;
    bed.announce(1).await;
    let refused = bed.refusal(5, &["request", "/orders/0", "x", "--deadline", "1s"]).await;
    assert!(refused.contains("no owner accepted the request within 1s"), "{refused}");
    let node = bed.server_of_requests("w1").await;
    let dropped = bed.refusal(1, &["request", "/orders/0", "--deadline", "60s"]).await;
    assert!(dropped.contains("may have been carried out in part: /orders/0"), "{dropped}");
    node.cancel().await;
}
