//! State that moves with a key.

use std::time::Duration;

use divider::checkpoint::CheckpointError;
use divider::store::nats::{CheckpointOptions, StreamOptions};
use divider::store::{CheckpointContent, CheckpointWrite, Outcome, Store};
use divider::{Finish, NatsStore, Revision, Token, run};
use serde_json::json;
use tokio::sync::mpsc;

use crate::bed::{Bed, PATIENCE, api, group, in_time, key, next_start};

/// The record of a key: its token and its value.
async fn record(store: &NatsStore, text: &str) -> Option<(u64, Option<String>)> {
    let checkpoints = store.checkpoints().expect("NATS has them");
    let found = in_time(checkpoints.read(&key(text))).await.expect("an answer")?;
    let value = found.content.and_then(|content| content.value);
    Some((found.token.0, value.map(|value| String::from_utf8_lossy(&value).into_owned())))
}

#[tokio::test(flavor = "multi_thread")]
async fn state_moves_with_its_key_and_its_former_owner_can_save_nothing() {
    let bed = Bed::start();
    let (first, mut events) = bed.node("w1").await;
    bed.announce(["a b".to_owned()]).await;
    let mine = next_start(&mut events).await;
    let mut state = mine.checkpoint::<Vec<u32>>().await.expect("opened");
    assert_eq!(state.value().expect("readable"), None);
    state.save(&vec![1, 2]).await.expect("saved");

    let (_second, mut heir) = bed.node("w2").await;
    // A move that the former owner's code ignores: it confirms, and goes on.
    let flushing = tokio::spawn(async move { first.flush().await });
    let reader = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let divider::Event::Stop(handoff) | divider::Event::Lost(handoff) = event {
                handoff.confirm();
            }
        }
    });
    let theirs = next_start(&mut heir).await;
    in_time(flushing).await.expect("no panic").expect("flushed");
    let mut next = theirs.checkpoint::<Vec<u32>>().await.expect("opened");
    assert_eq!(next.value().expect("readable"), Some(vec![1, 2]));
    for attempt in 0..1_000 {
        let late = state.save(&vec![attempt]).await;
        assert!(
            matches!(&late, Err(CheckpointError::Fenced { newer, .. }) if *newer == theirs.token()),
            "{attempt}: {late:?}"
        );
    }
    next.save(&vec![3]).await.expect("saved");
    // What any client of a key-value bucket reads.
    let client = bed.client().await;
    let wanted = json!({"last_by_subj": "$KV.divider_state_service.a=20b"});
    let found = api(&client, "STREAM.MSG.GET.KV_divider_state_service", wanted).await;
    assert_eq!(found["message"]["data"], "WzNd", "[3] in base64: {found}");
    reader.abort();
}

#[tokio::test]
async fn a_completed_key_leaves_no_state_and_a_retracted_one_for_a_while() {
    let bed = Bed::start();
    let (divider, events) = bed.node("w1").await;
    let (begun, mut begins) = mpsc::unbounded_channel();
    let running = run(divider.clone(), events, move |mine| {
        let begun = begun.clone();
        async move {
            let mut state = mine.checkpoint::<u32>().await?;
            state.save(&7).await?;
            let _ = begun.send(mine.key().to_string());
            if mine.key().as_str() == "done" {
                return Ok::<_, CheckpointError>(Finish::Done);
            }
            mine.cancelled().await;
            Ok(Finish::Release)
        }
    });
    let running = tokio::spawn(async move { running.await });
    bed.announce(["done".to_owned(), "retracted".to_owned()]).await;
    in_time(begins.recv()).await.expect("called");
    in_time(begins.recv()).await.expect("called");
    let store = bed.store().await;
    in_time(async {
        while record(&store, "done").await.is_some_and(|(_, value)| value.is_some()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    bed.retract("retracted").await;
    let client = bed.client().await;
    let wanted = json!({"last_by_subj": "$KV.divider_state_service.retracted"});
    in_time(async {
        loop {
            let get = "STREAM.MSG.GET.KV_divider_state_service";
            let found = api(&client, get, wanted.clone()).await;
            let headers = found["message"]["hdrs"].as_str().expect("headers").to_owned();
            let headers = decode(&headers);
            if headers.contains("Nats-TTL: 604800s") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    in_time(divider.cancel()).await;
    in_time(running).await.expect("no panic").expect("it was cancelled");
}

/// Plain text of base64.
fn decode(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte: u8| DIGITS.iter().position(|&it| it == byte).unwrap_or(0);
    let bytes: Vec<_> = text.bytes().filter(|&byte| byte != b'=').map(digit).collect();
    let mut plain = Vec::new();
    for chunk in bytes.chunks(4) {
        let bits = chunk.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - chunk.len()));
        let three = [bits >> 16 & 255, bits >> 8 & 255, bits & 255];
        let three = three.map(|byte| u8::try_from(byte).expect("8 bits"));
        plain.extend(&three[..chunk.len() - 1]);
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[tokio::test]
async fn a_group_without_checkpoints_says_how_to_make_them() {
    let bed = Bed::start();
    bed.store().await;
    let store = bed.plain_store().await;
    let (_divider, mut events) = bed.node_on(store.clone(), "w1").await;
    bed.announce(["k".to_owned()]).await;
    let mine = next_start(&mut events).await;
    let error = mine.checkpoint::<u32>().await.expect_err("there are none");
    let CheckpointError::Refused { source, .. } = error else { panic!("{error}") };
    assert!(source.to_string().contains("divider init -g service --checkpoints"), "{source}");

    let account = NatsStore::options().request_timeout(PATIENCE / 2);
    let account = account.account(bed.server.url()).await.expect("a connection");
    assert_eq!(account.inspect_checkpoints(&group()).await.expect("an answer"), None);
    let (stream, options) = (StreamOptions::default(), CheckpointOptions::default());
    for is_new in [true, false] {
        let made = account.create_checkpoints(&group(), &stream, &options).await;
        assert_eq!(made.expect("they can be made"), is_new);
    }
    assert_eq!(account.inspect_checkpoints(&group()).await.expect("an answer"), Some(vec![]));
    mine.checkpoint::<u32>().await.expect("opened").save(&1).await.expect("saved");
    account.delete(&group()).await.expect("deleted");
    assert_eq!(account.inspect_checkpoints(&group()).await.expect("an answer"), None);
}

#[tokio::test]
async fn who_uses_no_checkpoints_gets_no_stream() {
    let bed = Bed::start();
    let (divider, _events, mine) = bed.owner().await;
    in_time(divider.complete(&mine)).await.expect("completed");
    let client = bed.client().await;
    let names = api(&client, "STREAM.NAMES", json!({})).await;
    assert_eq!(names["streams"], json!(["KV_divider_service"]));
}

#[tokio::test]
async fn what_the_server_refuses_is_an_error_and_nothing_is_stored() {
    let bed = Bed::start();
    let store = bed.store().await;
    let checkpoints = store.checkpoints().expect("NATS has them");
    let content = |size: usize| Some(CheckpointContent::new(Some(vec![b'x'; size].into()), vec![]));
    let write = |expected: u64, size: usize| {
        CheckpointWrite::new(key("k"), Revision(expected), Token(1), content(size))
    };
    let first = in_time(checkpoints.write(write(0, checkpoints.max_value()))).await;
    let Outcome::Acked(revision) = first else { panic!("{first:?}") };
    assert_eq!(in_time(checkpoints.write(write(0, 1))).await, Outcome::Conflict);
    let large =
        in_time(checkpoints.write(write(revision.0, checkpoints.max_value() * 3 / 2))).await;
    assert!(matches!(large, Outcome::Refused(_)), "{large:?}");
    let found = in_time(checkpoints.read(&key("k"))).await.expect("an answer").expect("a record");
    assert_eq!(found.revision, revision);
}
