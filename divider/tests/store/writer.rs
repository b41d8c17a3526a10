//! The writer of a store on NATS: many writes at a time, on a server that is well and on one that is not.

use std::future::poll_fn;
use std::task::Poll;

use async_nats::connection::State;
use divider::store::{Outcome, Store, StoreError, Write, Writer};
use divider::{NatsStore, Revision};

use crate::support::{Nats, group, in_time, put, until, write};

fn writer(store: &NatsStore) -> Box<dyn Writer> {
    store.writer().expect("a writer")
}

/// The next outcomes, by number: so many.
async fn outcomes(writer: &mut Box<dyn Writer>, count: usize) -> Vec<(u64, Outcome)> {
    let mut all = Vec::new();
    while all.len() < count {
        in_time(poll_fn(|cx| writer.poll_outcomes(cx, &mut all))).await;
    }
    all.sort_by_key(|(number, _)| *number);
    all
}

/// Lets the writer do what it can do now. Returns what it reported.
async fn poll_once(writer: &mut Box<dyn Writer>) -> Vec<(u64, Outcome)> {
    let mut all = Vec::new();
    poll_fn(|cx| {
        let _ = writer.poll_outcomes(cx, &mut all);
        Poll::Ready(())
    })
    .await;
    all
}

#[tokio::test]
async fn each_write_has_an_outcome_of_its_own() {
    let nats = Nats::start().await;
    let taken = write(&nats.store, put("claim.b", "", Some(0))).await;
    let mut writer = writer(&nats.store);
    let three = [put("claim.a", "1", Some(0)), put("claim.b", "", Some(0)), put("", "", None)];
    writer.submit((0..).zip(three).collect());
    match &outcomes(&mut writer, 3).await[..] {
        [
            (0, Outcome::Acked(Revision(revision))),
            (1, Outcome::Conflict),
            (2, Outcome::Refused(StoreError::Invalid { .. })),
        ] => assert_eq!(*revision, taken + 1),
        other => panic!("{other:?}"),
    }
    let record = nats.store.read("claim.a").await.expect("an answer").expect("a record");
    assert_eq!(record.value.as_deref(), Some(&b"1"[..]));
}

#[tokio::test]
async fn writes_land_in_the_order_in_which_they_were_submitted() {
    let nats = Nats::start().await;
    let mut writer = writer(&nats.store);
    let many: Vec<(u64, Write)> =
        (0..3_000).map(|n| (n, put(&format!("key.{n}"), "", Some(0)))).collect();
    let (first, second) = many.split_at(1_700);
    writer.submit(first.to_vec());
    writer.submit(second.to_vec());
    let outcomes = outcomes(&mut writer, 3_000).await;
    let revisions: Vec<u64> = outcomes
        .into_iter()
        .map(|(number, outcome)| match outcome {
            Outcome::Acked(revision) => revision.0,
            other => panic!("{number}: {other:?}"),
        })
        .collect();
    assert!(revisions.is_sorted());
}

#[tokio::test]
async fn what_is_forgotten_or_dropped_before_the_connection_is_back_is_never_sent() {
    let mut nats = Nats::start().await;
    let client = nats.client().await;
    let store = NatsStore::open(client.clone(), group()).await.expect("the group");
    let (mut dropped, mut kept) = (writer(&store), writer(&store));
    nats.server.stop();
    until(|| async { client.connection_state() != State::Connected }).await;
    dropped.submit(vec![(1, put("key.dropped", "", None))]);
    kept.submit(vec![(1, put("key.forgotten", "", None)), (2, put("key.kept", "", None))]);
    assert_eq!(poll_once(&mut dropped).await, []);
    assert_eq!(poll_once(&mut kept).await, []);
    drop(dropped);
    kept.forget(1);
    nats.server.restart().expect("it starts again");
    match &outcomes(&mut kept, 1).await[..] {
        [(2, Outcome::Acked(_))] => {}
        other => panic!("{other:?}"),
    }
    for name in ["key.dropped", "key.forgotten"] {
        assert_eq!(nats.store.read(name).await, Ok(None), "{name}");
    }
}

#[tokio::test]
async fn a_lost_connection_leaves_what_was_sent_unknown() {
    let mut nats = Nats::start().await;
    let mut writer = writer(&nats.store);
    nats.server.freeze();
    writer.submit(vec![(1, put("key.a", "", Some(0)))]);
    assert_eq!(poll_once(&mut writer).await, []);
    // The client gets its chance to send it.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    nats.server.kill();
    nats.server.restart().expect("it starts again");
    match &outcomes(&mut writer, 1).await[..] {
        [(1, Outcome::Unknown(StoreError::Unreachable { .. }))] => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_late_acknowledgement_is_for_nobody() {
    let mut nats = Nats::start().await;
    let mut writer = writer(&nats.store);
    nats.server.freeze();
    writer.submit(vec![(1, put("key.a", "1", Some(0)))]);
    assert_eq!(poll_once(&mut writer).await, []);
    writer.forget(1);
    writer.submit(vec![(2, put("key.a", "2", Some(0)))]);
    assert_eq!(poll_once(&mut writer).await, []);
    nats.server.thaw();
    // The first was sent and lands; its acknowledgement is not taken for that of the second.
    assert_eq!(outcomes(&mut writer, 1).await, [(2, Outcome::Conflict)]);
}
