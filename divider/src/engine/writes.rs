//! Writes that are under way.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::window::Window;
use crate::numbered::Numbered;
use crate::store::{EachWriter, Outcome, Store, StoreError, Write, Writer};
use divider_core::edge::{Input, WriteId};

/// Writes to the store: as many under way as the store answers promptly, the others in order behind
/// them.
///
/// A write's time begins when it is sent, and the core hears nothing of it before its outcome: one that
/// waits here has not failed.
pub(super) struct Writes {
    writer: Box<dyn Writer>,
    waiting: VecDeque<(WriteId, Write, Duration)>,
    sent: Numbered<Sent>,
    window: Window,
    /// Not after the first deadline of those that are sent.
    timer: Option<Pin<Box<Sleep>>>,
    /// Empty between two calls.
    outcomes: Vec<(u64, Outcome)>,
}

/// A write that was handed to the store.
#[derive(Debug)]
struct Sent {
    id: WriteId,
    name: String,
    at: Instant,
    /// The time that it has.
    span: Duration,
}

impl Writes {
    pub(super) fn new(store: &Arc<dyn Store>, at_most: usize) -> Self {
        let each = || Box::new(EachWriter::new(Arc::clone(store))) as Box<dyn Writer>;
        Self {
            writer: store.writer().unwrap_or_else(each),
            waiting: VecDeque::new(),
            sent: Numbered::default(),
            window: Window::new(at_most),
            timer: None,
            outcomes: Vec::new(),
        }
    }

    /// Sends it as soon as there is room.
    pub(super) fn push(&mut self, id: WriteId, write: Write, span: Duration) {
        self.waiting.push_back((id, write, span));
    }

    /// Withdraws the writes that were not sent.
    pub(super) fn withdraw(&mut self) -> impl Iterator<Item = WriteId> + use<> {
        std::mem::take(&mut self.waiting).into_iter().map(|(id, ..)| id)
    }

    /// Sends what there is room for, and returns the next outcomes, at least one; pending while nothing
    /// is under way.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn next_batch(&mut self) -> Vec<Input> {
        poll_fn(|cx| self.poll_batch(cx)).await
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Vec<Input>> {
        self.refill();
        if self.sent.len() == 0 {
            return Poll::Pending;
        }
        let mut batch = Vec::new();
        while batch.is_empty() && self.writer.poll_outcomes(cx, &mut self.outcomes).is_ready() {
            self.take_outcomes(&mut batch);
        }
        self.poll_deadlines(cx, &mut batch);
        if batch.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(batch)
    }

    fn take_outcomes(&mut self, batch: &mut Vec<Input>) {
        let (now, under_way) = (Instant::now(), self.sent.len());
        for (number, outcome) in self.outcomes.drain(..) {
            // Otherwise it came after its time.
            if let Some(Sent { id, at, span, .. }) = self.sent.remove(number) {
                self.window.on_answer(now, at, span, under_way);
                batch.push(Input::Wrote(id, outcome));
            }
        }
    }

    /// Looks for writes whose time is over.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>, batch: &mut Vec<Input>) {
        while let Some(timer) = &mut self.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            self.timer = None;
            let now = Instant::now();
            let under_way = self.sent.len();
            for (number, late) in self.sent.extract(|sent| sent.deadline() <= now) {
                self.writer.forget(number);
                self.window.on_answer(now, late.at, late.span, under_way);
                batch.push(late.into_input());
            }
            let first = self.sent.iter().map(|(_, sent)| sent.deadline()).min();
            self.timer = first.map(|first| Box::pin(sleep_until(first)));
        }
    }

    fn refill(&mut self) {
        let room = self.window.room(self.sent.len()).min(self.waiting.len());
        if room == 0 {
            return;
        }
        let now = Instant::now();
        let mut writes = Vec::with_capacity(room);
        for (id, write, span) in self.waiting.drain(..room) {
            let sent = Sent { id, name: write.name.clone(), at: now, span };
            if self.timer.as_ref().is_none_or(|timer| sent.deadline() < timer.deadline()) {
                self.timer = Some(Box::pin(sleep_until(sent.deadline())));
            }
            writes.push((self.sent.push(sent), write));
        }
        self.writer.submit(writes);
    }
}

impl Sent {
    fn deadline(&self) -> Instant {
        self.at + self.span
    }

    /// What is reported in place of an outcome.
    fn into_input(self) -> Input {
        let what =
            format!("write {} (if the server is healthy, check the user's right to it)", self.name);
        let error = StoreError::Timeout { what, after: self.span };
        Input::Wrote(self.id, Outcome::Unknown(error))
    }
}
