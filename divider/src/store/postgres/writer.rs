//! Many writes at a time, through the queue of the store.

use std::collections::HashSet;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::{Outcome, Write, Writer};
use super::PostgresStore;
use super::queue::{Queued, Reply};
use divider_core::log::check_write;

/// A lane of the queue.
pub(super) struct PostgresWriter {
    store: PostgresStore,
    lane: u64,
    /// Taken, and not in the queue yet.
    waiting: Vec<(u64, Write)>,
    /// In the queue, or sent.
    running: HashSet<u64>,
    replies: mpsc::UnboundedSender<(u64, Outcome)>,
    outcomes: mpsc::UnboundedReceiver<(u64, Outcome)>,
}

impl PostgresWriter {
    pub(super) fn new(store: PostgresStore) -> Self {
        let (replies, outcomes) = mpsc::unbounded_channel();
        let lane = store.inner.queue.new_lane();
        Self { store, lane, waiting: Vec::new(), running: HashSet::new(), replies, outcomes }
    }
}

impl Writer for PostgresWriter {
    fn submit(&mut self, writes: Vec<(u64, Write)>) {
        self.waiting.extend(writes);
    }

    fn poll_outcomes(
        &mut self,
        cx: &mut Context<'_>,
        outcomes: &mut Vec<(u64, Outcome)>,
    ) -> Poll<()> {
        let before = outcomes.len();
        let since = Instant::now();
        let mut queued = Vec::with_capacity(self.waiting.len());
        for (number, write) in self.waiting.drain(..) {
            if let Err(error) = check_write(&write) {
                outcomes.push((number, Outcome::Refused(error)));
                continue;
            }
            self.running.insert(number);
            let reply = Reply::Writer(number, self.replies.clone());
            queued.push(Queued { write, since, reply });
        }
        if !queued.is_empty() {
            self.store.inner.queue.push(self.lane, queued);
        }
        while let Poll::Ready(Some((number, outcome))) = self.outcomes.poll_recv(cx) {
            // What was forgotten is for nobody.
            if self.running.remove(&number) {
                outcomes.push((number, outcome));
            }
        }
        if outcomes.len() > before { Poll::Ready(()) } else { Poll::Pending }
    }

    fn forget(&mut self, number: u64) {
        self.waiting.retain(|(waiting, _)| *waiting != number);
        if self.running.remove(&number) {
            self.store.inner.queue.forget(self.lane, number);
        }
    }
}

impl Drop for PostgresWriter {
    fn drop(&mut self) {
        self.store.inner.queue.remove(self.lane);
    }
}
