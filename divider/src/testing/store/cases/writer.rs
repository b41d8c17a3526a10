//! The path for many writes at a time, if the backend has one.

use std::future::poll_fn;

use super::super::subject::put;
use super::super::verdict::{Stop, ensure, ensure_eq, in_time};
use super::super::{Given, Subject, Verdict};
use crate::id::Revision;
use crate::store::{Outcome, StoreError, Write, Writer};

fn writer(store: &Subject) -> Verdict<Box<dyn Writer>> {
    let absent = || Stop::NotRun("the backend has no writer: nodes write one by one".into());
    store.store.writer().ok_or_else(absent)
}

/// So many outcomes, by number.
async fn outcomes(
    store: &Subject,
    writer: &mut Box<dyn Writer>,
    count: usize,
) -> Verdict<Vec<(u64, Outcome)>> {
    let mut all = Vec::new();
    while all.len() < count {
        let polling = poll_fn(|cx| writer.poll_outcomes(cx, &mut all));
        in_time(store.patience, "a writer reports an outcome", polling).await?;
    }
    all.sort_by_key(|(number, _)| *number);
    Ok(all)
}

pub(super) async fn each_write_of_a_writer_has_an_outcome_of_its_own(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let mut writer = writer(&store)?;
    let taken = store.write(put("claim.b", "", 0)).await?;
    let five = [
        put("claim.a", "1", 0),
        put("claim.b", "", 0),
        put("", "", None),
        put("claim.a", "2", 0),
        put("claim.c", "3", None),
    ];
    writer.submit((0..).zip(five).collect());
    ensure_eq!(store.read("claim.a").await?, None, "nothing is sent before the writer is polled");
    let found = outcomes(&store, &mut writer, 5).await?;
    match &found[..] {
        [
            (0, Outcome::Acked(first)),
            (1, Outcome::Conflict),
            (2, Outcome::Refused(StoreError::Invalid { .. })),
            (3, Outcome::Conflict),
            (4, Outcome::Acked(last)),
        ] if first.0 > taken && last > first => {
            let record = store.record("claim.a").await?;
            ensure_eq!(record.revision, *first, "the revision that was acknowledged");
            ensure_eq!(record.value.as_deref(), Some(&b"1"[..]), "the value");
            Ok(())
        }
        other => Err(Stop::Failed(format!(
            "found {other:?}, expected Acked, Conflict, Refused(Invalid), Conflict, Acked"
        ))),
    }
}

pub(super) async fn writes_of_a_writer_land_in_their_order(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let mut writer = writer(&store)?;
    let many: Vec<(u64, Write)> =
        (0..3_000).map(|n| (n, put(&format!("key.{n}"), "", 0))).collect();
    let (first, second) = many.split_at(1_700);
    writer.submit(first.to_vec());
    writer.submit(second.to_vec());
    let mut last = Revision(0);
    for (at, (number, outcome)) in (0..).zip(outcomes(&store, &mut writer, many.len()).await?) {
        ensure_eq!(number, at, "each write has one outcome");
        match outcome {
            Outcome::Acked(revision) if revision > last => last = revision,
            other => {
                let found = format!("write {number}: {other:?}, after {last:?}");
                return Err(Stop::Failed(found));
            }
        }
    }
    Ok(())
}

pub(super) async fn a_writer_sends_nothing_that_was_forgotten(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let (mut kept, mut dropped) = (writer(&store)?, writer(&store)?);
    dropped.submit(vec![(1, put("key.dropped", "", None))]);
    drop(dropped);
    kept.submit(vec![(1, put("key.forgotten", "", None)), (2, put("key.kept", "", None))]);
    kept.forget(1);
    let found = outcomes(&store, &mut kept, 1).await?;
    let only = matches!(&found[..], [(2, Outcome::Acked(_))]);
    ensure!(only, "found {found:?}, expected that write 2 alone was acknowledged");
    for name in ["key.dropped", "key.forgotten"] {
        ensure_eq!(store.read(name).await?, None, "{name}");
    }
    Ok(())
}
