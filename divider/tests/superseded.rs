//! nats-server shows superseded records again when it crashes: no work that has ended runs because of
//! that, whoever was up or down meanwhile.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use divider::store::nats::StreamOptions;
use divider::store::{Change, Filter, Outcome, Record, Store, Write};
use divider::{Divider, Event, Events, Group, GroupName, Key, NatsStore};
use divider_local_server::LocalServer;
use tokio::task::JoinHandle;

/// How long anything may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(2);

/// More keys than are worth a manifest.
const MANY: usize = 300;

/// A node that does what it is told and remembers what it was told to start.
struct Node {
    divider: Divider,
    started: Arc<Mutex<BTreeSet<String>>>,
    task: JoinHandle<()>,
}

impl Node {
    async fn start(name: &str, server: &LocalServer) -> Self {
        let store = open(server).await;
        let builder = Divider::builder(store).node(name).lease(Duration::from_secs(2));
        let (divider, events) = in_time(Box::pin(builder.start())).await.expect("a member");
        let started = Arc::default();
        let task = tokio::spawn(work(events, Arc::clone(&started)));
        Self { divider, started, task }
    }

    fn started(&self) -> BTreeSet<String> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn leave(self) {
        in_time(self.divider.flush_and_cancel()).await.expect("it was not over");
        in_time(self.task).await.expect("no panic");
    }
}

async fn work(mut events: Events, started: Arc<Mutex<BTreeSet<String>>>) {
    while let Some(event) = events.next().await {
        match event {
            Event::Start(assignment) => {
                let mut started = started.lock().unwrap_or_else(PoisonError::into_inner);
                started.insert(assignment.key().to_string());
            }
            Event::Stop(handoff) | Event::Lost(handoff) => handoff.confirm(),
        }
    }
}

async fn open(server: &LocalServer) -> NatsStore {
    let options = NatsStore::options().create_if_missing(StreamOptions::default());
    let group = GroupName::new("superseded").expect("legal");
    in_time(Box::pin(options.connect(server.url(), group))).await.expect("a group")
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// Waits until a condition holds.
async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    in_time(async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

/// The records of all keys as a watch shows them, tombstones included.
async fn keys(store: &NatsStore) -> Vec<Record> {
    let filter = Filter::new(["key.>"]);
    let mut watch = in_time(store.watch(filter)).await.expect("a watch");
    let mut records = Vec::new();
    while let Change::Record(record) = in_time(watch.next()).await.expect("a change") {
        records.push(record);
    }
    watch.close().await;
    records
}

fn gone() -> Vec<Key> {
    (0..MANY).map(|n| Key::new(format!("gone/{n}")).expect("legal")).collect()
}

/// Gives a tombstone that may go a short time, in place of the hour that it has.
async fn shorten(store: &NatsStore, record: &Record) {
    let write =
        Write::delete(record.name.clone(), Some(record.revision)).with_ttl(Duration::from_secs(1));
    let outcome = in_time(store.write(write)).await;
    assert!(matches!(outcome, Outcome::Acked(_)), "{outcome:?}");
}

/// Writes so much that what comes next is in another of the server's files, of 8 MB. A file of which
/// nothing is in use is removed: then the tombstones in it cannot come back, and what they replaced can.
async fn fill_a_file(store: &NatsStore) {
    for _ in 0..3_000 {
        let write = Write::put("filler", vec![b'x'; divider::store::MAX_VALUE], None);
        let outcome = in_time(store.write(write)).await;
        assert!(matches!(outcome, Outcome::Acked(_)), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retracted_keys_stay_retracted_when_the_server_crashes_and_all_nodes_are_new() {
    let mut server = LocalServer::start().expect("a nats-server");
    let store = open(&server).await;
    let group = Group::open(store.clone());
    let stays = Key::new("stays").expect("legal");
    let node = Node::start("before", &server).await;
    in_time(group.announce_all(gone())).await.expect("announced");
    in_time(group.announce(&stays)).await.expect("announced");
    until(async || node.started().len() == MANY + 1).await;
    node.leave().await;
    fill_a_file(&store).await;
    in_time(group.retract_all(gone())).await.expect("retracted");
    let node = Node::start("collects", &server).await;
    let collected = |record: &Record| record.value.is_some() || record.ttl.is_some();
    until(async || keys(&store).await.iter().all(collected)).await;
    node.leave().await;
    for record in keys(&store).await.iter().filter(|record| record.value.is_none()) {
        shorten(&store, record).await;
    }
    until(async || keys(&store).await.len() == 1).await;
    fill_a_file(&store).await;

    server.kill();
    server.restart().expect("it starts again");
    let store = open(&server).await;
    let back = keys(&store).await.iter().filter(|record| record.value.is_some()).count() - 1;
    // A server that has learned to remember would make this test one of nothing.
    assert!(back > 0, "nats-server {} shows none of them again", server.version());
    eprintln!("nats-server {} shows {back} of {MANY} again", server.version());
    let node = Node::start("after", &server).await;
    until(async || node.started().contains("stays")).await;
    let standing = |record: &Record| record.value.is_some();
    until(async || keys(&store).await.iter().filter(|record| standing(record)).count() == 1).await;
    assert_eq!(node.started(), BTreeSet::from(["stays".to_owned()]));
    node.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_given_an_end_stays_ended_when_the_server_crashes() {
    let mut server = LocalServer::start().expect("a nats-server");
    let group = Group::open(open(&server).await);
    let (ends, stays) = (Key::new("ends").expect("legal"), Key::new("stays").expect("legal"));
    let node = Node::start("before", &server).await;
    in_time(group.announce_all([ends.clone(), stays])).await.expect("announced");
    until(async || node.started().len() == 2).await;
    in_time(group.announce_for(&ends, Duration::from_secs(2))).await.expect("announced again");
    let store = open(&server).await;
    until(async || {
        let record = in_time(store.read("key.ends")).await.expect("an answer");
        record.is_none_or(|record| record.value.is_none())
    })
    .await;
    node.leave().await;

    server.kill();
    server.restart().expect("it starts again");
    let node = Node::start("after", &server).await;
    until(async || node.started().contains("stays")).await;
    assert_eq!(node.started(), BTreeSet::from(["stays".to_owned()]));
    node.leave().await;
}
