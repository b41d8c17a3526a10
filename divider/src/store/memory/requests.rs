//! Requests within the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::super::StoreError;
use super::super::requests::{
    ReceivedRequest, RequestAnswer, RequestListener, RequestTransport, Responder, SendError,
};
use super::{MemoryStore, Shared};
use crate::key::Key;

/// Those who listen, by key.
#[derive(Debug, Default)]
pub(super) struct Switchboard {
    listeners: Mutex<HashMap<Key, Vec<(u64, Listening)>>>,
}

/// Where the requests of one listener go. It is not bounded: as many wait in it as callers wait.
type Listening = mpsc::UnboundedSender<Sent>;

/// A request on its way.
#[derive(Debug)]
struct Sent {
    payload: Bytes,
    answer: mpsc::UnboundedSender<RequestAnswer>,
}

impl Switchboard {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Vec<(u64, Listening)>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a listener, and says under which number.
    fn add(&self, key: &Key, listening: Listening) -> u64 {
        let mut listeners = self.lock();
        let of_key = listeners.entry(key.clone()).or_default();
        let number = of_key.last().map_or(0, |(last, _)| last + 1);
        of_key.push((number, listening));
        number
    }

    fn remove(&self, key: &Key, number: u64) {
        let mut listeners = self.lock();
        if let Some(of_key) = listeners.get_mut(key) {
            of_key.retain(|(other, _)| *other != number);
            if of_key.is_empty() {
                listeners.remove(key);
            }
        }
    }

    /// Gives a request to all who listen. `None`: nobody does.
    fn send(&self, key: &Key, payload: &Bytes) -> Option<mpsc::UnboundedReceiver<RequestAnswer>> {
        let listeners = self.lock();
        let (answer, answers) = mpsc::unbounded_channel();
        for (_, listening) in listeners.get(key)? {
            // One that was dropped in this moment hears nothing.
            let _ = listening.send(Sent { payload: payload.clone(), answer: answer.clone() });
        }
        Some(answers)
    }

    /// How many listen.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn len(&self) -> usize {
        self.lock().values().map(Vec::len).sum()
    }
}

impl RequestTransport for MemoryStore {
    fn send(
        &self,
        key: &Key,
        payload: Bytes,
    ) -> BoxFuture<'static, Result<RequestAnswer, SendError>> {
        let (shared, key) = (Arc::clone(&self.shared), key.clone());
        Box::pin(async move {
            check_len(&payload)?;
            shared.thawed().await;
            let Some(mut answers) = shared.switchboard.send(&key, &payload) else {
                return Err(SendError::NobodyListens);
            };
            match answers.recv().await {
                Some(answer) => Ok(answer),
                // As on a network: nothing comes, and nobody says so.
                None => std::future::pending().await,
            }
        })
    }

    fn listen(
        &self,
        key: &Key,
    ) -> BoxFuture<'static, Result<Box<dyn RequestListener>, StoreError>> {
        let (this, key) = (self.clone(), key.clone());
        Box::pin(async move {
            this.with_log("listen for requests", |_| ()).await?;
            let (listening, sent) = mpsc::unbounded_channel();
            let number = this.shared.switchboard.add(&key, listening);
            let listener = MemoryListener { shared: this.shared, key, number, sent };
            Ok(Box::new(listener) as Box<dyn RequestListener>)
        })
    }
}

/// A listener in the same process.
struct MemoryListener {
    shared: Arc<Shared>,
    key: Key,
    number: u64,
    sent: mpsc::UnboundedReceiver<Sent>,
}

impl RequestListener for MemoryListener {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ReceivedRequest>> {
        self.sent.poll_recv(cx).map(|sent| {
            let Sent { payload, answer } = sent?;
            let responder = MemoryResponder { shared: Arc::clone(&self.shared), answer };
            Some(ReceivedRequest { payload, responder: Box::new(responder) })
        })
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.shared.switchboard.remove(&self.key, self.number);
        Box::pin(std::future::ready(()))
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        self.shared.switchboard.remove(&self.key, self.number);
    }
}

struct MemoryResponder {
    shared: Arc<Shared>,
    answer: mpsc::UnboundedSender<RequestAnswer>,
}

impl Responder for MemoryResponder {
    fn answer(&self, answer: RequestAnswer) -> BoxFuture<'static, Result<(), SendError>> {
        let (shared, caller) = (Arc::clone(&self.shared), self.answer.clone());
        Box::pin(async move {
            check_len(&answer.payload)?;
            shared.thawed().await;
            // The caller may have stopped waiting.
            let _ = caller.send(answer);
            Ok(())
        })
    }
}

fn check_len(payload: &Bytes) -> Result<(), SendError> {
    let len = payload.len();
    if len > MAX_PAYLOAD { Err(SendError::TooLarge { len, most: MAX_PAYLOAD }) } else { Ok(()) }
}

/// The largest payload: that of a nats-server with its own defaults.
const MAX_PAYLOAD: usize = 1 << 20;
