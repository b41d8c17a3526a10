//! A watch: page after page of the log, from a revision on.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch as signal;
use tokio::time::Instant;

use super::super::{Change, Filter, StoreError, Watch};
use super::PostgresStore;
use super::error::Failed;
use super::records::{Aged, Page, Position, Wanted};

/// Reads on from its place in the log when it is told of a change, and from time to time.
///
/// The snapshot is read in the same way, without a transaction around it: what is rewritten
/// meanwhile has moved to the end of the log, which the snapshot reaches last.
pub(super) struct PostgresWatch {
    store: PostgresStore,
    wanted: Wanted,
    changed: signal::Receiver<()>,
    /// Where the log was at the last look.
    position: Position,
    /// The log's end when the watch was opened: newer records are delivered even if they expired,
    /// since what they replaced may have been delivered.
    opened_at: u64,
    seen: u64,
    pending: VecDeque<Aged>,
    has_more: bool,
    caught_up: bool,
    fetching: Option<BoxFuture<'static, Result<Page, Failed>>>,
    look_at: Instant,
    last_stored: Option<Instant>,
    /// Why it is over.
    ended: Option<StoreError>,
}

impl PostgresWatch {
    pub(super) async fn open(store: PostgresStore, filter: &Filter) -> Result<Self, StoreError> {
        let wanted = Wanted::new(filter);
        let mut changed = store.inner.changed.subscribe();
        changed.mark_unchanged();
        let page = store.page(&wanted, 0, None).await.map_err(Failed::into_error)?;
        let mut watch = Self {
            wanted,
            changed,
            opened_at: page.position.last,
            position: page.position.clone(),
            seen: 0,
            pending: VecDeque::new(),
            has_more: false,
            caught_up: false,
            fetching: None,
            look_at: Instant::now() + store.inner.poll_interval,
            last_stored: None,
            ended: None,
            store,
        };
        watch.on_page(page)?;
        Ok(watch)
    }

    fn on_page(&mut self, page: Page) -> Result<(), StoreError> {
        if let Some(what) = self.position.broken_by(&page.position) {
            return Err(StoreError::gap(what));
        }
        // Up to where the log was when the watch was opened, what was swept was never delivered.
        let swept = page.position.swept;
        if swept > self.opened_at && swept > self.seen {
            return Err(StoreError::gap(format!(
                "the record {swept} has expired and was removed before it was read, after {}",
                self.seen
            )));
        }
        self.has_more = page.is_full;
        self.seen = match page.records.last() {
            Some(last) if page.is_full => last.record.revision.0,
            _ => self.seen.max(page.position.last),
        };
        self.position = page.position;
        self.pending.extend(page.records);
        Ok(())
    }

    /// The next change that is here already.
    fn take(&mut self) -> Option<Change> {
        if let Some(Aged { record, stored }) = self.pending.pop_front() {
            self.last_stored = Some(stored);
            return Some(Change::Record(record));
        }
        if self.has_more || self.caught_up {
            return None;
        }
        self.caught_up = true;
        Some(Change::CaughtUp)
    }

    /// Reads the next page, once there is a reason to.
    async fn fetch(&mut self) -> Result<(), StoreError> {
        if self.fetching.is_none() && !self.has_more {
            tokio::select! {
                changed = self.changed.changed() => {
                    if changed.is_err() {
                        return Err(StoreError::gap("the store was closed"));
                    }
                }
                () = tokio::time::sleep_until(self.look_at) => {}
            }
        }
        let fetching = self.fetching.get_or_insert_with(|| {
            let (store, wanted) = (self.store.clone(), self.wanted.clone());
            let (after, fresh) = (self.seen, self.opened_at);
            async move {
                match store.page(&wanted, after, Some(fresh)).await {
                    // A connection that was cut is made again, and the log looked at.
                    Err(failed) if failed.is_unreachable() => {
                        store.page(&wanted, after, Some(fresh)).await
                    }
                    page => page,
                }
            }
            .boxed()
        });
        let page = fetching.await;
        self.fetching = None;
        self.look_at = Instant::now() + self.store.inner.poll_interval;
        match page {
            Ok(page) => self.on_page(page),
            Err(Failed::Refused(StoreError::NoGroup { .. })) => {
                Err(StoreError::gap("the group was deleted"))
            }
            Err(failed) => Err(failed.into_error()),
        }
    }
}

impl Watch for PostgresWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, StoreError>> {
        Box::pin(async move {
            loop {
                if let Some(change) = self.take() {
                    return Ok(change);
                }
                if let Some(error) = &self.ended {
                    return Err(error.clone());
                }
                if let Err(error) = self.fetch().await {
                    self.ended = Some(error);
                }
            }
        })
    }

    fn last_age(&self) -> Option<Duration> {
        self.last_stored.map(|stored| stored.elapsed())
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}
