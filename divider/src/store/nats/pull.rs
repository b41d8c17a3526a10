//! The messages of one filter of a stream: an ephemeral pull consumer, read in order.
//!
//! The consumer has no acknowledgements and is never resumed. Whatever goes wrong ends it, and its
//! reader makes another one after the last message. Messages are pulled, so that a reader which is
//! slow holds no more of them than it has requested.

use std::time::Duration;

use async_nats::{Client, Message, StatusCode, Subscriber};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::watch as signal;
use tokio::time::{Instant, sleep_until};

use super::super::{Delivery, FollowStream, MessageStream, SourceError, StoreError};
use super::NatsStore;
use super::consumer;
use super::delivery_info::DeliveryInfo;
use super::messages::{plain_headers, source_error};
use super::silence::RECONNECTED;

/// A consumer, and how far it has been read.
pub(super) struct Pull {
    store: NatsStore,
    client: Client,
    stream: String,
    consumer: String,
    /// Where messages are requested.
    next: String,
    inbox: String,
    deliveries: Subscriber,
    connects: signal::Receiver<u64>,
    /// The most messages that are requested and have not come.
    most: u32,
    /// Messages that are requested and have not come.
    requested: u32,
    delivered: u64,
    sequence: u64,
    /// When something came last.
    heard: Instant,
    /// How many messages matched when the consumer was made.
    waiting_at_first: Option<u64>,
}

/// How long a request for messages waits at the server.
const EXPIRES: Duration = Duration::from_secs(30);

/// How often the server says that a request waits.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// After how long without anything the consumer counts as gone.
const SILENCE: Duration = Duration::from_secs(13);

/// After how long without its reader the server forgets a consumer.
const INACTIVE: Duration = Duration::from_secs(30);

/// How long making a consumer may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Pull {
    pub(super) async fn open(store: NatsStore, follow: FollowStream) -> Result<Self, SourceError> {
        let shared = store.messages_connection().await?.clone();
        let (client, mut connects) = (shared.client, shared.connects);
        connects.mark_unchanged();
        let inbox = client.new_inbox();
        let deliveries = client
            .subscribe(inbox.clone())
            .await
            .map_err(|error| StoreError::Unreachable { what: error.to_string() })?;
        let FollowStream { stream, filter, from, most_waiting: most } = follow;
        let consumer = consumer::new_name()?;
        let waiting_at_first = create(&store, &stream, &consumer, &filter, from).await?;
        let next = format!("{}.CONSUMER.MSG.NEXT.{stream}.{consumer}", store.inner.api.prefix);
        let mut pull = Self {
            next,
            store,
            client,
            stream,
            consumer,
            inbox,
            deliveries,
            connects,
            most,
            requested: 0,
            delivered: 0,
            sequence: from.saturating_sub(1),
            heard: Instant::now(),
            waiting_at_first,
        };
        pull.request().await?;
        Ok(pull)
    }

    /// Requests as many as may be on their way.
    async fn request(&mut self) -> Result<(), StoreError> {
        let batch = self.most - self.requested;
        let body = json!({
            "batch": batch,
            "expires": nanos(EXPIRES),
            "idle_heartbeat": nanos(HEARTBEAT),
        });
        let sent = self.client.publish_with_reply(
            self.next.clone(),
            self.inbox.clone(),
            body.to_string().into(),
        );
        sent.await.map_err(|error| StoreError::Unreachable { what: error.to_string() })?;
        self.requested += batch;
        Ok(())
    }

    /// What a message is: a delivery, an end, or nothing.
    fn on_message(&mut self, message: Option<Message>) -> Result<Option<Delivery>, SourceError> {
        let Some(message) = message else {
            return Err(interrupted("the connection was closed"));
        };
        self.heard = Instant::now();
        if let Some(info) = message.reply.as_deref().and_then(DeliveryInfo::parse) {
            return self.on_delivery(info, message).map(Some);
        }
        let Some(status) = message.status else { return Ok(None) };
        let words = message.description.as_deref().unwrap_or_default();
        match status {
            StatusCode::IDLE_HEARTBEAT => return Ok(None),
            StatusCode::NO_RESPONDERS => return Err(interrupted("the consumer is gone")),
            // The request has expired, or was answered in part.
            StatusCode::NOT_FOUND | StatusCode::TIMEOUT => {}
            _ if words.contains("Batch Completed") => {}
            _ => {
                let what = format!("the server ended the consumer: {words} ({status})");
                return Err(interrupted(what));
            }
        }
        let headers = message.headers.as_ref();
        let unanswered = headers.and_then(|headers| headers.get("Nats-Pending-Messages"));
        let unanswered = unanswered.and_then(|count| count.as_str().parse().ok());
        self.requested = self.requested.saturating_sub(unanswered.unwrap_or(self.requested));
        Ok(None)
    }

    fn on_delivery(
        &mut self,
        info: DeliveryInfo,
        message: Message,
    ) -> Result<Delivery, SourceError> {
        let expected = self.delivered + 1;
        if info.delivered != expected || info.sequence <= self.sequence {
            let DeliveryInfo { delivered, sequence, .. } = info;
            let after = self.sequence;
            return Err(interrupted(format!(
                "expected delivery {expected} above {after}, found {delivered} with {sequence}"
            )));
        }
        (self.delivered, self.sequence) = (info.delivered, info.sequence);
        self.requested = self.requested.saturating_sub(1);
        let mut delivery = Delivery::new(info.sequence, message.subject.as_str(), message.payload);
        delivery.stored_ns = info.stored_ns;
        delivery.headers = plain_headers(message.headers.as_ref());
        Ok(delivery)
    }

    /// Waits for a message, until the consumer counts as gone.
    async fn wait(&mut self) -> Result<Option<Message>, SourceError> {
        let connection = &self.store.inner.api.connection;
        tokio::select! {
            biased;
            message = self.deliveries.next() => Ok(message),
            changed = self.connects.changed() => {
                let what = if changed.is_ok() { RECONNECTED } else { "the connection was closed" };
                Err(interrupted(what))
            }
            what = connection.denied(&self.next, 0) => Err(StoreError::Denied { what }.into()),
            () = sleep_until(self.heard + SILENCE) => {
                Err(interrupted("the server has been silent for two heartbeats"))
            }
        }
    }
}

impl MessageStream for Pull {
    fn next(&mut self) -> BoxFuture<'_, Result<Delivery, SourceError>> {
        Box::pin(async move {
            loop {
                if self.requested <= self.most / 2 {
                    self.request().await?;
                }
                // What has come is read first: only then is silence the server's.
                let message = match self.deliveries.next().now_or_never() {
                    Some(message) => message,
                    None => self.wait().await?,
                };
                if let Some(delivery) = self.on_message(message)? {
                    return Ok(delivery);
                }
            }
        })
    }

    fn waiting_at_first(&self) -> Option<u64> {
        self.waiting_at_first
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Self { store, stream, consumer, mut deliveries, .. } = *self;
            let what = format!("CONSUMER.DELETE.{stream}.{consumer}");
            if store.inner.api.request::<Value>(&what, &json!({})).await.is_err() {
                tracing::debug!(consumer, "a consumer was not deleted: the server removes it");
            }
            let _ = deliveries.unsubscribe().await;
        })
    }
}

/// Makes the consumer; says how many messages it has to deliver, if the server says so.
async fn create(
    store: &NatsStore,
    stream: &str,
    name: &str,
    filter: &str,
    from: u64,
) -> Result<Option<u64>, SourceError> {
    // With the filter in the subject, permissions can confine a worker to it.
    let what = format!("CONSUMER.CREATE.{stream}.{name}.{filter}");
    let config = json!({
        "name": name,
        "filter_subject": filter,
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": from.max(1),
        "ack_policy": "none",
        "replay_policy": "instant",
        "inactive_threshold": nanos(INACTIVE),
        "max_deliver": 1,
        "mem_storage": true,
        "num_replicas": 1,
    });
    let body = json!({"stream_name": stream, "config": config, "action": "create"});
    let api = store.inner.api.within(PATIENCE.max(store.inner.api.timeout));
    let made: Result<Value, _> = api.request(&what, &body).await;
    let made = made.map_err(|error| source_error(&api, stream, error))?;
    Ok(made.get("num_pending").and_then(Value::as_u64))
}

fn interrupted(what: impl Into<String>) -> SourceError {
    SourceError::Interrupted { what: what.into() }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).expect("a constant of seconds")
}
