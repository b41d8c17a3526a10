//! Streams that cannot be read in order, and what is said of them.

use divider::Assignment;
use divider::messages::{InboxError, Messages};
use divider::store::SourceError;
use serde_json::json;

use crate::bed::{Bed, api, in_time, make_stream, publish};

async fn error(messages: Messages) -> InboxError {
    in_time(messages.into_future()).await.map(drop).expect_err("it is refused")
}

async fn assigned(bed: &Bed) -> Assignment {
    let (divider, events, mine) = bed.owner().await;
    // They live as long as the process.
    std::mem::forget((divider, events));
    mine
}

#[tokio::test]
async fn a_stream_that_does_not_fit_is_refused_with_the_reason() {
    let bed = Bed::start();
    let client = bed.client().await;
    make_stream(&client, "QUEUE", json!({"retention": "workqueue"})).await;
    make_stream(&client, "INTEREST", json!({"retention": "interest"})).await;
    make_stream(&client, "ORDERS", json!({})).await;
    let mine = assigned(&bed).await;
    let check = async |stream: &str, filter: &str, is_wanted: fn(&SourceError) -> bool| {
        let error = error(mine.messages(stream, filter)).await;
        let InboxError::Source(found) = &error else { panic!("{error}") };
        assert!(is_wanted(found), "{stream} {filter}: {found}");
    };
    check("NONE", "none.>", |it| matches!(it, SourceError::NoStream { .. })).await;
    check("QUEUE", "queue.>", |it| matches!(it, SourceError::Retention { .. })).await;
    check("INTEREST", "interest.>", |it| matches!(it, SourceError::Retention { .. })).await;
    check("ORDERS", "bills.>", |it| matches!(it, SourceError::NoSubject { .. })).await;
    check("ORDERS", "orders..x", |it| matches!(it, SourceError::InvalidName { .. })).await;
    let streams = api(&client, "STREAM.NAMES", json!({})).await;
    assert!(!streams.to_string().contains("KV_divider_state"), "nothing was opened: {streams}");
}

#[tokio::test]
async fn a_stream_that_was_made_again_is_noticed() {
    let bed = Bed::start();
    let client = bed.client().await;
    make_stream(&client, "ORDERS", json!({})).await;
    let mine = assigned(&bed).await;
    for _ in 0..3 {
        publish(&client, "orders.k", "old").await;
    }
    let mut inbox =
        in_time(mine.messages("ORDERS", "orders.k").into_future()).await.expect("opened");
    for _ in 0..3 {
        let message = in_time(inbox.next()).await.expect("an answer").expect("a message");
        in_time(message.done()).await.expect("done");
    }
    in_time(inbox.close()).await.expect("closed");
    api(&client, "STREAM.DELETE.ORDERS", serde_json::Value::Null).await;
    make_stream(&client, "ORDERS", json!({})).await;
    // More than there were, so that the sequence alone does not tell.
    for _ in 0..5 {
        publish(&client, "orders.k", "new").await;
    }
    let found = error(mine.messages("ORDERS", "orders.k")).await;
    assert!(matches!(found, InboxError::Recreated { done: 3, last: 5, .. }), "{found}");
    let again = mine.messages("ORDERS", "orders.k").accept_new_stream();
    let mut inbox = in_time(again.into_future()).await.expect("opened");
    let message = in_time(inbox.next()).await.expect("an answer").expect("a message");
    assert_eq!((message.sequence(), &message.payload()[..]), (1, &b"new"[..]));
}

#[tokio::test]
async fn messages_that_expired_unread_are_counted() {
    let bed = Bed::start();
    let client = bed.client().await;
    make_stream(&client, "ORDERS", json!({"max_msgs": 3})).await;
    let mine = assigned(&bed).await;
    publish(&client, "orders.k", "x").await;
    let mut inbox =
        in_time(mine.messages("ORDERS", "orders.k").into_future()).await.expect("opened");
    let message = in_time(inbox.next()).await.expect("an answer").expect("a message");
    in_time(message.done()).await.expect("done");
    in_time(inbox.close()).await.expect("closed");
    for _ in 0..7 {
        publish(&client, "orders.k", "x").await;
    }
    let mut inbox =
        in_time(mine.messages("ORDERS", "orders.k").into_future()).await.expect("opened");
    assert_eq!(inbox.expired(), 4, "8 were stored, 3 are there, 1 was read");
    let message = in_time(inbox.next()).await.expect("an answer").expect("a message");
    assert_eq!(message.sequence(), 6);
}
