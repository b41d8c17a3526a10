//! Many writes at a time.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::{Outcome, Store, Write};

/// A path into the store for many writes at a time, which [`Store::writer`] opens. A node sends all its
/// writes through writers.
///
/// Each write is a compare-and-set of its own, and its outcome is what [`Store::write`] would give. A
/// backend may carry out together what it has at one time: publish it in one piece, or commit it in one
/// transaction, as long as one write that fails does not undo another.
///
/// A node limits how many writes are under way (576 in all), and waits for an outcome for a time of its
/// own; a writer needs neither a limit nor a time-out.
///
/// Dropping a writer drops the writes that were not sent. Those that were sent may still land.
pub trait Writer: Send + 'static {
    /// Takes writes, each with a number that its outcome will bear. The caller uses a number once. Writes
    /// are sent in the order in which they are taken, and not before
    /// [`poll_outcomes`](Self::poll_outcomes) is called.
    fn submit(&mut self, writes: Vec<(u64, Write)>);

    /// Sends what can be sent now, and appends the outcomes that have come, in any order. Ready if there
    /// is at least one. Otherwise it wakes the task when it has something to do.
    ///
    /// A write without an outcome may have landed. So a writer reports [`Outcome::Unknown`] where it
    /// knows that none will come, such as when the connection is lost.
    fn poll_outcomes(
        &mut self,
        cx: &mut Context<'_>,
        outcomes: &mut Vec<(u64, Outcome)>,
    ) -> Poll<()>;

    /// The caller does not wait any more for this write, and its outcome need not be reported. If the
    /// write was not sent, it must not be sent.
    fn forget(&mut self, number: u64);
}

/// The writer of a store that has none: each write is a future of [`Store::write`].
pub(crate) struct EachWriter {
    store: Arc<dyn Store>,
    running: RunningWrites,
}

impl EachWriter {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, running: RunningWrites::default() }
    }
}

impl Writer for EachWriter {
    fn submit(&mut self, writes: Vec<(u64, Write)>) {
        for (number, write) in writes {
            self.running.push(number, self.store.write(write));
        }
    }

    fn poll_outcomes(
        &mut self,
        cx: &mut Context<'_>,
        outcomes: &mut Vec<(u64, Outcome)>,
    ) -> Poll<()> {
        self.running.poll_outcomes(cx, outcomes)
    }

    fn forget(&mut self, number: u64) {
        self.running.forget(number);
    }
}

impl fmt::Debug for EachWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EachWriter").field("store", &self.store).finish_non_exhaustive()
    }
}

/// Writes that are futures.
#[derive(Default)]
pub(super) struct RunningWrites(FuturesUnordered<RunningWrite>);

struct RunningWrite {
    number: u64,
    /// `None`: it was forgotten, or is over.
    write: Option<BoxFuture<'static, Outcome>>,
    /// The waker of the last poll.
    waker: Option<Waker>,
}

impl RunningWrites {
    pub(super) fn push(&mut self, number: u64, write: BoxFuture<'static, Outcome>) {
        self.0.push(RunningWrite { number, write: Some(write), waker: None });
    }

    pub(super) fn poll_outcomes(
        &mut self,
        cx: &mut Context<'_>,
        outcomes: &mut Vec<(u64, Outcome)>,
    ) -> Poll<()> {
        let before = outcomes.len();
        while let Poll::Ready(Some(ended)) = self.0.poll_next_unpin(cx) {
            outcomes.extend(ended);
        }
        if outcomes.len() > before { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Drops the future of a write.
    pub(super) fn forget(&mut self, number: u64) {
        if let Some(running) = self.0.iter_mut().find(|running| running.number == number) {
            running.write = None;
            // The set removes it when it is polled.
            if let Some(waker) = running.waker.take() {
                waker.wake();
            }
        }
    }
}

impl Future for RunningWrite {
    /// `None`: it was forgotten.
    type Output = Option<(u64, Outcome)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(write) = &mut self.write else { return Poll::Ready(None) };
        if let Poll::Ready(outcome) = write.as_mut().poll(cx) {
            self.write = None;
            return Poll::Ready(Some((self.number, outcome)));
        }
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt;

    use super::*;
    use crate::id::{GroupName, Revision};
    use crate::store::MemoryStore;
    use crate::store::memory::Fault;

    fn writer() -> (MemoryStore, EachWriter) {
        let store = MemoryStore::new(GroupName::new("g").expect("legal"));
        (store.clone(), EachWriter::new(Arc::new(store)))
    }

    fn put(name: &str, expected: u64) -> Write {
        Write::put(name, "", Some(Revision(expected)))
    }

    async fn outcomes(writer: &mut EachWriter) -> Vec<(u64, Outcome)> {
        let mut outcomes = Vec::new();
        poll_fn(|cx| writer.poll_outcomes(cx, &mut outcomes)).await;
        outcomes.sort_by_key(|(number, _)| *number);
        outcomes
    }

    #[tokio::test(start_paused = true)]
    async fn each_write_has_the_outcome_that_it_has_alone() {
        let (store, mut writer) = writer();
        store.fail_next(Fault::LostWrite);
        writer.submit(vec![(7, put("key.a", 0)), (8, put("key.a", 0)), (9, put("key.a", 0))]);
        assert_eq!(store.read("key.a").await, Ok(None), "nothing is sent before it is polled");
        match &outcomes(&mut writer).await[..] {
            [(7, Outcome::Unknown(_)), (8, Outcome::Acked(_)), (9, Outcome::Conflict)] => {}
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_forgotten_write_is_not_sent_and_not_reported() {
        let (store, mut writer) = writer();
        writer.submit(vec![(1, put("key.a", 0)), (2, put("key.b", 0))]);
        writer.forget(1);
        assert_eq!(outcomes(&mut writer).await, [(2, Outcome::Acked(Revision(1)))]);
        store.freeze();
        writer.submit(vec![(3, put("key.c", 0)), (4, put("key.d", 0))]);
        assert_eq!(outcomes(&mut writer).now_or_never(), None);
        writer.forget(3);
        store.thaw();
        assert_eq!(outcomes(&mut writer).await, [(4, Outcome::Acked(Revision(3)))]);
        assert!(writer.running.0.is_empty(), "nothing of the forgotten ones is left");
    }
}
