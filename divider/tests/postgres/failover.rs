//! A standby that is promoted.

use divider::store::{Filter, Outcome, Store, StoreError};
use divider_local_server::LocalPostgres;

use crate::support::{PATIENCE, creating, in_time, new_group, put, snapshot, until, write};

/// Reads on until the watch ends, and says why.
async fn end_of(watch: &mut Box<dyn divider::store::Watch>) -> StoreError {
    in_time(async {
        loop {
            if let Err(error) = watch.next().await {
                return error;
            }
        }
    })
    .await
}

#[tokio::test]
async fn after_a_promotion_no_revision_is_used_twice_and_every_watch_has_ended() {
    let Some(mut primary) = LocalPostgres::or_skip(LocalPostgres::start()) else { return };
    let mut standby = primary.standby(&["fsync=off"]).expect("a standby");
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres",
        primary.port(),
        standby.port()
    );
    let options = creating().request_timeout(PATIENCE / 20).connect_timeout(PATIENCE / 20);
    let store = options.connect(&url, new_group()).await.expect("a group");
    let before = store.info().await.expect("an answer");
    let mut last = 0;
    for n in 0..200 {
        last = write(&store, put(&format!("key.{n}"), Some(0))).await;
    }
    let replayed = format!("SELECT max(revision) >= {last} FROM divider.records");
    until(|| async { standby.sql(&replayed).is_ok_and(|text| text.trim() == "t") }).await;
    // What the primary has and the standby does not is lost with it.
    standby.stop();
    let mut watching = in_time(store.watch(Filter::everything())).await.expect("a watch");
    let mut missing = 0;
    for n in 0..20 {
        missing = write(&store, put(&format!("key.lost.{n}"), Some(0))).await;
    }
    snapshot(&mut watching).await;
    primary.kill();
    standby.restart().expect("it starts");
    standby.promote().expect("promoted");

    end_of(&mut watching).await;
    let revision = in_time(async {
        loop {
            if let Outcome::Acked(revision) = store.write(put("key.next", None)).await {
                return revision.0;
            }
        }
    })
    .await;
    assert!(revision > missing.max(last) + (1 << 31), "{revision} after {missing}");
    let after = store.info().await.expect("an answer");
    assert_ne!(after.created, before.created, "it may lack records");
    // Everything that is there comes in a new watch.
    let mut again = in_time(store.watch(Filter::everything())).await.expect("a watch");
    let names = snapshot(&mut again).await;
    assert!((0..200).all(|n| names.contains(&format!("key.{n}"))));
    assert!(!names.iter().any(|name| name.starts_with("key.lost.")), "the test lost nothing");
}

#[tokio::test]
async fn a_first_host_that_is_frozen_keeps_nobody_from_the_second() {
    let Some(mut frozen) = LocalPostgres::or_skip(LocalPostgres::start()) else { return };
    let Some(server) = LocalPostgres::or_skip(LocalPostgres::start()) else { return };
    let group = new_group();
    creating().connect(server.url(), group.clone()).await.expect("a group");
    frozen.freeze();
    let ports = (frozen.port(), server.port());
    let url = format!("postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres", ports.0, ports.1);
    // A request does not wait as long as the first host is tried.
    let options = divider::PostgresStore::options().connect_timeout(PATIENCE / 30);
    let store = in_time(options.connect(&url, group)).await.expect("the group");
    in_time(async { while !matches!(store.write(put("key.a", None)).await, Outcome::Acked(_)) {} })
        .await;
}

#[tokio::test]
async fn a_standby_is_refused_in_words() {
    let Some(primary) = LocalPostgres::or_skip(LocalPostgres::start()) else { return };
    creating().connect(primary.url(), new_group()).await.expect("a group");
    let standby = primary.standby(&["fsync=off"]).expect("a standby");
    let error = creating().connect(standby.url(), new_group()).await.expect_err("a standby");
    assert!(matches!(error, divider::store::postgres::OpenError::ReadOnly { .. }), "{error:?}");
    let options = creating();
    let found = options.inspect(format!("{}?target_session_attrs=any", standby.url())).await;
    assert!(found.expect("an answer").is_standby);
    let found = options.inspect(primary.url()).await.expect("an answer");
    assert_eq!((found.is_standby, found.standbys), (false, Some(1)));
}
