//! Writes, reads and limits: the same on every store.

use std::time::Duration;

use bytes::Bytes;
use divider::Revision;
use divider::store::{Change, MAX_VALUE, Outcome, Store, StoreError, Write};
use futures_util::FutureExt;
use futures_util::future::join_all;

use crate::support::{delete, in_time, put, snapshot, until, watch, write};

pub(crate) async fn a_write_gets_a_higher_revision(store: &dyn Store) {
    let first = write(store, put("key.a", "", None)).await;
    let second = write(store, put("key.b", "", None)).await;
    let third = write(store, put("key.a", "", None)).await;
    let fourth = write(store, delete("key.a", third)).await;
    assert!(first < second && second < third && third < fourth);
}

pub(crate) async fn compare_and_set_takes_only_the_newest_revision(store: &dyn Store) {
    let first = write(store, put("claim.a", "1", Some(0))).await;
    let wrong = |expected: u64| async move {
        assert_eq!(store.write(put("claim.a", "x", Some(expected))).await, Outcome::Conflict);
        assert_eq!(store.write(delete("claim.a", expected)).await, Outcome::Conflict);
    };
    wrong(0).await;
    wrong(first + 1).await;
    let second = write(store, put("claim.a", "2", Some(first))).await;
    wrong(first).await;
    let tombstone = write(store, delete("claim.a", second)).await;
    // A tombstone is a record like another.
    wrong(0).await;
    wrong(second).await;
    write(store, put("claim.a", "3", Some(tombstone))).await;
    // What never was is expected as that.
    assert_eq!(store.write(put("claim.b", "x", Some(tombstone))).await, Outcome::Conflict);
    assert_eq!(store.write(delete("claim.b", tombstone)).await, Outcome::Conflict);
}

pub(crate) async fn of_many_creates_exactly_one_wins(store: &dyn Store) {
    let create = |n: usize| store.write(put("claim.a", n.to_string(), Some(0)));
    let outcomes = join_all((0..60).map(create)).await;
    let winners: Vec<_> = (0..60).filter(|&n| matches!(outcomes[n], Outcome::Acked(_))).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    let record = store.read("claim.a").await.expect("an answer").expect("a record");
    assert_eq!(record.value, Some(winners[0].to_string().into()));
}

pub(crate) async fn a_write_over_a_revision_that_cannot_exist_is_a_conflict(store: &dyn Store) {
    let never = i64::MAX.cast_unsigned();
    let first = write(store, put("lease.a", "1", Some(0))).await;
    for name in ["lease.a", "lease.b"] {
        assert_eq!(store.write(delete(name, never)).await, Outcome::Conflict, "{name}");
    }
    let record = store.read("lease.a").await.expect("an answer").expect("a record");
    assert_eq!(record.revision, Revision(first));
}

pub(crate) async fn a_read_gives_the_newest_record(store: &dyn Store) {
    assert_eq!(store.read("key.a").await, Ok(None));
    write(store, put("key.a", "old", None)).await;
    let ttl = Some(Duration::from_millis(99_100));
    let revision = write(store, put("key.a", "new", None).with_ttl(ttl)).await;
    let record = store.read("key.a").await.expect("an answer").expect("a record");
    assert_eq!((record.name.as_str(), record.revision), ("key.a", Revision(revision)));
    assert_eq!(record.value.as_deref(), Some(&b"new"[..]));
    assert_eq!(record.ttl, Some(Duration::from_secs(100)), "whole seconds, rounded up");

    let revision = write(store, delete("key.a", revision)).await;
    let record = store.read("key.a").await.expect("an answer").expect("a tombstone");
    assert_eq!((record.revision, record.value), (Revision(revision), None));
    assert_eq!(record.ttl, None, "it stays until somebody gives it an end");

    write(store, put("key.empty", "", None)).await;
    let record = store.read("key.empty").await.expect("an answer").expect("a record");
    assert_eq!((record.value, record.ttl), (Some(Bytes::new()), None));
}

pub(crate) async fn a_record_vanishes_silently_after_its_time(store: &dyn Store) {
    let ttl = Some(Duration::from_secs(1));
    let first = write(store, put("key.a", "", None).with_ttl(ttl)).await;
    write(store, put("key.b", "", None).with_ttl(ttl)).await;
    // Written again in time, and for ever.
    write(store, put("key.b", "", None)).await;
    let mut watching = watch(store, &[">"]).await;
    snapshot(&mut watching).await;
    until(|| async { store.read("key.a").await == Ok(None) }).await;
    assert_eq!(watching.next().now_or_never(), None);
    assert!(store.read("key.b").await.expect("an answer").is_some());
    assert_eq!(store.write(put("key.a", "", Some(first))).await, Outcome::Conflict);
    write(store, put("key.a", "", Some(0))).await;
    let change = in_time(watching.next()).await.expect("a change");
    assert!(matches!(change, Change::Record(record) if record.name == "key.a"));
    watching.close().await;
}

pub(crate) async fn a_record_tells_when_it_is_over_and_stays(store: &dyn Store) {
    let expires_in = Some(Duration::from_millis(1_500));
    let revision = write(store, put("key.a", "x", None).with_expires_in(expires_in)).await;
    let read = || async { store.read("key.a").await.expect("an answer").expect("a record") };
    let left = read().await.expires_in.expect("an end");
    assert!(left <= Duration::from_secs(2), "whole seconds, rounded up: {left:?}");
    let mut watching = watch(store, &["key.>"]).await;
    let before = snapshot(&mut watching).await["key.a"].expires_in.expect("an end");
    assert!(before <= left, "it gets shorter: {before:?}");
    watching.close().await;
    until(|| async {
        let mut watching = watch(store, &["key.>"]).await;
        let over = snapshot(&mut watching).await["key.a"].expires_in == Some(Duration::ZERO);
        watching.close().await;
        over
    })
    .await;
    let record = read().await;
    assert_eq!((record.revision, record.value), (Revision(revision), Some("x".into())));
    assert_eq!(record.ttl, None, "the store does not remove it");
}

pub(crate) async fn limits_are_kept(store: &dyn Store) {
    let full = put(&format!("key.{}", "k".repeat(512)), vec![b'x'; MAX_VALUE], Some(0))
        .with_ttl(Duration::from_secs(10));
    write(store, full).await;
    let refused = |write: Write| async move {
        let outcome = store.write(write).await;
        assert!(matches!(outcome, Outcome::Refused(StoreError::Invalid { .. })), "{outcome:?}");
    };
    refused(put("key.a", vec![b'x'; MAX_VALUE + 1], None)).await;
    for name in ["", "key..a", ".key", "key.", "key a", "key.*", "key.>", "key.ü"] {
        refused(put(name, "", None)).await;
        assert!(matches!(store.read(name).await, Err(StoreError::Invalid { .. })), "{name}");
    }
    refused(put(&"k".repeat(641), "", None)).await;
}

pub(crate) async fn thousands_of_writes_go_out_together(store: &dyn Store) {
    let create = |n: usize| store.write(put(&format!("claim.{n}"), "", Some(0)));
    let outcomes = in_time(join_all((0..5000).map(create))).await;
    let mut revisions: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Outcome::Acked(revision) => revision,
            other => panic!("{other:?}"),
        })
        .collect();
    revisions.sort();
    revisions.dedup();
    assert_eq!(revisions.len(), 5000);
}

pub(crate) async fn the_log_says_how_far_it_is(store: &dyn Store) {
    let before = store.info().await.expect("an answer");
    let revision = write(store, put("key.a", "", None)).await;
    let after = store.info().await.expect("an answer");
    assert_eq!(after.last, Revision(revision));
    assert_eq!((after.created, after.replicas, after.max_bytes), (before.created, 1, None));
    assert!(after.created > 0 && after.bytes > before.bytes);
}
