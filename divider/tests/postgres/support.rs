//! What the tests share: servers, stores, and waiting for conditions.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use divider::GroupName;
use divider::Revision;
use divider::store::postgres::{PostgresOptions, PostgresStore};
use divider::store::{Change, Outcome, Record, Store, Watch, Write};
use divider_local_server::LocalPostgres;

/// How long a condition is waited for; far longer than any takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The server of the tests that do it no harm. `None`: there is no PostgreSQL here.
pub(crate) fn server() -> Option<&'static LocalPostgres> {
    static SERVER: OnceLock<Option<LocalPostgres>> = OnceLock::new();
    SERVER.get_or_init(|| LocalPostgres::or_skip(LocalPostgres::start())).as_ref()
}

/// Waits for each answer for as long as a busy machine may take.
pub(crate) fn creating() -> PostgresOptions {
    let options = PostgresStore::options().request_timeout(PATIENCE / 2);
    options.connect_timeout(PATIENCE / 2).create_if_missing()
}

/// A group that nobody else uses.
pub(crate) fn new_group() -> GroupName {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    GroupName::new(format!("test-{number}")).expect("legal")
}

pub(crate) fn put(name: &str, expected: Option<u64>) -> Write {
    Write::put(name, "x", expected.map(Revision))
}

/// A write that has to succeed.
pub(crate) async fn write(store: &dyn Store, write: Write) -> u64 {
    match store.write(write.clone()).await {
        Outcome::Acked(revision) => revision.0,
        other => panic!("{write:?}: {other:?}"),
    }
}

/// The next change, which has to be a record.
pub(crate) async fn next_record(watch: &mut Box<dyn Watch>) -> Record {
    match in_time(watch.next()).await.expect("a change") {
        Change::Record(record) => record,
        Change::CaughtUp => panic!("caught up too early, or twice"),
    }
}

/// The names of the snapshot.
pub(crate) async fn snapshot(watch: &mut Box<dyn Watch>) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        match in_time(watch.next()).await.expect("a change") {
            Change::Record(record) => names.push(record.name),
            Change::CaughtUp => return names,
        }
    }
}

pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// Asks until it is so.
pub(crate) async fn until<F: Future<Output = bool>>(mut ask: impl FnMut() -> F) {
    in_time(async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
