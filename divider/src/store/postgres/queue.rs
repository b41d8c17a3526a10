//! The writes that wait for the next transaction.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use super::super::{Outcome, Write};

/// The most writes of one transaction.
const MOST_WRITES: usize = 512;

/// The most bytes of values in one transaction, about.
const MOST_BYTES: usize = 1 << 20;

/// The waiting writes, in a lane for each writer and one for single writes. A transaction takes
/// from all lanes in turn, so that a lease waits behind no crowd of announcements.
#[derive(Default)]
pub(super) struct Queue {
    lanes: Mutex<Lanes>,
    filled: Notify,
}

#[derive(Default)]
struct Lanes {
    by_id: BTreeMap<u64, VecDeque<Queued>>,
    next_id: u64,
    /// Where the next transaction begins to take.
    first: u64,
    is_closed: bool,
}

/// A write that was not sent yet.
pub(super) struct Queued {
    pub(super) write: Write,
    pub(super) since: Instant,
    pub(super) reply: Reply,
}

/// Who waits for the outcome.
pub(super) enum Reply {
    One(oneshot::Sender<Outcome>),
    Writer(u64, mpsc::UnboundedSender<(u64, Outcome)>),
}

impl Reply {
    pub(super) fn send(self, outcome: Outcome) {
        // Nobody listens any more where the write was given up.
        match self {
            Self::One(waiting) => drop(waiting.send(outcome)),
            Self::Writer(number, outcomes) => drop(outcomes.send((number, outcome))),
        }
    }

    fn is_given_up(&self) -> bool {
        match self {
            Self::One(waiting) => waiting.is_closed(),
            Self::Writer(_, outcomes) => outcomes.is_closed(),
        }
    }
}

/// The lane of single writes.
pub(super) const SINGLE: u64 = 0;

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a lane that nobody else uses.
    pub(super) fn new_lane(&self) -> u64 {
        let mut lanes = self.lock();
        lanes.next_id += 1;
        lanes.next_id
    }

    pub(super) fn push(&self, lane: u64, writes: impl IntoIterator<Item = Queued>) {
        self.lock().by_id.entry(lane).or_default().extend(writes);
        self.filled.notify_one();
    }

    /// Removes a write that a writer has forgotten.
    pub(super) fn forget(&self, lane: u64, number: u64) {
        let is_other =
            |queued: &Queued| !matches!(queued.reply, Reply::Writer(n, _) if n == number);
        if let Some(lane) = self.lock().by_id.get_mut(&lane) {
            lane.retain(is_other);
        }
    }

    /// Removes a lane and all that waits in it.
    pub(super) fn remove(&self, lane: u64) {
        self.lock().by_id.remove(&lane);
    }

    /// Nothing is taken any more.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.filled.notify_one();
    }

    /// Waits until there is a write, and says since when the oldest one waits. `None`: the queue
    /// was closed.
    pub(super) async fn filled(&self) -> Option<Instant> {
        loop {
            {
                let lanes = self.lock();
                if lanes.is_closed {
                    return None;
                }
                let waiting = lanes.by_id.values().filter_map(|lane| lane.front());
                if let Some(oldest) = waiting.map(|queued| queued.since).min() {
                    return Some(oldest);
                }
            }
            self.filled.notified().await;
        }
    }

    /// The writes of the next transaction. It is empty if all were given up.
    pub(super) fn take_batch(&self) -> Vec<Queued> {
        self.lock().take()
    }

    /// Takes out what has waited since before that time.
    pub(super) fn take_older(&self, than: Instant) -> Vec<Queued> {
        let mut old = Vec::new();
        for lane in self.lock().by_id.values_mut() {
            while lane.front().is_some_and(|queued| queued.since <= than) {
                old.extend(lane.pop_front());
            }
        }
        old
    }
}

impl Lanes {
    /// Takes one write of each lane in turn, until there are enough. A lane stops at a name that is
    /// taken already, since one statement cannot write a record twice.
    fn take(&mut self) -> Vec<Queued> {
        let (mut batch, mut names, mut bytes) = (Vec::new(), HashSet::new(), 0);
        self.by_id.retain(|_, lane| !lane.is_empty());
        let mut open: VecDeque<u64> = self.by_id.range(self.first..).map(|(id, _)| *id).collect();
        open.extend(self.by_id.range(..self.first).map(|(id, _)| *id));
        self.first = open.front().map_or(0, |first| first + 1);
        while let Some(id) = open.pop_front() {
            if batch.len() >= MOST_WRITES || bytes >= MOST_BYTES {
                break;
            }
            let Some(lane) = self.by_id.get_mut(&id) else { continue };
            while lane.front().is_some_and(|queued| queued.reply.is_given_up()) {
                lane.pop_front();
            }
            let Some(queued) = lane.front() else { continue };
            if !names.insert(queued.write.name.clone()) {
                continue;
            }
            bytes += queued.write.value.as_ref().map_or(0, bytes::Bytes::len);
            batch.extend(lane.pop_front());
            open.push_back(id);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn queued(name: &str) -> (Queued, oneshot::Receiver<Outcome>) {
        let (reply, outcome) = oneshot::channel();
        let write = Write::put(name, "", None);
        (Queued { write, since: Instant::now(), reply: Reply::One(reply) }, outcome)
    }

    fn next(queue: &Queue) -> Vec<String> {
        queue.take_batch().into_iter().map(|queued| queued.write.name).collect()
    }

    #[tokio::test]
    async fn a_lane_with_one_write_does_not_wait_behind_a_long_one() {
        let queue = Queue::default();
        let mut waiting = Vec::new();
        for n in 0..2_000 {
            let (write, outcome) = queued(&format!("key.{n}"));
            queue.push(SINGLE, [write]);
            waiting.push(outcome);
        }
        let lane = queue.new_lane();
        let (write, outcome) = queued("lease.w1");
        queue.push(lane, [write]);
        waiting.push(outcome);
        let batch = next(&queue);
        assert_eq!((batch.len(), batch.contains(&"lease.w1".to_owned())), (MOST_WRITES, true));
        assert_eq!(next(&queue).len(), MOST_WRITES);
    }

    #[tokio::test]
    async fn a_name_is_written_once_in_a_transaction_and_in_order() {
        let queue = Queue::default();
        let (writes, _outcomes): (Vec<_>, Vec<_>) =
            ["a", "b", "a", "c"].map(queued).into_iter().unzip();
        queue.push(SINGLE, writes);
        assert_eq!(next(&queue), ["a", "b"]);
        assert_eq!(next(&queue), ["a", "c"]);
        assert!(queue.filled().now_or_never().is_none());
    }

    #[tokio::test]
    async fn what_was_given_up_is_not_sent() {
        let queue = Queue::default();
        let (first, outcome) = queued("a");
        drop(outcome);
        let (second, _outcome) = queued("b");
        queue.push(SINGLE, [first, second]);
        assert_eq!(next(&queue), ["b"]);
    }
}
