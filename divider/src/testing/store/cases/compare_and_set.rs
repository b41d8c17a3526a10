//! Compare-and-set on one record.

use bytes::Bytes;
use futures_util::future::join_all;

use super::super::subject::{delete, put};
use super::super::verdict::{Stop, ensure_eq, in_time};
use super::super::{Given, Verdict};
use crate::id::Revision;
use crate::store::Outcome;

pub(super) async fn compare_and_set_takes_only_the_newest_revision(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let first = store.write(put("claim.a", "1", 0)).await?;
    for wrong in [0, first + 1] {
        store.conflict(put("claim.a", "x", wrong)).await?;
        store.conflict(delete("claim.a", wrong)).await?;
    }
    // The newest revision of the log is not the newest of this record.
    let other = store.write(put("claim.b", "1", 0)).await?;
    store.conflict(put("claim.a", "x", other)).await?;
    let second = store.write(put("claim.a", "2", first)).await?;
    store.conflict(put("claim.a", "x", first)).await?;
    store.conflict(delete("claim.a", first)).await?;
    store.write(put("claim.a", "3", second)).await?;
    Ok(())
}

pub(super) async fn compare_and_set_knows_tombstones(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let first = store.write(put("claim.a", "1", 0)).await?;
    let tombstone = store.write(delete("claim.a", first)).await?;
    for wrong in [0, first] {
        store.conflict(put("claim.a", "x", wrong)).await?;
        store.conflict(delete("claim.a", wrong)).await?;
    }
    // A tombstone may also be deleted, which gives another one.
    let tombstone = store.write(delete("claim.a", tombstone)).await?;
    store.write(put("claim.a", "3", tombstone)).await?;
    // What never existed has no tombstone.
    store.conflict(put("claim.b", "x", tombstone)).await?;
    store.conflict(delete("claim.b", tombstone)).await?;
    store.write(delete("claim.b", 0)).await?;
    store.conflict(put("claim.b", "x", 0)).await
}

pub(super) async fn a_conflict_changes_nothing(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let first = store.write(put("claim.a", "1", 0)).await?;
    let mut watch = store.watch(&["claim.>"]).await?;
    watch.snapshot().await?;
    store.conflict(put("claim.a", "x", 0)).await?;
    store.conflict(put("claim.b", "x", first)).await?;
    store.conflict(delete("claim.a", first + 1)).await?;
    let record = store.record("claim.a").await?;
    ensure_eq!(record.revision, Revision(first), "the revision after conflicts");
    ensure_eq!(record.value, Some(Bytes::from("1")), "the value after conflicts");
    ensure_eq!(store.read("claim.b").await?, None, "a record whose creation was a conflict");
    let next = store.write(put("claim.end", "", None)).await?;
    ensure_eq!(watch.record().await?.revision, Revision(next), "the next change of a watch");
    watch.close().await
}

pub(super) async fn a_write_over_a_revision_that_cannot_exist_is_a_conflict(
    given: &Given<'_>,
) -> Verdict {
    let never = i64::MAX.cast_unsigned();
    let store = given.store().await?;
    let first = store.write(put("lease.a", "1", 0)).await?;
    for name in ["lease.a", "lease.b"] {
        store.conflict(delete(name, never)).await?;
        store.conflict(put(name, "x", never)).await?;
    }
    ensure_eq!(store.record("lease.a").await?.revision, Revision(first), "the revision");
    Ok(())
}

pub(super) async fn of_many_creates_exactly_one_wins(given: &Given<'_>) -> Verdict {
    const CREATORS: usize = 60;
    let (store, other) = (given.store().await?, given.store().await?);
    let create = |n: usize| {
        let store = if n.is_multiple_of(2) { &store.store } else { &other.store };
        store.write(put("claim.a", n.to_string(), 0))
    };
    let creating = join_all((0..CREATORS).map(create));
    let outcomes = in_time(given.suite.patience, "60 creations end", creating).await?;
    let acked = |n: &usize| matches!(outcomes[*n], Outcome::Acked(_));
    let winners: Vec<_> = (0..CREATORS).filter(acked).collect();
    let conflicts = outcomes.iter().filter(|outcome| **outcome == Outcome::Conflict).count();
    ensure_eq!((winners.len(), conflicts), (1, CREATORS - 1), "winners and conflicts");
    let value = store.record("claim.a").await?.value;
    ensure_eq!(value, Some(Bytes::from(winners[0].to_string())), "the value of the winner");
    Ok(())
}

pub(super) async fn no_increment_is_lost(given: &Given<'_>) -> Verdict {
    const WRITERS: usize = 8;
    const EACH: usize = 25;
    let mut stores = Vec::new();
    for _ in 0..WRITERS {
        stores.push(given.store().await?);
    }
    stores[0].write(put("claim.count", "0", 0)).await?;
    let count = |record: &crate::store::Record| {
        let text = record.value.as_deref().and_then(|value| std::str::from_utf8(value).ok());
        text.and_then(|text| text.parse::<usize>().ok())
            .ok_or_else(|| Stop::Failed(format!("a count is not a number: {:?}", record.value)))
    };
    let increment = async |store: &super::super::Subject| {
        for _ in 0..EACH {
            loop {
                let record = store.record("claim.count").await?;
                let next = (count(&record)? + 1).to_string();
                match store.outcome(put("claim.count", next, record.revision.0)).await? {
                    Outcome::Acked(_) => break,
                    Outcome::Conflict => {}
                    other => return Err(Stop::Failed(format!("an increment: {other:?}"))),
                }
            }
        }
        Ok(())
    };
    let incrementing = join_all(stores.iter().map(increment));
    let all = in_time(given.suite.patience, "200 increments end", incrementing).await?;
    all.into_iter().collect::<Verdict>()?;
    let found = count(&stores[0].record("claim.count").await?)?;
    ensure_eq!(found, WRITERS * EACH, "the count after increments that were all acknowledged");
    Ok(())
}
