//! A node's own way to the store in memory, which is halted and cut off with the node.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::gate::Gate;
use crate::id::GroupName;
use crate::key::Key;
use crate::store::{
    Change, CheckpointRecord, CheckpointWrite, Checkpoints, Filter, FollowStream, HistoryRecord,
    HistoryStart, Info, MemoryStore, MessageStream, MessageStreams, Outcome, ReceivedRequest,
    Record, RequestAnswer, RequestListener, RequestTransport, Responder, SendError, SourceError,
    Store, StoreError, StreamState, Watch, Write,
};

/// The store as one node reaches it. What tasks ask that the application spawned by itself waits
/// here, too, while the node is paused, and for ever after its crash.
#[derive(Debug, Clone)]
pub(super) struct Link {
    store: MemoryStore,
    gate: Gate,
}

impl Link {
    pub(super) fn new(store: MemoryStore, gate: Gate) -> Self {
        Self { store, gate }
    }

    /// Asks once the node runs, and hears the answer while it does.
    fn ask<T: Send + 'static>(&self, asked: BoxFuture<'static, T>) -> BoxFuture<'static, T> {
        let gate = self.gate.clone();
        Box::pin(async move {
            gate.opened().await;
            let answer = asked.await;
            gate.opened().await;
            answer
        })
    }
}

impl Store for Link {
    fn group(&self) -> &GroupName {
        self.store.group()
    }
    fn write(&self, write: Write) -> BoxFuture<'static, Outcome> {
        self.ask(self.store.write(write))
    }
    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Record>, StoreError>> {
        self.ask(self.store.read(name))
    }
    fn watch(&self, filter: Filter) -> BoxFuture<'static, Result<Box<dyn Watch>, StoreError>> {
        let (opening, gate) = (self.ask(self.store.watch(filter)), self.gate.clone());
        Box::pin(async move {
            let watch = opening.await?;
            Ok(Box::new(LinkWatch { watch, gate }) as Box<dyn Watch>)
        })
    }
    fn info(&self) -> BoxFuture<'static, Result<Info, StoreError>> {
        self.ask(self.store.info())
    }
    fn append_history(&self, id: &str, entry: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        self.ask(self.store.append_history(id, entry))
    }
    fn read_history(
        &self,
        from: HistoryStart,
    ) -> BoxFuture<'static, Result<Vec<HistoryRecord>, StoreError>> {
        self.ask(self.store.read_history(from))
    }
    fn checkpoints(&self) -> Result<Arc<dyn Checkpoints>, StoreError> {
        let checkpoints = self.store.checkpoints()?;
        Ok(Arc::new(LinkCheckpoints { checkpoints, link: self.clone() }))
    }
    fn messages(&self) -> Result<Arc<dyn MessageStreams>, StoreError> {
        Ok(Arc::new(LinkStreams { streams: self.store.messages()?, link: self.clone() }))
    }
    fn requests(&self) -> Option<Arc<dyn RequestTransport>> {
        Some(Arc::new(self.clone()))
    }
    fn is_connected(&self) -> Option<bool> {
        self.store.is_connected()
    }
    fn keeps_paused_time(&self) -> bool {
        true
    }
}

struct LinkWatch {
    watch: Box<dyn Watch>,
    gate: Gate,
}

impl Watch for LinkWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, StoreError>> {
        Box::pin(async {
            self.gate.opened().await;
            self.watch.next().await
        })
    }
    fn last_age(&self) -> Option<Duration> {
        self.watch.last_age()
    }
    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.watch.close()
    }
}

#[derive(Debug)]
struct LinkCheckpoints {
    checkpoints: Arc<dyn Checkpoints>,
    link: Link,
}

impl Checkpoints for LinkCheckpoints {
    fn request_timeout(&self) -> Duration {
        self.checkpoints.request_timeout()
    }
    fn read(&self, key: &Key) -> BoxFuture<'static, Result<Option<CheckpointRecord>, StoreError>> {
        self.link.ask(self.checkpoints.read(key))
    }
    fn write(&self, write: CheckpointWrite) -> BoxFuture<'static, Outcome> {
        self.link.ask(self.checkpoints.write(write))
    }
}

#[derive(Debug)]
struct LinkStreams {
    streams: Arc<dyn MessageStreams>,
    link: Link,
}

impl MessageStreams for LinkStreams {
    fn inspect(
        &self,
        stream: &str,
        filter: &str,
    ) -> BoxFuture<'static, Result<StreamState, SourceError>> {
        self.link.ask(self.streams.inspect(stream, filter))
    }
    fn follow(
        &self,
        follow: FollowStream,
    ) -> BoxFuture<'static, Result<Box<dyn MessageStream>, SourceError>> {
        self.link.ask(self.streams.follow(follow))
    }
    fn publish(
        &self,
        subject: &str,
        headers: Vec<(String, String)>,
        payload: Bytes,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        self.link.ask(self.streams.publish(subject, headers, payload))
    }
}

impl RequestTransport for Link {
    fn send(
        &self,
        key: &Key,
        payload: Bytes,
    ) -> BoxFuture<'static, Result<RequestAnswer, SendError>> {
        self.ask(RequestTransport::send(&self.store, key, payload))
    }

    fn listen(
        &self,
        key: &Key,
    ) -> BoxFuture<'static, Result<Box<dyn RequestListener>, StoreError>> {
        let (opening, link) = (self.ask(self.store.listen(key)), self.clone());
        Box::pin(async move {
            let listener = opening.await?;
            Ok(Box::new(LinkListener { listener, link }) as Box<dyn RequestListener>)
        })
    }
}

struct LinkListener {
    listener: Box<dyn RequestListener>,
    link: Link,
}

impl RequestListener for LinkListener {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ReceivedRequest>> {
        self.listener.poll_next(cx).map(|request| {
            let ReceivedRequest { payload, responder } = request?;
            let responder = Arc::from(responder);
            let responder = LinkResponder { responder, link: self.link.clone() };
            Some(ReceivedRequest { payload, responder: Box::new(responder) })
        })
    }
    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.listener.stop()
    }
}

struct LinkResponder {
    responder: Arc<dyn Responder>,
    link: Link,
}

impl Responder for LinkResponder {
    fn answer(&self, answer: RequestAnswer) -> BoxFuture<'static, Result<(), SendError>> {
        self.link.ask(self.responder.answer(answer))
    }
}
