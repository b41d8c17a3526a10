//! Writes, reads and limits.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;

use super::super::subject::{delete, put};
use super::super::verdict::{Stop, in_time};
use super::super::verdict::{ensure, ensure_eq};
use super::super::{Given, Verdict};
use crate::id::Revision;
use crate::store::{MAX_VALUE, Outcome, StoreError};

pub(super) async fn a_write_gets_a_higher_revision(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let first = store.write(put("key.a", "", None)).await?;
    let second = store.write(put("key.b", "", None)).await?;
    let third = store.write(put("key.a", "", None)).await?;
    let fourth = store.write(delete("key.a", third)).await?;
    let revisions = [0, first, second, third, fourth];
    ensure!(revisions.is_sorted_by(|a, b| a < b), "found {revisions:?}, expected rising revisions");
    Ok(())
}

pub(super) async fn a_write_does_nothing_before_it_is_polled(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    drop(store.store.write(put("key.dropped", "", None)));
    let kept = store.store.write(put("key.a", "late", None));
    store.write(put("key.a", "early", 0)).await?;
    ensure_eq!(store.read("key.dropped").await?, None, "a write that was dropped unpolled");
    let outcome = in_time(given.suite.patience, "a write ends", kept).await?;
    ensure!(matches!(outcome, Outcome::Acked(_)), "the late write: {outcome:?}");
    let value = store.record("key.a").await?.value;
    ensure_eq!(value, Some(Bytes::from("late")), "the value that was written last");
    Ok(())
}

pub(super) async fn a_read_gives_the_newest_record(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    ensure_eq!(store.read("key.a").await?, None, "a read before the first write");
    store.write(put("key.a", "old", None)).await?;
    let ttl = Some(Duration::from_millis(99_100));
    let revision = store.write(put("key.a", "new", None).with_ttl(ttl)).await?;
    let record = store.record("key.a").await?;
    ensure_eq!(record.name, "key.a", "the name");
    ensure_eq!(record.revision, Revision(revision), "the revision");
    ensure_eq!(record.value, Some(Bytes::from("new")), "the value");
    let whole = Some(Duration::from_secs(100));
    ensure_eq!(record.ttl, whole, "the time to live in whole seconds, rounded up");

    let revision = store.write(delete("key.a", revision)).await?;
    let tombstone = store.record("key.a").await?;
    ensure_eq!(tombstone.revision, Revision(revision), "the revision of the tombstone");
    ensure_eq!(tombstone.value, None, "the value of the tombstone");
    ensure_eq!(tombstone.ttl, None, "a tombstone has only the time that it was written with");
    Ok(())
}

pub(super) async fn values_are_kept_byte_for_byte(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let every: Vec<u8> = (0..=255).collect();
    let long: Vec<u8> = every.iter().copied().cycle().take(MAX_VALUE).collect();
    for value in [Bytes::new(), every.into(), long.into(), "null".into(), "\r\n".into()] {
        let revision = store.write(put("key.a", value.clone(), None)).await?;
        let read = store.record("key.a").await?;
        ensure_eq!(read.value, Some(value.clone()), "the value that is read");
        ensure_eq!((read.ttl, read.expires_in), (None, None), "its times");
        let view = store.view(&["key.>"]).await?;
        ensure_eq!(view.get("key.a"), Some(&read), "the record that a watch shows");
        ensure_eq!(read.revision, Revision(revision), "its revision");
    }
    Ok(())
}

pub(super) async fn limits_are_kept(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let longest = format!("key.{}", "k".repeat(512));
    let full = put(&longest, vec![b'x'; MAX_VALUE], 0).with_ttl(Duration::from_secs(10));
    store.write(full).await?;
    let too_long = put("key.a", vec![b'x'; MAX_VALUE + 1], None);
    let names = ["", "key..a", ".key", "key.", "key a", "key.*", "key.>", "key.ü"];
    let too_long_name = "k".repeat(641);
    let bad_names = names.into_iter().chain([too_long_name.as_str()]);
    for write in bad_names.clone().map(|name| put(name, "", None)).chain([too_long]) {
        let outcome = store.outcome(write.clone()).await?;
        let invalid = matches!(outcome, Outcome::Refused(StoreError::Invalid { .. }));
        ensure!(
            invalid,
            "a write of {} bytes to {:?}: {outcome:?}, expected Refused(Invalid)",
            write.value.map_or(0, |value| value.len()),
            write.name
        );
    }
    for name in bad_names {
        let read = store.try_read(name).await?;
        let invalid = matches!(read, Err(StoreError::Invalid { .. }));
        ensure!(invalid, "a read of {name:?}: {read:?}, expected Invalid");
    }
    ensure_eq!(store.read("key.a").await?, None, "what was refused");
    Ok(())
}

pub(super) async fn thousands_of_writes_go_out_together(given: &Given<'_>) -> Verdict {
    const WRITES: usize = 5_000;
    let store = given.store().await?;
    let create = |n: usize| store.store.write(put(&format!("claim.{n}"), "", 0));
    let writing = join_all((0..WRITES).map(create));
    let outcomes = in_time(given.suite.patience, "5000 writes end", writing).await?;
    let mut revisions = Vec::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Acked(revision) => revisions.push(revision),
            other => return Err(Stop::Failed(format!("one of {WRITES} writes: {other:?}"))),
        }
    }
    revisions.sort();
    revisions.dedup();
    ensure_eq!(revisions.len(), WRITES, "how many revisions were acknowledged, each once");
    Ok(())
}

pub(super) async fn the_log_says_how_far_it_is(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let before = store.info().await?;
    let revision = store.write(put("key.a", "", None)).await?;
    let after = store.info().await?;
    ensure_eq!(after.last, Revision(revision), "the newest revision");
    ensure_eq!(after.created, before.created, "the identity of the log");
    ensure!(after.bytes > 0, "the size in bytes is 0 although there is a record");
    let second = given.store().await?;
    ensure_eq!(second.info().await?.created, before.created, "the identity in a second store");
    Ok(())
}
