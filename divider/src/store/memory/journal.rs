//! What the newest writes replaced, so that a test can have them lost.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The writes of the last [`KEPT`], oldest first.
#[derive(Debug)]
pub(super) struct Journal<T> {
    entries: VecDeque<(Instant, T)>,
}

/// How long a nats-server with its own settings may leave writes unsynced.
pub(super) const KEPT: Duration = Duration::from_mins(2);

impl<T> Default for Journal<T> {
    fn default() -> Self {
        Self { entries: VecDeque::new() }
    }
}

impl<T> Journal<T> {
    /// A write was carried out, which can be undone with this.
    pub(super) fn push(&mut self, undo: T) {
        let now = Instant::now();
        while self.entries.front().is_some_and(|(at, _)| now.duration_since(*at) > KEPT) {
            self.entries.pop_front();
        }
        self.entries.push_back((now, undo));
    }

    /// Takes out the newest write, if it is no older than this.
    pub(super) fn pop_since(&mut self, span: Duration) -> Option<T> {
        let newest = self.entries.back()?.0;
        if newest.elapsed() > span.min(KEPT) {
            return None;
        }
        self.entries.pop_back().map(|(_, undo)| undo)
    }
}
