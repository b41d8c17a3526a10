//! Watches: the same on every store.

use divider::Revision;
use divider::store::{Change, Store, StoreError};
use futures_util::FutureExt;
use futures_util::future::join_all;

use crate::support::{delete, fill, in_time, names, next_record, put, snapshot, watch, write};

pub(crate) async fn an_empty_log_catches_up_at_once(store: &dyn Store) {
    let mut all = watch(store, &["claim.>", "key.>"]).await;
    assert_eq!(in_time(all.next()).await, Ok(Change::CaughtUp));
    // The log ends with something that this one does not watch.
    write(store, put("lease.w1", "", None)).await;
    let mut other = watch(store, &["claim.>"]).await;
    assert_eq!(in_time(other.next()).await, Ok(Change::CaughtUp));
    write(store, put("claim.a", "", None)).await;
    assert_eq!(next_record(&mut other).await.name, "claim.a");
    assert_eq!(next_record(&mut all).await.name, "claim.a");
    all.close().await;
    other.close().await;
}

pub(crate) async fn a_watch_gives_the_newest_of_each_and_then_changes(store: &dyn Store) {
    write(store, put("key.a", "old", None)).await;
    let b = write(store, put("key.b", "b", None)).await;
    let a = write(store, put("key.a", "new", None)).await;
    let gone = write(store, put("key.c", "c", None)).await;
    let gone = write(store, delete("key.c", gone)).await;

    let mut watching = watch(store, &["key.>"]).await;
    let seen = [(); 3].map(|()| ());
    let mut revisions = Vec::new();
    for () in seen {
        let record = next_record(&mut watching).await;
        revisions.push((record.name, record.revision.0, record.value.is_some()));
    }
    let want = [("key.b", b, true), ("key.a", a, true), ("key.c", gone, false)];
    let found: Vec<_> = revisions.iter().map(|(n, r, v)| (n.as_str(), *r, *v)).collect();
    assert_eq!(found, want);
    assert_eq!(in_time(watching.next()).await, Ok(Change::CaughtUp));

    let again = write(store, put("key.c", "again", Some(gone))).await;
    let deleted = write(store, delete("key.b", b)).await;
    let record = next_record(&mut watching).await;
    assert_eq!((record.revision, record.value), (Revision(again), Some("again".into())));
    let record = next_record(&mut watching).await;
    assert_eq!((record.revision, record.value), (Revision(deleted), None));
    watching.close().await;
}

pub(crate) async fn concurrent_writes_are_delivered_in_the_order_of_their_revisions(
    store: &dyn Store,
) {
    const WRITERS: usize = 16;
    const EACH: usize = 40;
    let mut watching = watch(store, &["claim.>"]).await;
    assert_eq!(in_time(watching.next()).await, Ok(Change::CaughtUp));
    let writer = |n: usize| async move {
        let mut revisions = Vec::new();
        for count in 0..EACH {
            let value = count.to_string();
            let name = format!("claim.{n}.{count}");
            revisions.push(write(store, put(&name, value, Some(0))).await);
        }
        revisions
    };
    let reader = async {
        let mut delivered = Vec::new();
        while delivered.len() < WRITERS * EACH {
            delivered.push(next_record(&mut watching).await.revision.0);
        }
        delivered
    };
    let (written, delivered) = tokio::join!(join_all((0..WRITERS).map(writer)), reader);
    assert!(delivered.is_sorted(), "{delivered:?}");
    let mut written: Vec<_> = written.into_iter().flatten().collect();
    written.sort_unstable();
    assert_eq!(delivered, written, "each once");
    watching.close().await;
}

pub(crate) async fn a_watch_gives_only_what_it_names(store: &dyn Store) {
    for name in ["key.a", "key.a.b", "keys.a", "lease.w1", "lease.w10", "group"] {
        write(store, put(name, "", None)).await;
    }
    let check = |filter: &'static [&'static str], want: &'static [&'static str]| async move {
        let mut watching = watch(store, filter).await;
        let found: Vec<_> = snapshot(&mut watching).await.into_keys().collect();
        assert_eq!(found, want, "{filter:?}");
        watching.close().await;
    };
    check(&["key.>"], &["key.a", "key.a.b"]).await;
    check(&["lease.w1"], &["lease.w1"]).await;
    check(&["group", "key.>", "lease.w1"], &["group", "key.a", "key.a.b", "lease.w1"]).await;
    check(&["claim.>"], &[]).await;
    check(&[">"], &["group", "key.a", "key.a.b", "keys.a", "lease.w1", "lease.w10"]).await;

    for illegal in [&[][..], &["key.>", "key.a"], &["key.*"], &["key. a"]] {
        let opened = store.watch(names(illegal)).await.map(drop);
        assert!(matches!(opened, Err(StoreError::Invalid { .. })), "{illegal:?}: {opened:?}");
    }
}

pub(crate) async fn a_snapshot_whose_end_expired_catches_up(store: &dyn Store) {
    write(store, put("key.a", "", None)).await;
    let ttl = Some(std::time::Duration::from_secs(1));
    for name in ["key.b", "claim.c"] {
        write(store, put(name, "", None).with_ttl(ttl)).await;
    }
    crate::support::until(|| async {
        store.read("key.b").await == Ok(None) && store.read("claim.c").await == Ok(None)
    })
    .await;
    let mut watching = watch(store, &["key.>"]).await;
    assert_eq!(snapshot(&mut watching).await.len(), 1);
    watching.close().await;
}

/// A snapshot is no cut of the log: what is rewritten while older records are read is left out where
/// it was, and only comes again at the log's end. Said earlier, the end would make it look absent.
pub(crate) async fn what_is_rewritten_during_a_snapshot_comes_before_its_end(store: &dyn Store) {
    const KEYS: usize = 20_000;
    let name = |n: usize| format!("key.{n:05}");
    fill(store, (0..KEYS).map(|n| put(&name(n), vec![b'x'; 200], None))).await;
    let mut watching = watch(store, &["key.>"]).await;
    // Two bursts, each of records that the snapshot has not reached, and one in its course.
    for step in 1..=4 {
        let rewrite = (0..KEYS).skip(KEYS - step * 500).step_by(step);
        fill(store, rewrite.map(|n| put(&name(n), "new", None))).await;
    }
    let view = snapshot(&mut watching).await;
    let missing = (0..KEYS).filter(|n| !view.contains_key(&name(*n))).count();
    assert_eq!(missing, 0);
    watching.close().await;
}

pub(crate) async fn a_next_that_is_dropped_loses_nothing(store: &dyn Store) {
    let mut watching = watch(store, &[">"]).await;
    snapshot(&mut watching).await;
    for n in 0..500 {
        write(store, put(&format!("key.{n}"), "", None)).await;
        // Polled once and dropped, whatever comes of it: sometimes a record, which counts.
        if n % 3 == 0 {
            continue;
        }
        if let Some(change) = watching.next().now_or_never() {
            let Ok(Change::Record(_)) = change else { panic!("{change:?}") };
            write(store, put("key.taken", "", None)).await;
        }
    }
    let end = write(store, put("group", "", None)).await;
    let mut last = Revision::NONE;
    while last.0 < end {
        let record = next_record(&mut watching).await;
        assert!(record.revision > last, "out of order");
        last = record.revision;
    }
    watching.close().await;
}

pub(crate) async fn what_is_ready_and_what_is_waited_for_are_one_sequence(store: &dyn Store) {
    for n in 0..200 {
        write(store, put(&format!("key.{n}"), "", None)).await;
    }
    let mut watching = watch(store, &["key.>"]).await;
    let (mut names, mut ends) = (Vec::new(), 0);
    while names.last().is_none_or(|name| name != "key.end") {
        let change = match watching.ready() {
            Some(change) => change,
            None => in_time(watching.next()).await,
        };
        match change.expect("a change") {
            Change::Record(record) => names.push(record.name),
            Change::CaughtUp => {
                ends += 1;
                write(store, put("key.later", "", None)).await;
                write(store, put("key.end", "", None)).await;
            }
        }
    }
    let want = (0..200).map(|n| format!("key.{n}")).chain(["key.later".into(), "key.end".into()]);
    assert!(names.into_iter().eq(want), "a record is missing, twice, or out of order");
    assert_eq!(ends, 1);
    watching.close().await;
}

pub(crate) async fn a_watch_that_is_closed_leaves_others_alone(store: &dyn Store) {
    let mut first = watch(store, &[">"]).await;
    let mut second = watch(store, &[">"]).await;
    snapshot(&mut first).await;
    snapshot(&mut second).await;
    first.close().await;
    let revision = write(store, put("key.a", "", None)).await;
    assert_eq!(next_record(&mut second).await.revision, Revision(revision));
    second.close().await;
}
