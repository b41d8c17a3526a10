//! A watch on a log in memory: a place in the log, no queue.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch as signal;

use super::super::{Change, Filter, StoreError, Watch};
use super::Shared;

/// Reads on from its place in the log, so a slow reader costs nothing and skips what was superseded.
pub(super) struct MemoryWatch {
    shared: Arc<Shared>,
    changed: signal::Receiver<()>,
    filter: Filter,
    /// The watches of an earlier epoch are over.
    epoch: u64,
    seen: u64,
    caught_up: bool,
}

impl MemoryWatch {
    pub(super) fn new(shared: &Arc<Shared>, filter: Filter) -> Self {
        let (changed, epoch) = (shared.changed.subscribe(), shared.lock().faults.epoch);
        Self { shared: shared.clone(), changed, filter, epoch, seen: 0, caught_up: false }
    }

    /// The next change, if there is one now.
    fn poll_log(&mut self) -> Option<Result<Change, StoreError>> {
        let mut state = self.shared.lock();
        if state.faults.epoch != self.epoch {
            return Some(Err(StoreError::Gap { what: "the watch was broken off".into() }));
        }
        if state.faults.frozen() {
            return None;
        }
        match state.log.as_mut()?.next_after(self.seen, &self.filter) {
            Ok(record) => {
                self.seen = record.revision.0;
                Some(Ok(Change::Record(record)))
            }
            Err(seen) => {
                self.seen = seen;
                // Only here, with nothing left to deliver: a record rewritten while older ones were
                // being read has moved to the end of the log.
                (!std::mem::replace(&mut self.caught_up, true)).then_some(Ok(Change::CaughtUp))
            }
        }
    }
}

impl Watch for MemoryWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, StoreError>> {
        Box::pin(async move {
            loop {
                self.changed.mark_unchanged();
                if let Some(change) = self.poll_log() {
                    return change;
                }
                self.changed.changed().await.expect("the sender is in shared");
            }
        })
    }

    fn last_age(&self) -> Option<Duration> {
        self.shared.lock().log.as_ref()?.age(self.seen)
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}
