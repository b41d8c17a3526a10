//! Streams of messages within the process, for tests of handlers that read messages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::watch as signal;

use super::super::messages::subjects_overlap;
use super::super::{
    Delivery, FollowStream, MessageStream, MessageStreams, SourceError, StoreError, StreamState,
};
use super::{MemoryStore, Shared};
use crate::engine::clock::Clock;

/// The streams by name.
#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: Mutex<BTreeMap<String, Stream>>,
    published: signal::Sender<()>,
}

/// One stream. It keeps every message, so the sequence of a message is its place.
#[derive(Debug)]
struct Stream {
    subjects: String,
    created_ns: u64,
    messages: Vec<Delivery>,
}

/// Streams of messages, with the cargo feature `testing`: what
/// [`Assignment::messages`](crate::Assignment::messages) reads in a test.
impl MemoryStore {
    /// Creates a stream, if there is none with this name, for the subjects that a filter matches,
    /// such as `orders.>`. It keeps every message.
    pub fn create_stream(&self, name: &str, subjects: &str) {
        let created_ns = unix_ns();
        let new = || Stream { subjects: subjects.to_owned(), created_ns, messages: Vec::new() };
        self.shared.streams.lock().entry(name.to_owned()).or_insert_with(new);
    }

    /// Publishes a message. Returns whether a stream has it.
    pub fn publish(&self, subject: &str, payload: impl Into<Bytes>) -> bool {
        self.shared.streams.publish(subject, Vec::new(), payload.into())
    }
}

impl Streams {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Stream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, subject: &str, headers: Vec<(String, String)>, payload: Bytes) -> bool {
        let mut streams = self.lock();
        let Some(stream) =
            streams.values_mut().find(|stream| subjects_overlap(&stream.subjects, subject))
        else {
            return false;
        };
        let sequence = stream.messages.len() as u64 + 1;
        let mut message = Delivery::new(sequence, subject, payload);
        (message.headers, message.stored_ns) = (headers, unix_ns());
        stream.messages.push(message);
        drop(streams);
        self.published.send_replace(());
        true
    }
}

impl MessageStreams for MemoryStore {
    fn inspect(
        &self,
        stream: &str,
        filter: &str,
    ) -> BoxFuture<'static, Result<StreamState, SourceError>> {
        let (this, stream, filter) = (self.clone(), stream.to_owned(), filter.to_owned());
        Box::pin(async move {
            this.with_log("look at a stream", |_| ()).await?;
            let streams = this.shared.streams.lock();
            let Some(found) = streams.get(&stream) else {
                return Err(SourceError::NoStream { stream });
            };
            if !subjects_overlap(&found.subjects, &filter) {
                let subjects = found.subjects.clone();
                return Err(SourceError::NoSubject { stream, filter, subjects });
            }
            Ok(StreamState::new(found.created_ns, 1, found.messages.len() as u64))
        })
    }

    fn follow(
        &self,
        follow: FollowStream,
    ) -> BoxFuture<'static, Result<Box<dyn MessageStream>, SourceError>> {
        let this = self.clone();
        Box::pin(async move {
            this.with_log("follow a stream", |_| ()).await?;
            let published = this.shared.streams.published.subscribe();
            let epoch = this.shared.lock().faults.epoch;
            let (shared, next) = (this.shared, follow.from.max(1));
            let follower = MemoryMessages { shared, published, epoch, follow, next };
            Ok(Box::new(follower) as Box<dyn MessageStream>)
        })
    }

    fn publish(
        &self,
        subject: &str,
        headers: Vec<(String, String)>,
        payload: Bytes,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let (this, subject) = (self.clone(), subject.to_owned());
        Box::pin(async move {
            this.with_log("publish a message", |_| ()).await?;
            if this.shared.streams.publish(&subject, headers, payload) {
                return Ok(());
            }
            Err(StoreError::Other { what: format!("no stream has the subject: {subject}") })
        })
    }
}

/// A place in a stream.
struct MemoryMessages {
    shared: Arc<Shared>,
    published: signal::Receiver<()>,
    epoch: u64,
    follow: FollowStream,
    next: u64,
}

impl MemoryMessages {
    fn poll_stream(&mut self) -> Option<Result<Delivery, SourceError>> {
        if self.shared.lock().faults.epoch != self.epoch {
            return Some(Err(SourceError::Interrupted { what: "the connection was lost".into() }));
        }
        let streams = self.shared.streams.lock();
        let stream = streams.get(&self.follow.stream)?;
        let from = usize::try_from(self.next - 1).ok()?;
        let mut messages = stream.messages.iter().skip(from);
        let message =
            messages.find(|message| subjects_overlap(&self.follow.filter, &message.subject))?;
        self.next = message.sequence + 1;
        Some(Ok(message.clone()))
    }
}

impl MessageStream for MemoryMessages {
    fn next(&mut self) -> BoxFuture<'_, Result<Delivery, SourceError>> {
        Box::pin(async move {
            let mut changed = self.shared.changed.subscribe();
            loop {
                self.published.mark_unchanged();
                self.shared.thawed().await;
                if let Some(message) = self.poll_stream() {
                    return message;
                }
                // Faults are told apart from messages: they concern everything that is followed.
                tokio::select! {
                    _ = self.published.changed() => {}
                    _ = changed.changed() => {}
                }
            }
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn unix_ns() -> u64 {
    Clock::of_caller().now().unix_us.saturating_mul(1000)
}
