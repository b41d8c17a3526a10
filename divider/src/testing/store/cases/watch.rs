//! What a watch shows after its snapshot.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::super::subject::put;
use super::super::verdict::{Stop, ensure, ensure_eq, in_time};
use super::super::{Given, Verdict};
use crate::id::Revision;
use crate::store::{Change, StoreError};

pub(super) async fn concurrent_writes_are_delivered_in_the_order_of_their_revisions(
    given: &Given<'_>,
) -> Verdict {
    const WRITERS: usize = 16;
    const EACH: usize = 40;
    let (store, other) = (given.store().await?, given.store().await?);
    let mut watch = store.watch(&["claim.>"]).await?;
    watch.caught_up().await?;
    let write = |n: usize| {
        let store = if n.is_multiple_of(2) { &store } else { &other };
        async move {
            let mut revisions = Vec::new();
            for count in 0..EACH {
                let name = format!("claim.{n}.{count}");
                revisions.push(store.write(put(&name, count.to_string(), 0)).await?);
            }
            Ok(revisions)
        }
    };
    let read = async {
        let mut delivered = Vec::new();
        while delivered.len() < WRITERS * EACH {
            delivered.push(watch.record().await?.revision.0);
            if !delivered.is_sorted() {
                break;
            }
        }
        Ok::<_, Stop>(delivered)
    };
    let (written, delivered) = tokio::join!(join_all((0..WRITERS).map(write)), read);
    let written = written.into_iter().collect::<Verdict<Vec<_>>>()?;
    let mut written: Vec<u64> = written.into_iter().flatten().collect();
    written.sort_unstable();
    let delivered = delivered?;
    ensure!(delivered.is_sorted(), "changes are out of order: {:?}", last_two(&delivered));
    ensure!(delivered == written, "not every change was delivered once");
    watch.close().await
}

fn last_two(revisions: &[u64]) -> &[u64] {
    &revisions[revisions.len().saturating_sub(2)..]
}

/// Changes that a reader does not fetch may be superseded meanwhile, and the watch may end. Nothing
/// that is still the newest may be missing.
pub(super) async fn a_slow_reader_misses_nothing_silently(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let mut watch = store.watch(&["key.>"]).await?;
    watch.caught_up().await?;
    for round in 0..4 {
        let write = |n: usize| put(&format!("key.{}", n % 700), format!("{round}"), None);
        store.fill((0..1_500).map(write)).await?;
    }
    let end = store.write(put("key.end", "", None)).await?;
    let (mut newest, mut last) = (BTreeMap::new(), 0);
    while last < end {
        match watch.try_next().await? {
            Ok(Change::Record(record)) => {
                let revision = record.revision.0;
                ensure!(revision > last, "revision {revision} was shown after {last}");
                last = revision;
                newest.insert(record.name.clone(), record);
            }
            Ok(Change::CaughtUp) => return Err(Stop::Failed("the snapshot ended twice".into())),
            Err(StoreError::Gap { .. }) => return Ok(()),
            Err(error) => return Err(Stop::Failed(format!("the watch ended: {error}"))),
        }
    }
    let view = store.view(&["key.>"]).await?;
    ensure!(newest == view, "the newest records that the watch has shown are not those of the log");
    watch.close().await
}

pub(super) async fn a_next_that_is_dropped_loses_nothing(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let mut watch = store.watch(&[">"]).await?;
    watch.snapshot().await?;
    let (mut written, mut seen) = (Vec::new(), Vec::new());
    for n in 0..500 {
        written.push(store.write(put(&format!("key.{n}"), "", None)).await?);
        if n % 3 == 0 {
            continue;
        }
        // Polled once and dropped, whatever comes of it.
        match watch.watch.next().now_or_never() {
            Some(Ok(Change::Record(record))) => seen.push(record.revision.0),
            None => {}
            other => return Err(Stop::Failed(format!("a watch after its snapshot: {other:?}"))),
        }
    }
    while seen.last() != written.last() {
        seen.push(watch.record().await?.revision.0);
        let out_of_order = !seen.is_sorted_by(|a, b| a < b);
        ensure!(!out_of_order, "changes are out of order: {:?}", last_two(&seen));
    }
    ensure!(seen == written, "{} changes of {} were shown", seen.len(), written.len());
    watch.close().await
}

pub(super) async fn what_is_ready_and_what_is_waited_for_are_one_sequence(
    given: &Given<'_>,
) -> Verdict {
    let store = given.store().await?;
    for n in 0..200 {
        store.write(put(&format!("key.{n}"), "", None)).await?;
    }
    let mut watch = store.watch(&["key.>"]).await?;
    let (mut names, mut ends) = (Vec::new(), 0);
    while names.last().is_none_or(|name| name != "key.end") {
        let change = match watch.watch.ready() {
            Some(Ok(change)) => change,
            Some(Err(error)) => return Err(Stop::Failed(format!("the watch ended: {error}"))),
            None => watch.next().await?,
        };
        match change {
            Change::Record(record) => names.push(record.name),
            Change::CaughtUp => {
                ends += 1;
                store.write(put("key.later", "", None)).await?;
                store.write(put("key.end", "", None)).await?;
            }
        }
        ensure!(names.len() <= 202, "more changes than there were writes");
    }
    let want = (0..200).map(|n| format!("key.{n}")).chain(["key.later".into(), "key.end".into()]);
    ensure!(names.into_iter().eq(want), "a record is missing, twice, or out of order");
    ensure_eq!(ends, 1, "how often the snapshot ended");
    watch.close().await
}

pub(super) async fn an_idle_watch_stays_open(given: &Given<'_>) -> Verdict {
    const IDLE: Duration = Duration::from_secs(5);
    let store = given.store().await?;
    let mut watch = store.watch(&["key.>"]).await?;
    watch.caught_up().await?;
    if let Ok(change) = tokio::time::timeout(IDLE, watch.watch.next()).await {
        return Err(Stop::Failed(format!("nothing was written, and the watch gave {change:?}")));
    }
    let revision = store.write(put("key.a", "", None)).await?;
    ensure_eq!(watch.record().await?.revision, Revision(revision), "the change after a quiet time");
    watch.close().await
}

pub(super) async fn an_age_is_not_ahead_of_the_record(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let before = tokio::time::Instant::now();
    store.write(put("key.a", "", None)).await?;
    let mut watch = store.watch(&["key.>"]).await?;
    watch.record().await?;
    let Some(first) = watch.watch.last_age() else {
        return Err(Stop::NotRun("the backend does not know the ages of records".into()));
    };
    // The clock of the server and the test's may be set, and whole seconds are precise enough.
    let most = before.elapsed() + Duration::from_secs(2);
    ensure!(first <= most, "an age of {first:?}, {most:?} after the write was sent");
    watch.close().await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut watch = store.watch(&["key.>"]).await?;
    watch.record().await?;
    let later = watch.watch.last_age();
    ensure!(later > Some(first), "an age of {first:?}, and after 3 s one of {later:?}");
    watch.close().await
}

pub(super) async fn a_watch_that_is_closed_or_dropped_leaves_others_alone(
    given: &Given<'_>,
) -> Verdict {
    let store = given.store().await?;
    let mut watches = Vec::new();
    for _ in 0..3 {
        let mut watch = store.watch(&[">"]).await?;
        watch.snapshot().await?;
        watches.push(watch);
    }
    let mut kept = watches.remove(1);
    watches.remove(1).close().await?;
    drop(watches);
    let revision = store.write(put("key.a", "", None)).await?;
    ensure_eq!(kept.record().await?.revision, Revision(revision), "the change of the third watch");
    // Neither does a write or a read that is dropped while it is under way.
    let _ = store.store.write(put("key.b", "", None)).now_or_never();
    let _ = store.store.read("key.b").now_or_never();
    let end = store.write(put("key.c", "", None)).await?;
    let reading = async {
        loop {
            let record = kept.record().await?;
            if record.revision.0 == end {
                return Ok(());
            }
            ensure_eq!(record.name, "key.b", "the write that was dropped may land");
        }
    };
    in_time(given.suite.patience, "the last change is shown", reading).await??;
    kept.close().await
}
