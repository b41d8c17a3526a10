//! A server with a group, and streams beside it.

use std::future::Future;
use std::time::Duration;

use async_nats::Client;
use divider::store::nats::{NatsOptions, StreamOptions};
use divider::{Assignment, Divider, Event, Events, Group, GroupName, Key, NatsStore};
use divider_local_server::LocalServer;
use serde_json::{Value, json};

/// How long a condition is waited for; far longer than any takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Bed {
    pub(crate) server: LocalServer,
}

impl Bed {
    pub(crate) fn start() -> Self {
        Self { server: LocalServer::start().expect("a nats-server") }
    }

    /// A store that makes what is missing.
    pub(crate) async fn store(&self) -> NatsStore {
        let options = options().create_if_missing(StreamOptions::default());
        options.connect(self.server.url(), group()).await.expect("a group")
    }

    /// A store that makes nothing.
    pub(crate) async fn plain_store(&self) -> NatsStore {
        options().connect(self.server.url(), group()).await.expect("a group")
    }

    pub(crate) async fn client(&self) -> Client {
        async_nats::connect(self.server.url()).await.expect("a connection")
    }

    /// A node on a store that makes what is missing.
    pub(crate) async fn node(&self, name: &str) -> (Divider, Events) {
        self.node_on(self.store().await, name).await
    }

    pub(crate) async fn node_on(&self, store: NatsStore, name: &str) -> (Divider, Events) {
        let builder = Divider::builder(store).node(name).lease(Duration::from_secs(2));
        in_time(Box::pin(builder.start())).await.expect("a member")
    }

    /// A node that owns the key `k` and handles its events itself.
    pub(crate) async fn owner(&self) -> (Divider, Events, Assignment) {
        let (divider, mut events) = self.node("w1").await;
        self.announce(["k".to_owned()]).await;
        let mine = next_start(&mut events).await;
        (divider, events, mine)
    }

    pub(crate) async fn announce(&self, keys: impl IntoIterator<Item = String>) {
        let keys: Vec<_> = keys.into_iter().map(|text| key(&text)).collect();
        let group = Group::open(self.store().await);
        in_time(group.announce_all(keys)).await.expect("announced");
    }

    pub(crate) async fn retract(&self, text: &str) {
        let group = Group::open(self.store().await);
        in_time(group.retract(&key(text))).await.expect("retracted");
    }
}

fn options() -> NatsOptions {
    // What the tests ask has an answer, however busy the machine is.
    NatsStore::options().request_timeout(PATIENCE / 2)
}

pub(crate) fn group() -> GroupName {
    GroupName::new("service").expect("legal")
}

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).expect("legal")
}

pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// The next start. What has to stop is stopped meanwhile.
pub(crate) async fn next_start(events: &mut Events) -> Assignment {
    in_time(async {
        loop {
            match events.next().await.expect("the node lives") {
                Event::Start(assignment) => return assignment,
                Event::Stop(handoff) | Event::Lost(handoff) => handoff.confirm(),
            }
        }
    })
    .await
}

/// A request to the `JetStream` API beside any store.
pub(crate) async fn api(client: &Client, what: &str, body: Value) -> Value {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let answer = client.request(format!("$JS.API.{what}"), body.into()).await.expect("an answer");
    serde_json::from_slice(&answer.payload).expect("JSON")
}

/// Makes a stream of messages.
pub(crate) async fn make_stream(client: &Client, name: &str, more: Value) {
    let mut config = json!({"name": name, "subjects": [format!("{}.>", name.to_lowercase())]});
    let fields = config.as_object_mut().expect("it is written as an object above");
    fields.extend(more.as_object().cloned().unwrap_or_default());
    let made = api(client, &format!("STREAM.CREATE.{name}"), config).await;
    assert!(made.get("error").is_none(), "{made}");
}

/// Stores a message, and says under which sequence.
pub(crate) async fn publish(client: &Client, subject: &str, payload: &str) -> u64 {
    in_time(async {
        loop {
            let sent = client.request(subject.to_owned(), payload.to_owned().into()).await;
            let ack: Option<Value> =
                sent.ok().and_then(|ack| serde_json::from_slice(&ack.payload).ok());
            if let Some(sequence) = ack.and_then(|ack| ack["seq"].as_u64()) {
                return sequence;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}
