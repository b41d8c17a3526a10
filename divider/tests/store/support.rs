//! What the tests share: servers, short forms of writes, and waiting for conditions.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use divider::store::nats::NatsOptions;
use divider::store::nats::StreamOptions;
use divider::store::{Change, Filter, Outcome, Record, Store, StoreError, Watch, Write};
use divider::{GroupName, NatsStore, Revision};
use divider_local_server::LocalServer;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};

/// How long a condition is waited for; far longer than any takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A server with a group.
pub(crate) struct Nats {
    // Dropped before the server, so that it does not try to reconnect.
    pub(crate) store: NatsStore,
    pub(crate) server: LocalServer,
}

impl Nats {
    pub(crate) async fn start() -> Self {
        Self::with(LocalServer::start().expect("a nats-server")).await
    }

    pub(crate) async fn with(server: LocalServer) -> Self {
        let store = creating().connect(server.url(), group()).await.expect("a group");
        Self { store, server }
    }

    /// A client beside the store's.
    pub(crate) async fn client(&self) -> async_nats::Client {
        async_nats::connect(self.server.url()).await.expect("a connection")
    }
}

/// Makes the group, and waits for each answer for as long as a busy machine may take.
pub(crate) fn creating() -> NatsOptions {
    let options = NatsStore::options().request_timeout(PATIENCE / 2);
    options.create_if_missing(StreamOptions::default())
}

/// A store whose requests end soon, for what nobody answers.
pub(crate) async fn impatient(server: &LocalServer) -> NatsStore {
    let options = NatsStore::options().request_timeout(Duration::from_millis(500));
    let opened = async {
        loop {
            // On a busy machine even a server that is there may be too late for it.
            if let Ok(store) = options.clone().connect(server.url(), group()).await {
                return store;
            }
        }
    };
    in_time(Box::pin(opened)).await
}

pub(crate) fn group() -> GroupName {
    GroupName::new("suite").expect("legal")
}

/// A request to the `JetStream` API beside any store.
pub(crate) async fn api(client: &async_nats::Client, what: &str, body: Value) -> Value {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let answer = client.request(format!("$JS.API.{what}"), body.into()).await.expect("an answer");
    serde_json::from_slice(&answer.payload).expect("JSON")
}

/// How many consumers the group's stream has.
pub(crate) async fn consumers(client: &async_nats::Client) -> u64 {
    let names = api(client, "CONSUMER.NAMES.KV_divider_suite", json!({})).await;
    names["total"].as_u64().expect("a number")
}

pub(crate) fn put(name: &str, value: impl Into<Bytes>, expected: Option<u64>) -> Write {
    let expected = expected.map(Revision);
    Write::put(name, value, expected)
}

pub(crate) fn delete(name: &str, expected: u64) -> Write {
    Write::delete(name, Some(Revision(expected)))
}

/// A write that has to succeed.
pub(crate) async fn write(store: &dyn Store, write: Write) -> u64 {
    match store.write(write.clone()).await {
        Outcome::Acked(revision) => revision.0,
        other => panic!("{write:?}: {other:?}"),
    }
}

/// Writes all of these over whatever there is, so many at a time as a server takes in without
/// effort. What was not answered is written again, so that in the end each has landed.
pub(crate) async fn fill(store: &dyn Store, writes: impl Iterator<Item = Write>) {
    let landed = writes.map(|write| async move {
        assert_eq!(write.expected, None, "it may be written again");
        loop {
            match store.write(write.clone()).await {
                Outcome::Acked(_) => return,
                Outcome::Unknown(_) | Outcome::Refused(StoreError::Unreachable { .. }) => {}
                other => panic!("{write:?}: {other:?}"),
            }
        }
    });
    in_time(stream::iter(landed).buffer_unordered(500).collect::<()>()).await;
}

pub(crate) fn names(names: &[&str]) -> Filter {
    Filter::new(names.iter().copied())
}

/// A watch of these names that has to open.
pub(crate) async fn watch(store: &dyn Store, filter: &[&str]) -> Box<dyn Watch> {
    in_time(store.watch(names(filter))).await.expect("a watch")
}

/// The next change, which has to be a record.
pub(crate) async fn next_record(watch: &mut Box<dyn Watch>) -> Record {
    match in_time(watch.next()).await.expect("a change") {
        Change::Record(record) => record,
        Change::CaughtUp => panic!("caught up too early, or twice"),
    }
}

/// The newest of every record up to the end of the snapshot.
pub(crate) async fn snapshot(watch: &mut Box<dyn Watch>) -> BTreeMap<String, Record> {
    let mut view = BTreeMap::new();
    loop {
        match in_time(watch.next()).await.expect("a change") {
            Change::Record(record) => view.insert(record.name.clone(), record),
            Change::CaughtUp => return view,
        };
    }
}

pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// Waits until a condition holds.
pub(crate) async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    in_time(async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
