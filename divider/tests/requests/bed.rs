//! A server, nodes that serve requests, and a count of what they accepted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use divider::store::nats::StreamOptions;
use divider::{
    Assignment, BoxError, Divider, Event, Events, Finish, Group, Key, NatsStore, RunError, run,
};
use divider_local_server::LocalServer;
use tokio::task::JoinHandle;

/// How long a condition is waited for; far longer than any takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A pause of a loaded machine does not end it.
const LEASE: Duration = Duration::from_secs(30);

/// How long a caller waits: it outlasts every pause of a loaded machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(40);

pub(crate) struct Bed {
    pub(crate) server: LocalServer,
    pub(crate) accepted: Accepted,
}

/// How often each payload was accepted, on all nodes together.
#[derive(Clone, Default)]
pub(crate) struct Accepted(Arc<Mutex<HashMap<String, usize>>>);

impl Accepted {
    fn add(&self, payload: &str) {
        *self.0.lock().expect("not poisoned").entry(payload.to_owned()).or_default() += 1;
    }

    pub(crate) fn times(&self, payload: &str) -> usize {
        self.0.lock().expect("not poisoned").get(payload).copied().unwrap_or(0)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().expect("not poisoned").len()
    }
}

impl Bed {
    pub(crate) fn new() -> Self {
        let server = LocalServer::start().expect("a nats-server");
        Self { server, accepted: Accepted::default() }
    }

    pub(crate) async fn store(&self) -> NatsStore {
        let options = NatsStore::options().request_timeout(PATIENCE / 2);
        let options = options.create_if_missing(StreamOptions::default());
        let group = "suite".parse().expect("legal");
        Box::pin(options.connect(self.server.url(), group)).await.expect("a group")
    }

    pub(crate) async fn group(&self) -> Group {
        Group::open(self.store().await)
    }

    /// A node that handles its events itself.
    pub(crate) async fn member(&self, name: &str) -> (Divider, Events) {
        let started = Divider::builder(self.store().await).node(name).lease(LEASE).start().await;
        started.expect("a member")
    }

    /// A node that owns this key.
    pub(crate) async fn owner(&self, name: &str) -> (Divider, Events, Assignment) {
        let (divider, mut events) = self.member("w1").await;
        self.group().await.announce(&key(name)).await.expect("announced");
        let Some(Event::Start(mine)) = in_time(events.next()).await else { panic!("a start") };
        (divider, events, mine)
    }

    /// A node whose handler answers each request with its payload.
    pub(crate) async fn node(&self, name: &str) -> Node {
        let (divider, events) = self.member(name).await;
        let accepted = self.accepted.clone();
        let running = run(divider.clone(), events, move |mine: Assignment| {
            let accepted = accepted.clone();
            async move { serve(mine, accepted).await }
        });
        Node { divider, running: tokio::spawn(running.into_future()) }
    }
}

async fn serve(mine: Assignment, accepted: Accepted) -> Result<Finish, BoxError> {
    let mut requests = mine.requests().await?;
    while let Some(request) = requests.next().await {
        accepted.add(&text(request.payload()));
        let payload = request.payload().clone();
        request.reply(payload).await?;
    }
    Ok(Finish::Release)
}

pub(crate) struct Node {
    pub(crate) divider: Divider,
    running: JoinHandle<Result<(), RunError>>,
}

impl Node {
    pub(crate) async fn leave(self) {
        in_time(self.divider.flush_and_cancel()).await.expect("it was not over");
        in_time(self.running).await.expect("no panic").expect("it ends well");
    }
}

pub(crate) fn text(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
}

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).expect("legal")
}

pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let held = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, held).await.is_ok(), "never: {what}");
}
