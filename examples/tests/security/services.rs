//! What the handlers of a worker need: checkpoints, and messages in order.

use std::time::Duration;

use divider::checkpoint::CheckpointError;
use divider::messages::InboxError;
use divider::store::nats::{CheckpointOptions, StreamOptions};
use divider::store::{SourceError, Store, StoreError};
use divider::{Assignment, Divider, Event, Events, NatsStore};

use crate::office::{Office, connect_as, group, in_time, key};

/// The operator makes the checkpoints, and somebody with all rights a stream.
async fn prepare(office: &Office) -> async_nats::Client {
    let options = NatsStore::options().connect_options(connect_as("operator"));
    let account = options.account(office.server.url()).await.unwrap();
    let (stream, options) = (StreamOptions::default(), CheckpointOptions::default());
    assert!(account.create_checkpoints(&group(), &stream, &options).await.unwrap());
    let admin = connect_as("breakglass").connect(office.server.url()).await.unwrap();
    let config = r#"{"name":"ORDERS","subjects":["orders.>"]}"#;
    let made = admin.request("$JS.API.STREAM.CREATE.ORDERS", config.into()).await.unwrap();
    assert!(!String::from_utf8_lossy(&made.payload).contains("\"error\""));
    admin
}

async fn assigned(office: &Office) -> (Divider, Events, Assignment) {
    let builder = Divider::builder(office.store("worker").await).node("w1");
    let (divider, mut events) = builder.lease(Duration::from_secs(3)).start().await.unwrap();
    office.group("announcer").await.announce(&key("k")).await.unwrap();
    let start = in_time(events.next()).await;
    let Some(Event::Start(mine)) = start else { panic!("{start:?}") };
    (divider, events, mine)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_saves_state_and_reads_messages() {
    let office = Office::open_with_all_rights().await;
    let admin = prepare(&office).await;
    let (divider, _events, mine) = assigned(&office).await;
    let mut state = mine.checkpoint::<u64>().await.unwrap();
    let mut inbox = mine.messages("ORDERS", "orders.k").await.unwrap();
    admin.request("orders.k", "x".into()).await.unwrap();
    let message = in_time(inbox.next()).await.unwrap().unwrap();
    state.save_with(&1, &message).await.unwrap();
    inbox.close().await.unwrap();
    in_time(divider.complete(&mine)).await.unwrap();
    let found = office.store("worker").await.checkpoints().unwrap().read(&key("k")).await;
    assert_eq!(found.unwrap().unwrap().content, None, "it was deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_the_rights_to_a_stream_is_told_which() {
    let office = Office::open().await;
    prepare(&office).await;
    let (_divider, _events, mine) = assigned(&office).await;
    let refused = in_time(mine.messages("ORDERS", "orders.k").into_future()).await;
    let Err(InboxError::Source(SourceError::Store(StoreError::Denied { what }))) = refused else {
        panic!("{refused:?}")
    };
    assert!(what.contains("$JS.API.STREAM.INFO.ORDERS"), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_reads_or_writes_the_state_of_keys() {
    let office = Office::open().await;
    prepare(&office).await;
    for role in ["announcer", "viewer"] {
        let checkpoints = office.store(role).await.checkpoints().unwrap();
        let read = in_time(checkpoints.read(&key("k"))).await;
        assert!(matches!(read, Err(StoreError::Denied { .. })), "{role}: {read:?}");
        let client = connect_as(role).connect(office.server.url()).await.unwrap();
        let written = client.request("$KV.divider_state_orders.k", "x".into());
        let written = tokio::time::timeout(Duration::from_secs(3), written).await;
        assert!(!matches!(written, Ok(Ok(_))), "{role}: {written:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_checkpoints_the_worker_may_not_make_says_who_may() {
    let office = Office::open().await;
    let (_divider, _events, mine) = assigned(&office).await;
    let refused = mine.checkpoint::<u64>().await;
    let Err(CheckpointError::Refused { source, .. }) = refused else { panic!("{refused:?}") };
    assert!(source.to_string().contains("divider init"), "{source}");
}
