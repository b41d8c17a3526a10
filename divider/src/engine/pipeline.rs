//! Writes and reads that are under way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::core::edge::{Input, ReadId, WriteId};
use crate::store::{Outcome, Store, StoreError, Write};

/// The most inputs that one wake-up of a source hands over, so that no source starves the others.
pub(super) const BATCH: usize = 256;

/// Something to ask of the store.
#[derive(Debug)]
pub(super) enum Job {
    /// A write, with the time it may take.
    Write(WriteId, Write, Duration),
    /// A leader read, with the time it may take.
    Read(ReadId, String, Duration),
    /// A question about the log.
    Info,
}

/// Operations on the store: a bounded number under way, the others in order behind them.
///
/// An operation's time begins when it is sent, and the core hears nothing of it before its outcome:
/// one that waits here has not failed.
#[derive(Debug)]
pub(super) struct Pipeline {
    store: Arc<dyn Store>,
    running: FuturesUnordered<BoxFuture<'static, Input>>,
    waiting: VecDeque<Job>,
    at_most: usize,
}

impl Pipeline {
    pub(super) fn new(store: Arc<dyn Store>, at_most: usize) -> Self {
        Self { store, running: FuturesUnordered::new(), waiting: VecDeque::new(), at_most }
    }

    /// Sends it, now or as soon as there is room.
    pub(super) fn push(&mut self, job: Job) {
        self.waiting.push_back(job);
        self.refill();
    }

    /// The next outcomes, at least one and at most [`BATCH`]; pending while nothing is under way.
    ///
    /// # Cancel safety
    /// Cancel safe: after the first outcome it does not wait any more.
    pub(super) async fn next_batch(&mut self) -> Vec<Input> {
        let Some(first) = self.running.next().await else {
            return std::future::pending().await;
        };
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Some(Some(input)) = self.running.next().now_or_never()
        {
            batch.push(input);
        }
        self.refill();
        batch
    }

    fn refill(&mut self) {
        while self.running.len() < self.at_most
            && let Some(job) = self.waiting.pop_front()
        {
            self.running.push(perform(&*self.store, job));
        }
    }
}

/// The operation with its deadline, which begins when the future is first polled.
fn perform(store: &dyn Store, job: Job) -> BoxFuture<'static, Input> {
    match job {
        Job::Write(id, write, span) => {
            let name = write.name.clone();
            let write = store.write(write);
            Box::pin(async move {
                let outcome = tokio::time::timeout(span, write).await;
                let late = |_| {
                    Outcome::Unknown(timed_out(
                        &format!(
                            "write {name} (if the server is well, check the user's right to it)"
                        ),
                        span,
                    ))
                };
                Input::Wrote(id, outcome.unwrap_or_else(late))
            })
        }
        Job::Read(id, name, span) => {
            let read = store.read(&name);
            Box::pin(async move {
                let answer = tokio::time::timeout(span, read).await;
                let late = |_| {
                    Err(timed_out(
                        &format!(
                            "read {name} (if the server is well, check the user's right to read)"
                        ),
                        span,
                    ))
                };
                Input::Read(id, answer.unwrap_or_else(late))
            })
        }
        Job::Info => {
            let info = store.info();
            Box::pin(async move {
                let answer = tokio::time::timeout(INFO_DEADLINE, info).await;
                let late = |_| Err(timed_out("ask about the log", INFO_DEADLINE));
                Input::Info(answer.unwrap_or_else(late))
            })
        }
    }
}

fn timed_out(what: &str, after: Duration) -> StoreError {
    StoreError::Timeout { what: what.to_owned(), after }
}

/// How long the store may take to answer a question about the log.
const INFO_DEADLINE: Duration = Duration::from_secs(5);
