//! The history of a group, if the backend keeps one.

use std::time::Duration;

use bytes::Bytes;

use super::super::verdict::{Stop, ensure, ensure_eq, in_time};
use super::super::{Given, Subject, Verdict};
use crate::store::{HistoryRecord, HistoryStart, StoreError};

async fn append(store: &Subject, id: &str, entry: &str) -> Verdict {
    let appending = store.store.append_history(id, Bytes::from(entry.to_owned()));
    match in_time(store.patience, "an entry is appended", appending).await? {
        Ok(()) => Ok(()),
        Err(StoreError::NoHistory { what }) => Err(Stop::NotRun(what)),
        Err(error) => Err(Stop::Failed(format!("append {id}: {error}"))),
    }
}

async fn read(store: &Subject, from: HistoryStart) -> Verdict<Vec<HistoryRecord>> {
    let reading = store.store.read_history(from);
    let entries = in_time(store.patience, "the history is read", reading).await?;
    entries.map_err(|error| Stop::Failed(format!("read the history from {from:?}: {error}")))
}

pub(super) async fn an_entry_of_the_history_is_kept_once_and_in_order(
    given: &Given<'_>,
) -> Verdict {
    let store = given.store().await?;
    for (id, entry) in [("1", "a"), ("2", "b"), ("1", "a"), ("3", "c"), ("2", "b")] {
        append(&store, id, entry).await?;
    }
    let all = read(&store, HistoryStart::After(0)).await?;
    let values: Vec<_> = all.iter().map(|entry| entry.value.clone()).collect();
    ensure_eq!(values, ["a", "b", "c"], "the entries, each id once");
    let rising = all.is_sorted_by(|a, b| a.number < b.number && a.at_ms <= b.at_ms);
    ensure!(rising, "the numbers or the times of the entries do not rise: {all:?}");
    let after = read(&store, HistoryStart::After(all[1].number)).await?;
    ensure_eq!(after, all[2..], "the entries after the second");
    let hour = read(&store, HistoryStart::Ago(Duration::from_hours(1))).await?;
    ensure_eq!(hour, all, "the entries of the last hour");
    let none = read(&store, HistoryStart::After(all[2].number)).await?;
    ensure_eq!(none, [], "the entries after the last");
    ensure!(store.names().await?.is_empty(), "a watch of the log shows entries of the history");
    Ok(())
}
