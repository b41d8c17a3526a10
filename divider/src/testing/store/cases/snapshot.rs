//! What a watch shows first: the newest record of each name, and the end of the snapshot.

use std::time::Duration;

use super::super::subject::{delete, put};
use super::super::verdict::{ensure, ensure_eq};
use super::super::{Given, Verdict};

pub(super) async fn an_empty_log_catches_up_at_once(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let mut all = store.watch(&["claim.>", "key.>"]).await?;
    all.caught_up().await?;
    // The log ends with something that this one does not watch.
    store.write(put("lease.w1", "", None)).await?;
    let mut other = store.watch(&["claim.>"]).await?;
    other.caught_up().await?;
    store.write(put("claim.a", "", None)).await?;
    for mut watch in [other, all] {
        ensure_eq!(watch.record().await?.name, "claim.a", "the first change");
        watch.close().await?;
    }
    Ok(())
}

pub(super) async fn a_watch_gives_the_newest_of_each_and_then_changes(
    given: &Given<'_>,
) -> Verdict {
    let store = given.store().await?;
    store.write(put("key.a", "old", None)).await?;
    let b = store.write(put("key.b", "b", None)).await?;
    let a = store.write(put("key.a", "new", None)).await?;
    let c = store.write(put("key.c", "c", None)).await?;
    let gone = store.write(delete("key.c", c)).await?;

    let mut watch = store.watch(&["key.>"]).await?;
    for (name, revision, value) in
        [("key.b", b, Some("b")), ("key.a", a, Some("new")), ("key.c", gone, None)]
    {
        let record = watch.record().await?;
        let found = (record.name.as_str(), record.revision.0, record.value.as_deref());
        ensure_eq!(found, (name, revision, value.map(str::as_bytes)), "the next of the snapshot");
    }
    watch.caught_up().await?;

    let again = store.write(put("key.c", "again", gone)).await?;
    let deleted = store.write(delete("key.b", b)).await?;
    for (name, revision, value) in [("key.c", again, Some("again")), ("key.b", deleted, None)] {
        let record = watch.record().await?;
        let found = (record.name.as_str(), record.revision.0, record.value.as_deref());
        ensure_eq!(found, (name, revision, value.map(str::as_bytes)), "the next change");
    }
    watch.close().await
}

pub(super) async fn a_snapshot_has_everything_that_was_acknowledged(given: &Given<'_>) -> Verdict {
    let (store, other) = (given.store().await?, given.store().await?);
    for n in 0..50 {
        let name = format!("key.{n}");
        let revision = store.write(put(&name, "", 0)).await?;
        let view = other.view(&["key.>"]).await?;
        let found = view.get(&name).map(|record| record.revision.0);
        ensure_eq!(found, Some(revision), "{name}, which was acknowledged before the watch");
        ensure_eq!(view.len(), n + 1, "the records of the snapshot");
    }
    Ok(())
}

pub(super) async fn a_snapshot_whose_end_expired_catches_up(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    store.write(put("key.a", "", None)).await?;
    for name in ["key.b", "claim.c"] {
        store.write(put(name, "", None).with_ttl(Duration::from_secs(1))).await?;
    }
    for name in ["key.b", "claim.c"] {
        store.until_gone(name).await?;
    }
    let view = store.view(&["key.>"]).await?;
    ensure_eq!(view.keys().collect::<Vec<_>>(), ["key.a"], "the snapshot");
    Ok(())
}

/// A snapshot is no cut of the log: what is rewritten while older records are read is left out where
/// it was, and only comes again at the log's end. If the end came earlier, it would look absent.
pub(super) async fn what_is_rewritten_during_a_snapshot_comes_before_its_end(
    given: &Given<'_>,
) -> Verdict {
    const KEYS: usize = 20_000;
    let store = given.store().await?;
    let name = |n: usize| format!("key.{n:05}");
    store.fill((0..KEYS).map(|n| put(&name(n), vec![b'x'; 200], None))).await?;
    let mut watch = store.watch(&["key.>"]).await?;
    // Two bursts, each of records that the snapshot has not reached, and one in its course.
    for step in 1..=4 {
        let rewrite = (0..KEYS).skip(KEYS - step * 500).step_by(step);
        store.fill(rewrite.map(|n| put(&name(n), "new", None))).await?;
    }
    let view = watch.snapshot().await?;
    let missing = (0..KEYS).filter(|n| !view.contains_key(&name(*n))).count();
    ensure!(missing == 0, "{missing} of {KEYS} records are missing in the snapshot");
    watch.close().await
}
