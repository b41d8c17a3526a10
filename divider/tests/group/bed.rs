//! Where the groups of the tests live: in memory, or on a server.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
#[cfg(feature = "postgres")]
use std::sync::OnceLock;
#[cfg(feature = "postgres")]
use std::sync::atomic::AtomicU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use divider::store::nats::{HistoryOptions, StreamOptions};
use divider::store::{Change, Filter, Info, Outcome, Record, Store, StoreError, Watch, Write};
use divider::{GroupName, MemoryStore, NatsStore, Revision};
#[cfg(feature = "postgres")]
use divider_local_server::LocalPostgres;
use divider_local_server::LocalServer;
use tokio::sync::watch;

/// How long a condition is waited for; far longer than any takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// One group, to which any number of stores lead.
pub(crate) enum Bed {
    Memory(MemoryStore),
    Nats(Box<LocalServer>),
    /// A schema of its own on a server that all tests share.
    #[cfg(feature = "postgres")]
    Postgres(String),
    #[cfg(feature = "redis")]
    Redis(Box<divider_local_server::RedisServer>),
}

impl Bed {
    pub(crate) fn memory() -> Self {
        Self::Memory(MemoryStore::new(group()))
    }

    pub(crate) fn nats() -> Self {
        Self::Nats(Box::new(LocalServer::start().expect("a nats-server")))
    }

    /// `None`: there is no PostgreSQL here.
    #[cfg(feature = "postgres")]
    pub(crate) fn postgres() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        postgres_server()?;
        Some(Self::Postgres(format!("group_{}", MADE.fetch_add(1, Ordering::Relaxed))))
    }

    /// A server of its own, or `None` where there is none and the test is skipped.
    #[cfg(feature = "redis")]
    pub(crate) fn redis(test: &str) -> Option<Self> {
        use divider_local_server::RedisServer;
        let is_here = RedisServer::is_here_or_skip(test);
        is_here.then(|| Self::Redis(Box::new(RedisServer::start().expect("a redis-server"))))
    }

    /// A store with a connection of its own.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => Arc::new(store.clone()),
            Self::Nats(server) => {
                // What the tests write themselves has an answer, however busy the machine is.
                let options = NatsStore::options().request_timeout(PATIENCE / 2);
                let options = options.create_if_missing(StreamOptions::default());
                Arc::new(options.connect(server.url(), group()).await.expect("a group"))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(schema) => {
                let server = postgres_server().expect("it was there when the bed was made");
                let options = divider::PostgresStore::options().create_if_missing();
                let options = options.request_timeout(PATIENCE / 2).connect_timeout(PATIENCE / 2);
                let store = options.schema(schema).connect(server.url(), group()).await;
                Arc::new(store.expect("a group"))
            }
            #[cfg(feature = "redis")]
            Self::Redis(server) => {
                let options = divider::RedisStore::options().request_timeout(PATIENCE / 2);
                let options = options.create_if_missing();
                Arc::new(options.connect(server.url(), group()).await.expect("a group"))
            }
        }
    }

    /// Makes the history of the group, where it has to be made.
    pub(crate) async fn keep_history(&self) {
        let Self::Nats(server) = self else { return };
        self.store().await;
        let account = NatsStore::options().account(server.url()).await.expect("a connection");
        let (stream, options) = (StreamOptions::default(), HistoryOptions::default());
        let made = account.create_history(&group(), &stream, &options).await;
        assert!(made.expect("it can be made"), "it is new");
        let made = account.create_history(&group(), &stream, &options).await;
        assert!(!made.expect("it is there"), "it is kept");
    }

    pub(crate) async fn put(&self, name: &str, value: impl Into<Bytes>) {
        let write = Write::put(name, value, None);
        let outcome = self.store().await.write(write).await;
        assert!(matches!(outcome, Outcome::Acked(_)), "{name}: {outcome:?}");
    }

    /// Announces `k0` to `k<count-1>`.
    pub(crate) async fn announce(&self, count: usize) {
        self.announce_more(0..count).await;
    }

    pub(crate) async fn announce_more(&self, numbers: Range<usize>) {
        let store = self.store().await;
        for n in numbers {
            let write = Write::put(format!("key.k{n}"), Bytes::new(), Some(Revision::NONE));
            assert!(matches!(store.write(write).await, Outcome::Acked(_)));
        }
    }

    pub(crate) async fn retract(&self, key: &str) {
        let write = Write::delete(format!("key.{key}"), None).with_ttl(PATIENCE);
        assert!(matches!(self.store().await.write(write).await, Outcome::Acked(_)));
    }

    /// Waits until a record's value has this text in it.
    pub(crate) async fn holds(&self, name: &str, text: &str) {
        let store = self.store().await;
        let found = async {
            loop {
                let record = store.read(name).await.expect("an answer").and_then(|r| r.value);
                let value = record.map(|v| String::from_utf8_lossy(&v).into_owned());
                if value.is_some_and(|value| value.contains(text)) {
                    return;
                }
            }
        };
        in_time(found).await;
    }

    /// The names of all records with a value.
    pub(crate) async fn names(&self) -> BTreeSet<String> {
        let filter = Filter::everything();
        let mut watch = self.store().await.watch(filter).await.expect("a watch");
        let mut names = BTreeSet::new();
        while let Change::Record(record) = in_time(watch.next()).await.expect("a change") {
            if record.value.is_some() {
                names.insert(record.name);
            } else {
                names.remove(&record.name);
            }
        }
        watch.close().await;
        names
    }

    /// How many consumers there are on the server.
    pub(crate) async fn consumers(&self) -> u64 {
        let Self::Nats(server) = self else { return 0 };
        let client = async_nats::connect(server.url()).await.expect("a connection");
        let names = format!("$JS.API.CONSUMER.NAMES.KV_divider_{}", group());
        let answer = client.request(names, "{}".into()).await.expect("an answer");
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).expect("JSON");
        answer["total"].as_u64().expect("a number")
    }
}

/// The server of all tests. Without PostgreSQL there is nothing to test, except on CI, where it must be.
#[cfg(feature = "postgres")]
fn postgres_server() -> Option<&'static LocalPostgres> {
    static SERVER: OnceLock<Option<LocalPostgres>> = OnceLock::new();
    SERVER.get_or_init(|| LocalPostgres::or_skip(LocalPostgres::start())).as_ref()
}

fn group() -> GroupName {
    GroupName::new("suite").expect("legal")
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

/// A store behind a cable that can be cut: nothing goes in or out, and nobody says so.
#[derive(Clone)]
pub(crate) struct Cable {
    store: Arc<dyn Store>,
    cut: Arc<watch::Sender<bool>>,
    burnt: Arc<AtomicBool>,
    denied: Arc<Mutex<Vec<String>>>,
}

impl Cable {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, cut: Arc::default(), burnt: Arc::default(), denied: Arc::default() }
    }

    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Makes the next write panic, on whatever thread it is.
    pub(crate) fn burn(&self) {
        self.burnt.store(true, Ordering::Release);
    }

    /// Refuses every write of a record whose name begins so, from now on.
    pub(crate) fn deny(&self, prefix: &str) {
        self.denied.lock().expect("no test panics with it").push(prefix.to_owned());
    }

    pub(crate) fn mend(&self) {
        self.cut.send_replace(false);
    }

    /// The answer, once and if the cable is whole.
    fn through<T: Send + 'static>(&self, future: BoxFuture<T>) -> BoxFuture<T> {
        let mut cut = self.cut.subscribe();
        Box::pin(async move {
            // The sender is in the cable; without it nobody can mend it.
            let _ = cut.wait_for(|cut| !cut).await;
            let answer = future.await;
            let _ = cut.wait_for(|cut| !cut).await;
            answer
        })
    }
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Store for Cable {
    fn group(&self) -> &GroupName {
        self.store.group()
    }
    fn write(&self, write: Write) -> BoxFuture<Outcome> {
        assert!(!self.burnt.load(Ordering::Acquire), "as the test wants it");
        let denied = self.denied.lock().expect("no test panics with it");
        if denied.iter().any(|prefix| write.name.starts_with(prefix)) {
            let error = StoreError::Denied { what: format!("publish to {}", write.name) };
            return Box::pin(async { Outcome::Refused(error) });
        }
        drop(denied);
        self.through(self.store.write(write))
    }
    fn read(&self, name: &str) -> BoxFuture<Result<Option<Record>, StoreError>> {
        self.through(self.store.read(name))
    }
    fn watch(&self, filter: Filter) -> BoxFuture<Result<Box<dyn Watch>, StoreError>> {
        let opened = self.through(self.store.watch(filter));
        let cut = self.cut.subscribe();
        Box::pin(async move {
            let watch = opened.await?;
            Ok(Box::new(Behind { watch, cut }) as Box<dyn Watch>)
        })
    }
    fn info(&self) -> BoxFuture<Result<Info, StoreError>> {
        self.through(self.store.info())
    }
    fn append_history(&self, id: &str, entry: Bytes) -> BoxFuture<Result<(), StoreError>> {
        self.through(self.store.append_history(id, entry))
    }
}

impl fmt::Debug for Cable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

struct Behind {
    watch: Box<dyn Watch>,
    cut: watch::Receiver<bool>,
}

impl Watch for Behind {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Change, StoreError>> + Send + '_>> {
        Box::pin(async {
            let _ = self.cut.wait_for(|cut| !cut).await;
            self.watch.next().await
        })
    }
    fn last_age(&self) -> Option<Duration> {
        self.watch.last_age()
    }
    fn close(self: Box<Self>) -> BoxFuture<()> {
        self.watch.close()
    }
}
