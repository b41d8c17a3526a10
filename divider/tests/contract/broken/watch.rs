//! A watch with a flaw.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use divider::store::{Change, Filter, Store, StoreError, Watch, Write};
use divider::{MemoryStore, Revision};
use futures_util::future::BoxFuture;

use crate::flaw::Flaw;

/// Grows when a watch is closed.
#[derive(Debug, Clone, Default)]
pub(super) struct Epoch(Arc<AtomicU64>);

pub(super) struct BrokenWatch {
    inner: Box<dyn Watch>,
    memory: MemoryStore,
    filter: Filter,
    flaw: Option<Flaw>,
    /// Changes that come before those of the inner watch.
    queue: VecDeque<Change>,
    caught_up: bool,
    count: usize,
    epoch: Epoch,
    opened: u64,
}

type Next = Result<Change, StoreError>;

impl BrokenWatch {
    pub(super) fn new(
        inner: Box<dyn Watch>,
        memory: MemoryStore,
        filter: Filter,
        flaw: Option<Flaw>,
    ) -> Self {
        let (queue, epoch) = (VecDeque::new(), Epoch::default());
        Self { inner, memory, filter, flaw, queue, caught_up: false, count: 0, epoch, opened: 0 }
    }

    pub(super) fn in_epoch(self, epoch: &Epoch) -> Self {
        Self { epoch: epoch.clone(), opened: epoch.0.load(Ordering::Relaxed), ..self }
    }

    async fn next_broken(&mut self) -> Next {
        loop {
            if let Some(change) = self.queue.pop_front() {
                return Ok(change);
            }
            if self.flaw == Some(Flaw::CloseEndsAllWatches)
                && self.epoch.0.load(Ordering::Relaxed) != self.opened
            {
                return Err(StoreError::Gap { what: "another watch was closed".into() });
            }
            if let Some(change) = self.step().await? {
                return Ok(change);
            }
        }
    }

    /// The next change of the inner watch, or `None` if the flaw hides it.
    async fn step(&mut self) -> Result<Option<Change>, StoreError> {
        let change = match self.flaw {
            Some(Flaw::IdleWatchEnds) => {
                let idle = |_| StoreError::Gap { what: "nothing came for a second".into() };
                tokio::time::timeout(Duration::from_secs(1), self.inner.next())
                    .await
                    .map_err(idle)?
            }
            _ => self.inner.next().await,
        };
        let change = match change {
            Err(_) if self.ignores_its_end() => {
                return self.begin_again().await.map(|()| None);
            }
            change => change?,
        };
        self.caught_up |= change == Change::CaughtUp;
        self.count += 1;
        if !self.is_covered(&change) {
            return Ok(None);
        }
        Ok(self.changed(change).await)
    }

    fn ignores_its_end(&self) -> bool {
        matches!(self.flaw, Some(Flaw::BrokenWatchGoesOn | Flaw::WatchOutlivesItsLog))
    }

    /// Goes on with what is new, and says nothing about what it has missed.
    async fn begin_again(&mut self) -> Result<(), StoreError> {
        let mut inner = self.memory.watch(self.filter.clone()).await?;
        while inner.next().await? != Change::CaughtUp {}
        self.inner = inner;
        Ok(())
    }

    fn is_covered(&self, change: &Change) -> bool {
        let Change::Record(record) = change else { return true };
        self.filter.names.iter().any(|pattern| match self.flaw {
            Some(Flaw::PrefixWithoutItsDot) => match pattern.strip_suffix(".>") {
                Some(prefix) => record.name.starts_with(prefix),
                None => pattern == ">" || pattern == &record.name,
            },
            Some(Flaw::UnderscoreIsAnyCharacter) => {
                let prefix = pattern.strip_suffix('>').unwrap_or(pattern);
                let fits = |(p, n): (char, char)| p == '_' || p == n;
                let long_enough = record.name.len() >= prefix.len();
                let whole = pattern.ends_with('>') || record.name.len() == prefix.len();
                long_enough && whole && prefix.chars().zip(record.name.chars()).all(fits)
            }
            _ => true,
        })
    }

    async fn changed(&mut self, change: Change) -> Option<Change> {
        let of_snapshot = !self.caught_up;
        match (self.flaw, &change) {
            (Some(Flaw::NoEndOfSnapshot), Change::CaughtUp) => None,
            (Some(Flaw::TwoEndsOfSnapshot), Change::CaughtUp) => {
                self.queue.push_back(Change::CaughtUp);
                Some(change)
            }
            (Some(Flaw::EndBeforeTheLastRecord), Change::Record(_)) if of_snapshot => {
                // Whoever looks one ahead sees the end of the snapshot too early.
                let next = self.inner.next().await.ok()?;
                self.caught_up = next == Change::CaughtUp;
                let (first, second) = if self.caught_up { (next, change) } else { (change, next) };
                self.queue.push_back(second);
                Some(first)
            }
            (Some(Flaw::SnapshotLacksTheNewest), Change::Record(record)) if of_snapshot => {
                let last = self.memory.info().await.map_or(Revision::NONE, |info| info.last);
                (record.revision < last).then_some(change)
            }
            (Some(Flaw::SnapshotShowsSuperseded), Change::Record(record)) if of_snapshot => {
                let mut old = record.clone();
                old.revision = Revision(record.revision.0.saturating_sub(1));
                self.queue.push_back(change);
                Some(Change::Record(old))
            }
            (Some(Flaw::TombstonesAreHidden), Change::Record(record)) => {
                record.value.is_some().then_some(change)
            }
            (Some(Flaw::ChangesAreSwapped), Change::Record(_)) if self.count.is_multiple_of(50) => {
                self.queue.push_back(change);
                self.inner.next().await.ok()
            }
            (Some(Flaw::EachTenthChangeIsLost), Change::Record(_)) if !of_snapshot => {
                (!self.count.is_multiple_of(10)).then_some(change)
            }
            _ => Some(change),
        }
    }
}

impl Watch for BrokenWatch {
    fn next(&mut self) -> BoxFuture<'_, Next> {
        Box::pin(async {
            let change = self.next_broken().await;
            if self.flaw == Some(Flaw::DroppedNextLosesAChange) {
                tokio::task::yield_now().await;
            }
            change
        })
    }

    fn ready(&mut self) -> Option<Next> {
        let change = futures_util::FutureExt::now_or_never(self.next())?;
        if self.flaw == Some(Flaw::ReadyShowsTwice)
            && let Ok(change) = &change
        {
            self.queue.push_back(change.clone());
        }
        Some(change)
    }

    fn last_age(&self) -> Option<Duration> {
        let age = self.inner.last_age()?;
        Some(if self.flaw == Some(Flaw::AgeIsWrong) { age * 1_000_000 + LONG } else { age })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.epoch.0.fetch_add(1, Ordering::Relaxed);
        // Wakes the others, as a broken connection would.
        if self.flaw == Some(Flaw::CloseEndsAllWatches) {
            let memory = self.memory.clone();
            return Box::pin(async move {
                memory.write(Write::put("group", "", None)).await;
            });
        }
        self.inner.close()
    }
}

const LONG: Duration = Duration::from_hours(1);
