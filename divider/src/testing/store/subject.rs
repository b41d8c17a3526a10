//! The store that a case is about, with the steps that cases are made of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};

use super::verdict::{Stop, Verdict, ensure, in_time};
use crate::id::Revision;
use crate::store::{Change, Filter, Info, Outcome, Record, Store, StoreError, Watch, Write};

/// A store, and how long its answers are waited for.
pub(super) struct Subject {
    pub(super) store: Arc<dyn Store>,
    pub(super) patience: Duration,
}

impl Subject {
    pub(super) fn new(store: Arc<dyn Store>, patience: Duration) -> Self {
        Self { store, patience }
    }

    /// What comes of a write.
    pub(super) async fn outcome(&self, write: Write) -> Verdict<Outcome> {
        in_time(self.patience, "a write ends", self.store.write(write)).await
    }

    /// A write that has to succeed.
    pub(super) async fn write(&self, write: Write) -> Verdict<u64> {
        match self.outcome(write.clone()).await? {
            Outcome::Acked(revision) => Ok(revision.0),
            other => Err(Stop::Failed(format!("{}: {other:?}", brief(&write)))),
        }
    }

    /// A write that has to find another newest revision.
    pub(super) async fn conflict(&self, write: Write) -> Verdict {
        let outcome = self.outcome(write.clone()).await?;
        ensure!(outcome == Outcome::Conflict, "{}: {outcome:?}, expected Conflict", brief(&write));
        Ok(())
    }

    /// Writes all of these over whatever there is, up to 500 at a time. A write without an answer is
    /// repeated, so that in the end each has landed.
    pub(super) async fn fill(&self, writes: impl Iterator<Item = Write>) -> Verdict {
        let land = |write: Write| async move {
            loop {
                match self.store.write(write.clone()).await {
                    Outcome::Acked(_) => return Ok(()),
                    Outcome::Unknown(_) | Outcome::Refused(StoreError::Unreachable { .. }) => {}
                    other => return Err(Stop::Failed(format!("{}: {other:?}", brief(&write)))),
                }
            }
        };
        let all = stream::iter(writes.map(land)).buffer_unordered(500).collect::<Vec<_>>();
        in_time(self.patience, "many writes have landed", all).await?.into_iter().collect()
    }

    /// The newest record of a name, from an answer that has to come.
    pub(super) async fn read(&self, name: &str) -> Verdict<Option<Record>> {
        match self.try_read(name).await? {
            Ok(record) => Ok(record),
            Err(error) => Err(Stop::Failed(format!("read {name}: {error}"))),
        }
    }

    /// The same, which has to be there.
    pub(super) async fn record(&self, name: &str) -> Verdict<Record> {
        let absent = || Stop::Failed(format!("read {name}: found no record"));
        self.read(name).await?.ok_or_else(absent)
    }

    pub(super) async fn try_read(&self, name: &str) -> Verdict<Result<Option<Record>, StoreError>> {
        in_time(self.patience, "a read ends", self.store.read(name)).await
    }

    /// The state of the log, from an answer that has to come.
    pub(super) async fn info(&self) -> Verdict<Info> {
        let info =
            in_time(self.patience, "the state of the log is told", self.store.info()).await?;
        info.map_err(|error| Stop::Failed(format!("the state of the log: {error}")))
    }

    /// A watch of these names, which has to open.
    pub(super) async fn watch(&self, names: &[&str]) -> Verdict<Following> {
        let opened = self.try_watch(names).await?;
        opened.map_err(|error| Stop::Failed(format!("watch {names:?}: {error}")))
    }

    pub(super) async fn try_watch(&self, names: &[&str]) -> Verdict<Result<Following, StoreError>> {
        let opening = self.store.watch(Filter::new(names.iter().copied()));
        let opened = in_time(self.patience, "a watch opens", opening).await?;
        Ok(opened.map(|watch| Following { watch, patience: self.patience }))
    }

    /// The newest record of each name that a new watch shows, up to the end of its snapshot.
    pub(super) async fn view(&self, names: &[&str]) -> Verdict<BTreeMap<String, Record>> {
        let mut watch = self.watch(names).await?;
        let view = watch.snapshot().await?;
        watch.close().await?;
        Ok(view)
    }

    /// The names that a new watch of everything shows, without that of the record that a backend may
    /// write when it creates a group.
    pub(super) async fn names(&self) -> Verdict<Vec<String>> {
        let view = self.view(&[">"]).await?;
        Ok(view.into_keys().filter(|name| name != "group").collect())
    }

    /// Waits until a question has the answer yes.
    pub(super) async fn until<A: Future<Output = Verdict<bool>>>(
        &self,
        what: &str,
        mut ask: impl FnMut() -> A,
    ) -> Verdict {
        let asking = async {
            while !ask().await? {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        in_time(self.patience, what, asking).await?
    }

    /// Waits until a name has no record any more.
    pub(super) async fn until_gone(&self, name: &str) -> Verdict {
        let what = format!("the record {name} has expired");
        self.until(&what, || async { Ok(self.read(name).await?.is_none()) }).await
    }

    /// Waits until the store answers again.
    pub(super) async fn until_it_answers(&self) -> Verdict {
        let answers = || async { Ok(self.try_read("group").await?.is_ok()) };
        self.until("the store answers again", answers).await
    }
}

/// A watch, and how long its changes are waited for.
pub(super) struct Following {
    pub(super) watch: Box<dyn Watch>,
    patience: Duration,
}

impl Following {
    /// The next change, or the end of the watch.
    pub(super) async fn try_next(&mut self) -> Verdict<Result<Change, StoreError>> {
        in_time(self.patience, "a watch shows a change or ends", self.watch.next()).await
    }

    pub(super) async fn next(&mut self) -> Verdict<Change> {
        let change = self.try_next().await?;
        change.map_err(|error| Stop::Failed(format!("a watch of a healthy store ended: {error}")))
    }

    /// The next change, which has to be a record.
    pub(super) async fn record(&mut self) -> Verdict<Record> {
        match self.next().await? {
            Change::Record(record) => Ok(record),
            Change::CaughtUp => {
                Err(Stop::Failed("the end of the snapshot came early, or twice".into()))
            }
        }
    }

    /// The next change, which has to be the end of the snapshot.
    pub(super) async fn caught_up(&mut self) -> Verdict {
        let change = self.next().await?;
        ensure!(change == Change::CaughtUp, "found {change:?}, expected the end of the snapshot");
        Ok(())
    }

    /// The newest of every record up to the end of the snapshot.
    pub(super) async fn snapshot(&mut self) -> Verdict<BTreeMap<String, Record>> {
        let mut view = BTreeMap::new();
        loop {
            match self.next().await? {
                Change::Record(record) => view.insert(record.name.clone(), record),
                Change::CaughtUp => return Ok(view),
            };
        }
    }

    /// Reads on until the watch ends, and says why.
    pub(super) async fn end(&mut self) -> Verdict<StoreError> {
        let end = async {
            loop {
                if let Err(error) = self.watch.next().await {
                    return error;
                }
            }
        };
        in_time(self.patience, "a watch ends that has lost its server", end).await
    }

    pub(super) async fn close(self) -> Verdict {
        in_time(self.patience, "a watch is closed", self.watch.close()).await
    }
}

pub(super) fn put(name: &str, value: impl Into<Bytes>, expected: impl Into<Option<u64>>) -> Write {
    Write::put(name, value, expected.into().map(Revision))
}

pub(super) fn delete(name: &str, expected: impl Into<Option<u64>>) -> Write {
    Write::delete(name, expected.into().map(Revision))
}

/// A write without its value, which may be long.
pub(super) fn brief(write: &Write) -> String {
    let verb = if write.value.is_some() { "put" } else { "delete" };
    let name: String = write.name.chars().take(48).collect();
    match write.expected {
        Some(revision) => format!("{verb} {name} over revision {}", revision.0),
        None => format!("{verb} {name} over any revision"),
    }
}
