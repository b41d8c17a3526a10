//! Times to live, and times after which a record no longer holds.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::super::subject::put;
use super::super::verdict::{Stop, ensure, ensure_eq};
use super::super::{Given, Verdict};
use crate::id::Revision;

const SECOND: Option<Duration> = Some(Duration::from_secs(1));

pub(super) async fn a_record_vanishes_silently_after_its_time(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let first = store.write(put("key.a", "", None).with_ttl(SECOND)).await?;
    let mut watch = store.watch(&[">"]).await?;
    watch.snapshot().await?;
    tokio::select! {
        biased;
        change = watch.watch.next() => {
            return Err(Stop::Failed(format!("a watch shows that a record expires: {change:?}")));
        }
        gone = store.until_gone("key.a") => gone?,
    }
    ensure!(store.names().await?.is_empty(), "a new watch shows a record that has expired");
    store.conflict(put("key.a", "", first)).await?;
    let again = store.write(put("key.a", "", 0)).await?;
    // The next change that the watch shows is the new record: nothing said that the old one is gone.
    let record = watch.record().await?;
    ensure_eq!((record.name.as_str(), record.revision.0), ("key.a", again), "the next change");
    watch.close().await
}

pub(super) async fn a_record_stays_for_the_whole_of_its_time(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    // Rounded up to 3 s.
    let ttl = Duration::from_millis(2_100);
    let before = Instant::now();
    store.write(put("key.a", "", None).with_ttl(ttl)).await?;
    let mut seen = before;
    loop {
        let asked = Instant::now();
        if store.read("key.a").await?.is_none() {
            break;
        }
        seen = asked;
        if before.elapsed() > given.suite.patience {
            return Err(Stop::Failed("a record with a time to live of 3 s never expires".into()));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // It was stored after `before`, and it was gone by now.
    let lived = before.elapsed();
    ensure!(
        lived >= Duration::from_secs(3),
        "a record with a time to live of 3 s was gone {lived:?} after its write was sent, and was \
         last seen after {:?}",
        seen - before
    );
    Ok(())
}

pub(super) async fn a_record_that_is_written_again_has_only_its_new_time(
    given: &Given<'_>,
) -> Verdict {
    let store = given.store().await?;
    store.write(put("key.for-ever", "1", None).with_ttl(SECOND)).await?;
    let for_ever = store.write(put("key.for-ever", "2", None)).await?;
    store.write(put("key.longer", "1", None).with_ttl(SECOND)).await?;
    let longer = put("key.longer", "2", None).with_ttl(Duration::from_hours(1));
    let longer = store.write(longer).await?;
    // It expires after the times that the first ones had.
    store.write(put("key.clock", "", None).with_ttl(Duration::from_secs(2))).await?;
    store.until_gone("key.clock").await?;
    for (name, revision) in [("key.for-ever", for_ever), ("key.longer", longer)] {
        let record = store.record(name).await?;
        ensure_eq!(record.revision, Revision(revision), "{name} after the time of the first");
        let view = store.view(&[name]).await?;
        ensure_eq!(view.get(name), Some(&record), "{name} as a watch shows it");
    }
    Ok(())
}

pub(super) async fn what_was_superseded_stays_superseded(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    store.write(put("key.a", "for ever", None)).await?;
    store.write(put("key.a", "for a second", None).with_ttl(SECOND)).await?;
    let created = store.write(put("key.b", "for ever", 0)).await?;
    let deleted = crate::store::Write::delete("key.b", Some(Revision(created)));
    store.write(deleted.with_ttl(SECOND)).await?;
    for name in ["key.a", "key.b"] {
        store.until_gone(name).await?;
    }
    // A backend that has to clean up first gets the time for it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let view = store.view(&["key.>"]).await?;
    ensure!(view.is_empty(), "found {view:?} again, which later records had replaced");
    for name in ["key.a", "key.b"] {
        store.write(put(name, "again", 0)).await?;
    }
    Ok(())
}

pub(super) async fn revisions_rise_after_everything_has_expired(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let last = store.write(put("key.a", "", None).with_ttl(SECOND)).await?;
    let before = store.info().await?;
    store.until_gone("key.a").await?;
    let after = store.info().await?;
    ensure_eq!((after.created, after.last), (before.created, before.last), "identity and revision");
    let next = given.store().await?.write(put("key.a", "", 0)).await?;
    ensure!(next > last, "revision {next} of a new record, after {last} of one that has expired");
    Ok(())
}

pub(super) async fn a_record_tells_when_it_is_over_and_stays(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let expires_in = Duration::from_millis(1_500);
    let revision = store.write(put("key.a", "x", None).with_expires_in(expires_in)).await?;
    let of_read = store.record("key.a").await?.expires_in;
    let of_watch =
        async || Ok(store.view(&["key.>"]).await?.get("key.a").and_then(|r| r.expires_in));
    let shown = of_watch().await?;
    let two_seconds = Duration::from_secs(2);
    for left in [of_read, shown] {
        ensure!(
            left.is_some_and(|left| left <= two_seconds),
            "found {left:?} as the time left, expected at most {two_seconds:?}"
        );
    }
    ensure!(shown <= of_read, "the time left grows: from {of_read:?} to {shown:?}");
    let over = async || Ok(of_watch().await? == Some(Duration::ZERO));
    store.until("a watch shows that the record is over", over).await?;
    let record = store.record("key.a").await?;
    ensure_eq!(record.revision, Revision(revision), "the revision of a record that is over");
    ensure_eq!(record.value, Some(Bytes::from("x")), "the value of a record that is over");
    ensure_eq!(record.ttl, None, "its time to live");
    Ok(())
}
