//! Many writes at a time: published in one piece, and answered through one channel.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_nats::Client;
use async_nats::message::OutboundMessage;
use futures_util::Sink;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::super::writer::RunningWrites;
use super::super::{Outcome, StoreError, Write, Writer};
use super::NatsStore;
use super::acks::{Answered, Answers, Submission};
use super::message;
use divider_core::log::check_write;

/// Publishes what it has without a pause, so that the client writes it in few pieces. There is neither a
/// task nor a timer for a write.
pub(super) struct NatsWriter {
    store: NatsStore,
    client: Client,
    /// Not sent yet.
    waiting: VecDeque<(u64, Write)>,
    /// The wait for the connection, while it is down.
    up: Option<BoxFuture<'static, ()>>,
    replies: Answers,
    answers: mpsc::UnboundedReceiver<(u64, Answered)>,
    /// Writes that the server dropped; they are sent again, one by one.
    dropped: RunningWrites,
}

impl NatsWriter {
    pub(super) fn new(store: NatsStore) -> Self {
        let client = store.inner.api.connection.client.clone();
        let (replies, answers) = mpsc::unbounded_channel();
        let (waiting, dropped) = (VecDeque::new(), RunningWrites::default());
        Self { store, client, waiting, up: None, replies, answers, dropped }
    }

    /// Sends what the client takes.
    fn poll_send(&mut self, cx: &mut Context<'_>, outcomes: &mut Vec<(u64, Outcome)>) {
        while !self.waiting.is_empty() && self.poll_up(cx).is_ready() {
            let Poll::Ready(ready) = Pin::new(&mut self.client).poll_ready(cx) else { return };
            let Some((number, write)) = self.waiting.pop_front() else { return };
            let sent = match ready {
                Ok(()) => self.send(number, write),
                Err(error) => Err(unreachable(&error)),
            };
            if let Err(error) = sent {
                outcomes.push((number, Outcome::Refused(error)));
            }
        }
    }

    /// Whether the connection is up. The client would keep a write until it is back, and send it then,
    /// late.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.store.inner.api.connection.is_up() {
            self.up = None;
            return Poll::Ready(());
        }
        let up = self.up.get_or_insert_with(|| {
            let connection = self.store.inner.api.connection.clone();
            Box::pin(async move { connection.up().await })
        });
        let poll = up.as_mut().poll(cx);
        if poll.is_ready() {
            self.up = None;
        }
        poll
    }

    /// Hands one to the client, which has room for it.
    fn send(&mut self, number: u64, write: Write) -> Result<(), StoreError> {
        check_write(&write)?;
        let publisher = &self.store.inner.publisher;
        let (subject, headers) = (publisher.subject(&write), message::headers(&write));
        let payload = write.value.clone().unwrap_or_default();
        let submission = Submission { number, write, answers: self.replies.clone() };
        let ticket = publisher.acks.wait_for_writer(submission);
        let reply = Some(publisher.acks.reply(ticket).into());
        let message = OutboundMessage { subject, reply, payload, headers: Some(headers) };
        Pin::new(&mut self.client).start_send(message).map_err(|error| {
            publisher.acks.forget(ticket);
            unreachable(&error)
        })
    }

    fn poll_answers(&mut self, cx: &mut Context<'_>, outcomes: &mut Vec<(u64, Outcome)>) {
        while let Poll::Ready(Some((number, answered))) = self.answers.poll_recv(cx) {
            match answered {
                Answered::Outcome(outcome) => outcomes.push((number, outcome)),
                Answered::Dropped(write) => {
                    let store = self.store.clone();
                    let again = async move { store.inner.publisher.write_dropped(write).await };
                    self.dropped.push(number, Box::pin(again));
                }
            }
        }
    }
}

impl Writer for NatsWriter {
    fn submit(&mut self, writes: Vec<(u64, Write)>) {
        self.waiting.extend(writes);
    }

    fn poll_outcomes(
        &mut self,
        cx: &mut Context<'_>,
        outcomes: &mut Vec<(u64, Outcome)>,
    ) -> Poll<()> {
        let before = outcomes.len();
        self.poll_send(cx, outcomes);
        self.poll_answers(cx, outcomes);
        let dropped = self.dropped.poll_outcomes(cx, outcomes);
        if outcomes.len() > before { Poll::Ready(()) } else { dropped }
    }

    fn forget(&mut self, number: u64) {
        self.waiting.retain(|(waiting, _)| *waiting != number);
        self.store.inner.publisher.acks.forget_submissions(&self.replies, |sent| sent == number);
        self.dropped.forget(number);
    }
}

impl Drop for NatsWriter {
    fn drop(&mut self) {
        self.store.inner.publisher.acks.forget_submissions(&self.replies, |_| true);
    }
}

fn unreachable(error: &async_nats::client::PublishError) -> StoreError {
    StoreError::Unreachable { what: error.to_string() }
}
