//! What becomes of a store when its server is hurt, or does what other servers do not.

use std::time::Duration;

use divider::store::{Change, Filter, Outcome, Store, StoreError, Write};
use divider_local_server::LocalPostgres;

use crate::support::{
    PATIENCE, creating, in_time, new_group, next_record, put, server, snapshot, until, write,
};

#[tokio::test]
async fn an_acknowledged_write_is_on_the_disk_whatever_the_default_is() {
    let settings = ["synchronous_commit=off", "wal_writer_delay=10s"];
    let Some(mut server) = LocalPostgres::or_skip(LocalPostgres::with(&settings)) else { return };
    let group = new_group();
    let store = creating().connect(server.url(), group.clone()).await.expect("a group");
    let mut revision = 0;
    for n in 0..20 {
        revision = write(&store, put(&format!("key.{n}"), Some(0))).await;
    }
    server.kill();
    server.restart().expect("it starts again");
    let again = creating().connect(server.url(), group).await.expect("a group");
    assert_eq!(again.info().await.expect("an answer").last.0, revision);
}

#[tokio::test]
async fn another_isolation_level_is_refused_in_words() {
    let level = ["default_transaction_isolation=serializable"];
    let Some(server) = LocalPostgres::or_skip(LocalPostgres::with(&level)) else { return };
    let error = creating().connect(server.url(), new_group()).await.expect_err("refused");
    assert!(error.to_string().contains("read committed"), "{error}");
}

#[tokio::test]
async fn a_record_that_was_swept_unseen_ends_a_watch_and_one_that_was_seen_does_not() {
    let Some(server) = server() else { return };
    let group = new_group();
    let store = creating().connect(server.url(), group.clone()).await.expect("a group");
    let mut behind = in_time(store.watch(Filter::new(["key.>"]))).await.expect("a watch");
    let mut ahead = in_time(store.watch(Filter::everything())).await.expect("a watch");
    snapshot(&mut behind).await;
    snapshot(&mut ahead).await;
    let first = write(&store, put("key.a", Some(0))).await;
    let tombstone = Write::delete("key.a", None).with_ttl(Duration::from_secs(1));
    let gone = write(&store, tombstone).await;
    while next_record(&mut ahead).await.revision.0 < gone {}
    until(|| async { store.read("key.a").await == Ok(None) }).await;
    let sweep = format!(
        "UPDATE divider.groups SET swept_at = swept_at - interval '1 hour' WHERE name = '{group}'; \
         SELECT divider.sweep_v1('{group}', 0, 1000, 1000)"
    );
    assert_eq!(server.sql(&sweep).expect("swept").trim(), "1", "the tombstone");
    let newest = write(&store, put("key.b", Some(0))).await;
    assert!(first < gone && gone < newest);
    let record = next_record(&mut ahead).await;
    assert_eq!((record.name.as_str(), record.revision.0), ("key.b", newest));
    let end = in_time(behind.next()).await;
    assert!(matches!(end, Err(StoreError::Gap { .. })), "{end:?}");
}

#[tokio::test]
async fn a_tombstone_that_expired_before_it_was_read_is_read() {
    let Some(server) = server() else { return };
    let store = creating().connect(server.url(), new_group()).await.expect("a group");
    write(&store, put("key.a", Some(0))).await;
    let mut behind = in_time(store.watch(Filter::everything())).await.expect("a watch");
    assert!(snapshot(&mut behind).await.contains(&"key.a".to_owned()));
    let tombstone = Write::delete("key.a", None).with_ttl(Duration::from_secs(1));
    let gone = write(&store, tombstone).await;
    until(|| async { store.read("key.a").await == Ok(None) }).await;
    let record = next_record(&mut behind).await;
    assert_eq!((record.revision.0, record.value), (gone, None));
}

#[tokio::test]
async fn sessions_that_are_ended_by_an_operator_lose_nothing() {
    let Some(server) = server() else { return };
    let group = new_group();
    let store = creating().connect(server.url(), group.clone()).await.expect("a group");
    let mut watching = in_time(store.watch(Filter::new(["key.>"]))).await.expect("a watch");
    snapshot(&mut watching).await;
    for n in 0..5 {
        let name = format!("key.{n}");
        let ended = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE application_name = 'divider {group}'"
        );
        server.sql(&ended).expect("the superuser may");
        in_time(async {
            while !matches!(store.write(put(&name, None)).await, Outcome::Acked(_)) {}
        })
        .await;
        // It goes on, since the server has not lost anything.
        while next_record(&mut watching).await.name != name {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_group_ends_no_future_late() {
    let Some(server) = server() else { return };
    let group = new_group();
    creating().connect(server.url(), group.clone()).await.expect("a group");
    let store = divider::PostgresStore::options()
        .request_timeout(Duration::from_millis(500))
        .connect_timeout(PATIENCE / 2);
    let store = store.connect(server.url(), group.clone()).await.expect("a group");
    let lock = format!(
        "BEGIN; SELECT 1 FROM divider.groups WHERE name = '{group}' FOR UPDATE; SELECT pg_sleep(4); \
         COMMIT"
    );
    let locking = std::thread::scope(|scope| {
        let held = scope.spawn(|| server.sql(&lock));
        let runtime = tokio::runtime::Handle::current();
        let outcome = tokio::task::block_in_place(|| {
            runtime.block_on(async {
                until(|| async {
                    let waits = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(4)%' \
                                 AND wait_event = 'PgSleep'";
                    server.sql(waits).expect("an answer").trim() == "1"
                })
                .await;
                store.write(put("key.a", None)).await
            })
        });
        held.join().expect("no panic").expect("it was unlocked");
        outcome
    });
    let late = matches!(
        locking,
        Outcome::Refused(StoreError::Timeout { .. }) | Outcome::Unknown(StoreError::Timeout { .. })
    );
    assert!(late, "{locking:?}");
    in_time(async { while !matches!(store.write(put("key.b", None)).await, Outcome::Acked(_)) {} })
        .await;
    let watching = in_time(store.watch(Filter::everything())).await;
    let mut watching = watching.expect("a watch");
    assert!(matches!(in_time(watching.next()).await, Ok(Change::Record(_))));
}
