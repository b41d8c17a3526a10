//! Reads that are under way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::window::Window;
use crate::store::{Store, StoreError};
use divider_core::edge::{Input, ReadId};

/// The most inputs that one wake-up of a source hands over, so that no source starves the others.
pub(super) const BATCH: usize = 256;

/// Something to ask of the store.
#[derive(Debug)]
pub(super) enum Question {
    /// A leader read, with the time it may take.
    Record(ReadId, String, Duration),
    /// A question about the log.
    Info,
}

/// Questions to the store: as many under way as the store answers promptly, the others in order behind
/// them.
///
/// A question's time begins when it is sent, and the core hears nothing of it before its answer: one
/// that waits here has not failed.
#[derive(Debug)]
pub(super) struct Reads {
    store: Arc<dyn Store>,
    running: FuturesUnordered<BoxFuture<'static, Answer>>,
    waiting: VecDeque<Question>,
    window: Window,
}

/// The answer to a question, when that was sent, and the time that it had.
#[derive(Debug)]
struct Answer {
    input: Input,
    sent: Instant,
    span: Duration,
}

impl Reads {
    pub(super) fn new(store: Arc<dyn Store>, at_most: usize) -> Self {
        let (running, waiting) = (FuturesUnordered::new(), VecDeque::new());
        Self { store, running, waiting, window: Window::new(at_most) }
    }

    /// Asks it, now or as soon as there is room.
    pub(super) fn push(&mut self, question: Question) {
        self.waiting.push_back(question);
        self.refill();
    }

    /// The next answers, at least one and at most [`BATCH`]; pending while nothing is under way.
    ///
    /// # Cancel safety
    /// Cancel safe: after the first answer it does not wait any more.
    pub(super) async fn next_batch(&mut self) -> Vec<Input> {
        let Some(first) = self.running.next().await else {
            return std::future::pending().await;
        };
        let (now, under_way) = (Instant::now(), self.running.len() + 1);
        let mut batch = Vec::new();
        let mut next = Some(first);
        while let Some(Answer { input, sent, span }) = next {
            self.window.on_answer(now, sent, span, under_way);
            batch.push(input);
            let room = batch.len() < BATCH;
            next = if room { self.running.next().now_or_never().flatten() } else { None };
        }
        self.refill();
        batch
    }

    fn refill(&mut self) {
        while self.window.room(self.running.len()) > 0
            && let Some(question) = self.waiting.pop_front()
        {
            self.running.push(ask(&*self.store, question));
        }
    }
}

/// The question with its deadline, which begins when the future is first polled.
fn ask(store: &dyn Store, question: Question) -> BoxFuture<'static, Answer> {
    match question {
        Question::Record(id, name, span) => {
            let read = store.read(&name);
            let what = move || {
                format!("read {name} (if the server is healthy, check the user's right to read)")
            };
            let late = move || Err(timed_out(what(), span));
            in_time(span, read, late, move |answer| Input::Read(id, answer))
        }
        Question::Info => {
            let late = || Err(timed_out("read the state of the log".to_owned(), INFO_DEADLINE));
            in_time(INFO_DEADLINE, store.info(), late, Input::Info)
        }
    }
}

/// The answer, or what is said in its place after that time.
fn in_time<T: 'static>(
    span: Duration,
    operation: impl Future<Output = T> + Send + 'static,
    late: impl FnOnce() -> T + Send + 'static,
    input: impl FnOnce(T) -> Input + Send + 'static,
) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let sent = Instant::now();
        let answer = tokio::time::timeout(span, operation).await;
        Answer { input: input(answer.unwrap_or_else(|_| late())), sent, span }
    })
}

fn timed_out(what: String, after: Duration) -> StoreError {
    StoreError::Timeout { what, after }
}

/// How long the store may take to answer a question about the log.
const INFO_DEADLINE: Duration = Duration::from_secs(5);
