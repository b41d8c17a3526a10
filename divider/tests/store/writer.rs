//! The writer of a store on NATS: many writes at a time, on a server that is well and on one that is not.

use std::future::poll_fn;
use std::task::Poll;

use async_nats::connection::State;
use divider::NatsStore;
use divider::store::{Outcome, Store, StoreError, Writer};

use crate::support::{Nats, group, in_time, put, until};

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
