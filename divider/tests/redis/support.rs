//! What the tests share.

use std::time::Duration;

use divider::store::{Change, Filter, Outcome, Store, StoreError, Watch, Write};
use divider::{GroupName, RedisStore, Revision};
use divider_local_server::RedisServer;

/// How long a condition is waited for; far longer than any takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn group() -> GroupName {
    GroupName::new("orders").expect("legal")
}

/// A server, or `None` where there is none and the test is skipped.
pub(crate) fn server(test: &str) -> Option<RedisServer> {
    let is_here = RedisServer::is_here_or_skip(test);
    is_here.then(|| RedisServer::start().expect("a redis-server"))
}

/// A store that creates the group, and waits for each answer for as long as a busy machine may take.
pub(crate) async fn store(urls: &str) -> RedisStore {
    let options = RedisStore::options().request_timeout(PATIENCE / 2).create_if_missing();
    options.connect(urls, group()).await.expect("a group")
}

pub(crate) fn put(name: &str, expected: u64) -> Write {
    Write::put(name, "x", Some(Revision(expected)))
}

/// A write that has to succeed.
pub(crate) async fn write(store: &RedisStore, write: Write) -> u64 {
    match store.write(write).await {
        Outcome::Acked(revision) => revision.0,
        other => panic!("{other:?}"),
    }
}

/// A watch of everything, after its snapshot, and the names that it has shown.
pub(crate) async fn watch(store: &RedisStore) -> (Box<dyn Watch>, Vec<String>) {
    let mut watch = in_time(store.watch(Filter::everything())).await.expect("a watch");
    let mut names = Vec::new();
    loop {
        match in_time(watch.next()).await.expect("a change") {
            Change::Record(record) => names.push(record.name),
            Change::CaughtUp => return (watch, names),
        }
    }
}

/// Reads on until the watch ends, and says why.
pub(crate) async fn end_of(watch: &mut Box<dyn Watch>) -> StoreError {
    in_time(async {
        loop {
            if let Err(error) = watch.next().await {
                return error;
            }
        }
    })
    .await
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
