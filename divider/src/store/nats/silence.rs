//! What to make of a server that says nothing: it has much to do, or has lost what was asked of it.

use std::time::Duration;

use async_nats::Client;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::super::StoreError;
use super::NatsStore;
use super::connect::{connects, reconnected};
use super::consumer::IDLE_HEARTBEAT;

/// After how long without a word the consumer counts as gone, if the server answers otherwise: three
/// heartbeats.
pub(super) const SILENCE: Duration = IDLE_HEARTBEAT.saturating_mul(3);

/// How quickly a server answers that has time for heartbeats. One that has much to do, such as when
/// everybody comes back after it was away, has none; to begin again would give it more to do.
const QUICK: Duration = Duration::from_millis(250);

/// After how long the consumer counts as gone in any case.
const LONG_SILENCE: Duration = SILENCE.saturating_mul(4);

/// Why a watch ends whose connection was cut: what was sent meanwhile does not come any more.
pub(super) const RECONNECTED: &str = "the connection was established again";

/// A silence, while it lasts.
#[derive(Default)]
pub(super) struct Silence {
    /// Since when nothing has come while it was waited for.
    since: Option<Instant>,
    /// Whether the server answers quickly, asked after a while.
    answers: Option<BoxFuture<'static, bool>>,
    /// When it is asked, or asked again.
    ask_at: Option<Instant>,
}

impl Silence {
    /// Something has come.
    pub(super) fn end(&mut self) {
        if self.since.is_some() {
            *self = Self::default();
        }
    }

    /// Comes back when the consumer counts as gone, unless the silence ends before.
    ///
    /// # Cancel safety
    /// Cancel safe: called again, it goes on.
    pub(super) async fn outlast(&mut self, store: &NatsStore) -> StoreError {
        let since = *self.since.get_or_insert_with(Instant::now);
        loop {
            let ask_at = self.ask_at.unwrap_or(since + SILENCE);
            tokio::select! {
                biased;
                quickly = answer_of(&mut self.answers) => {
                    self.answers = None;
                    if quickly {
                        return StoreError::gap("the server has been silent for three heartbeats");
                    }
                }
                () = tokio::time::sleep_until(ask_at) => {
                    if since.elapsed() >= LONG_SILENCE {
                        return StoreError::gap("the server has been silent for too long");
                    }
                    let store = store.clone();
                    self.answers = Some(async move { store.answers_quickly().await }.boxed());
                    self.ask_at = Some(Instant::now() + SILENCE);
                }
            }
        }
    }
}

impl NatsStore {
    /// Comes back when the answer to who opens a watch will not come any more: a connection was made
    /// anew, or the server has time for others. One that makes a hundred consumers of a large log at
    /// once has none, and to be asked again would give it more to do.
    pub(super) async fn lose_patience(&self, reader: &Client, before: u64) -> StoreError {
        let api = &self.inner.api;
        let asker = &api.connection.client;
        let before_asking = connects(asker);
        loop {
            tokio::select! {
                () = reconnected(reader, before) => return StoreError::gap(RECONNECTED),
                () = reconnected(asker, before_asking) => return StoreError::gap(RECONNECTED),
                () = tokio::time::sleep(api.timeout) => {}
            }
            if self.answers_quickly().await {
                return api.timeout_error(&format!("{}.CONSUMER.CREATE", api.prefix));
            }
        }
    }

    /// Whether the server has time for a question.
    async fn answers_quickly(&self) -> bool {
        matches!(tokio::time::timeout(QUICK, self.stream_info()).await, Ok(Ok(_)))
    }
}

/// Waits for an answer, if there is a question.
pub(super) async fn answer_of<T>(answer: &mut Option<BoxFuture<'static, T>>) -> T {
    match answer {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}
