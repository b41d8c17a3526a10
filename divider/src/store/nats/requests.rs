//! Requests as plain NATS messages, on a connection of their own.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::client::{PublishErrorKind, RequestErrorKind};
use async_nats::header::HeaderMap;
use async_nats::{Client, Message, Subject, Subscriber};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::super::StoreError;
use super::super::requests::{
    AnswerStatus, ReceivedRequest, RequestAnswer, RequestListener, RequestTransport, Responder,
    SendError,
};
use super::NatsStore;
use super::connect::Connection;
use crate::id::Token;
use crate::key::Key;

/// The connection for requests, made when the first one is sent or listened for. Requests and their
/// answers queue there, and hold up no heartbeat.
#[derive(Debug, Default)]
pub(super) struct RequestConnection(OnceCell<Requester>);

/// A connection for requests.
#[derive(Debug)]
struct Requester {
    connection: Connection,
    /// What the inboxes of its client begin with.
    inbox: String,
}

impl RequestConnection {
    async fn get(&self, main: &Connection) -> Result<&Requester, StoreError> {
        let open = || async {
            let connection = main.requester(CAPACITY).await?;
            Ok(Requester { inbox: connection.inbox(), connection })
        };
        self.0.get_or_try_init(open).await
    }
}

impl Requester {
    /// Waits until the server refuses to let this user publish to the subject or read its answers.
    async fn denied(&self, subject: &str, since: u64) -> StoreError {
        self.refused(subject, &self.inbox, since).await
    }

    /// The same for another subscription than that of the answers.
    async fn refused(&self, subject: &str, subscription: &str, since: u64) -> StoreError {
        match &self.connection.denials {
            Some(denials) => {
                StoreError::Denied { what: denials.wait(subject, subscription, since).await }
            }
            None => std::future::pending().await,
        }
    }
}

impl NatsStore {
    /// The subject of a key's requests: `divider.<group>.to.<key>`.
    fn request_subject(&self, key: &str) -> String {
        format!("divider.{}.to.{key}", self.inner.group)
    }

    async fn requester(&self) -> Result<&Requester, StoreError> {
        self.inner.requests.get(&self.inner.api.connection).await
    }

    async fn send_to_owner(&self, key: &Key, payload: Bytes) -> Result<RequestAnswer, SendError> {
        let not_sent = |source| SendError::NotSent { source };
        let requester = self.requester().await.map_err(not_sent)?;
        let connection = &requester.connection;
        if !connection.is_up() {
            // The client would keep it, and send it when nobody waits any more.
            return Err(not_sent(connection.unreachable()));
        }
        let len = payload.len();
        let subject = self.request_subject(&key.wire());
        let request = async_nats::Request::new().payload(payload).timeout(None);
        let since = connection.denial_count();
        let cut = connection.cut();
        let answer = tokio::select! {
            answer = connection.client.send_request(subject.clone(), request) => answer,
            error = requester.denied(&subject, since) => return Err(not_sent(error)),
            () = cut => {
                let what = format!("the connection was lost before the reply: {subject}");
                return Err(SendError::AnswerLost { source: StoreError::Unreachable { what } });
            }
        };
        match answer {
            Ok(message) => read_answer(message),
            Err(error) => Err(match error.kind() {
                RequestErrorKind::NoResponders => SendError::NobodyListens,
                RequestErrorKind::MaxPayloadExceeded => too_large(&connection.client, len, 0),
                _ => {
                    let what = format!("{subject}: {error}");
                    SendError::AnswerLost { source: StoreError::Unreachable { what } }
                }
            }),
        }
    }

    async fn listen_for(&self, key: &Key) -> Result<NatsListener, StoreError> {
        let requester = self.requester().await?;
        let connection = &requester.connection;
        let subject = self.request_subject(&key.wire());
        let since = connection.denial_count();
        let opened = connection.client.subscribe(subject.clone()).await;
        let subscriber = opened
            .map_err(|error| StoreError::Unreachable { what: format!("{subject}: {error}") })?;
        // The server answers in order, so its answer to this shows that it has the subscription.
        let nobody = self.request_subject(NO_KEY);
        self.round_trip(requester, &nobody, &subject, since).await?;
        Ok(NatsListener {
            client: connection.client.clone(),
            subject: subject.into(),
            subscriber,
            arrived: VecDeque::new(),
            count: 0,
            last: None,
        })
    }

    /// Asks the server for something that nobody answers, and looks at what it refused until then.
    async fn round_trip(
        &self,
        requester: &Requester,
        nobody: &str,
        subject: &str,
        since: u64,
    ) -> Result<(), StoreError> {
        let Requester { connection, .. } = requester;
        let after = self.inner.api.timeout;
        let request = async_nats::Request::new().timeout(Some(after));
        let answer = tokio::select! {
            answer = connection.client.send_request(nobody.to_owned(), request) => answer,
            error = requester.refused(nobody, subject, since) => return Err(error),
        };
        if let Some(denials) = connection.denials.clone() {
            // A refusal is heard in a task of the connection's thread. It was woken before this one.
            let (nobody, subject) = (nobody.to_owned(), subject.to_owned());
            let look = async move {
                tokio::task::yield_now().await;
                denials.find(&nobody, &subject, since)
            };
            if let Ok(Some(what)) = connection.runtime.spawn(look).await {
                return Err(StoreError::Denied { what });
            }
        }
        match answer.map_err(|error| error.kind()) {
            Ok(_) | Err(RequestErrorKind::NoResponders) => Ok(()),
            Err(RequestErrorKind::TimedOut) => Err(self.inner.api.timeout_error(nobody)),
            Err(_) => Err(connection.unreachable()),
        }
    }
}

impl RequestTransport for NatsStore {
    fn send(
        &self,
        key: &Key,
        payload: Bytes,
    ) -> BoxFuture<'static, Result<RequestAnswer, SendError>> {
        let (this, key) = (self.clone(), key.clone());
        Box::pin(async move { this.send_to_owner(&key, payload).await })
    }

    fn listen(
        &self,
        key: &Key,
    ) -> BoxFuture<'static, Result<Box<dyn RequestListener>, StoreError>> {
        let (this, key) = (self.clone(), key.clone());
        Box::pin(async move {
            let listener = this.listen_for(&key).await?;
            Ok(Box::new(listener) as Box<dyn RequestListener>)
        })
    }
}

/// The subscription of one key.
struct NatsListener {
    client: Client,
    subject: Subject,
    subscriber: Subscriber,
    /// What was taken from the subscription to count it.
    arrived: VecDeque<Message>,
    /// How many messages the subscription has delivered.
    count: u64,
    /// When the last one was seen.
    last: Option<Instant>,
}

impl NatsListener {
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if let Some(message) = self.arrived.pop_front() {
            return Poll::Ready(Some(message));
        }
        let polled = Pin::new(&mut self.subscriber).poll_next(cx);
        if let Poll::Ready(Some(_)) = &polled {
            self.count_one();
        }
        polled
    }

    fn count_one(&mut self) {
        self.count += 1;
        self.last = Some(Instant::now());
    }

    /// Ends the subscription in a way that loses nothing. The client forgets a subscription as soon as
    /// it is ended, and drops what was on its way then. One that ends after a number of messages is
    /// kept until these have come. So it ends after a few more than have come, and this many markers
    /// are sent after that: every message that was on its way comes before the last of them, unless
    /// there are more than markers.
    async fn end(&mut self) {
        while let Some(Some(message)) = self.subscriber.next().now_or_never() {
            self.count_one();
            self.arrived.push_back(message);
        }
        let is_busy = self.last.is_some_and(|last| last.elapsed() < BUSY);
        let markers = if is_busy { MARKERS } else { 1 };
        // A client that is closed has no subscription any more.
        if self.subscriber.unsubscribe_after(self.count + markers).await.is_err() {
            return;
        }
        for _ in 0..markers {
            let headers = status_header(MARKER);
            let published =
                self.client.publish_with_headers(self.subject.clone(), headers, Bytes::new()).await;
            if published.is_err() {
                return;
            }
        }
    }
}

impl RequestListener for NatsListener {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ReceivedRequest>> {
        loop {
            let Some(message) = std::task::ready!(self.poll_message(cx)) else {
                return Poll::Ready(None);
            };
            // Markers, and what is sent without a way back: nobody waits for an answer.
            let has_status =
                message.headers.as_ref().is_some_and(|headers| headers.get(STATUS).is_some());
            if let (Some(reply), false) = (message.reply, has_status) {
                let responder = NatsResponder { client: self.client.clone(), reply };
                let payload = message.payload;
                let request = ReceivedRequest { payload, responder: Box::new(responder) };
                return Poll::Ready(Some(request));
            }
        }
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.end())
    }
}

struct NatsResponder {
    client: Client,
    reply: Subject,
}

impl Responder for NatsResponder {
    fn answer(&self, answer: RequestAnswer) -> BoxFuture<'static, Result<(), SendError>> {
        let (client, reply) = (self.client.clone(), self.reply.clone());
        Box::pin(async move {
            let len = answer.payload.len();
            let mut headers = match answer.status {
                AnswerStatus::Replied => HeaderMap::new(),
                status => status_header(status.as_str()),
            };
            if let Some(token) = answer.token {
                headers.insert(TOKEN, token.to_string());
            }
            let published = client.publish_with_headers(reply, headers, answer.payload).await;
            published.map_err(|error| {
                if error.kind() == PublishErrorKind::MaxPayloadExceeded {
                    return too_large(&client, len, HEADERS);
                }
                let what = error.to_string();
                SendError::NotSent { source: StoreError::Unreachable { what } }
            })
        })
    }
}

/// What an answer says. One without a status is a reply.
fn read_answer(message: Message) -> Result<RequestAnswer, SendError> {
    let header = |name| message.headers.as_ref().and_then(|headers| headers.get(name));
    let status = match header(STATUS).map(ToString::to_string).as_deref() {
        None => AnswerStatus::Replied,
        Some("moved") => AnswerStatus::Moved,
        Some("dropped") => AnswerStatus::Dropped,
        Some(other) => {
            let what = format!("an answer with an unknown {STATUS}: {other}");
            return Err(SendError::AnswerLost { source: StoreError::Other { what } });
        }
    };
    let token = header(TOKEN).and_then(|token| token.as_str().parse().ok()).map(Token);
    Ok(RequestAnswer { status, token, payload: message.payload })
}

fn status_header(status: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(STATUS, status);
    headers
}

/// The server counts the headers in.
fn too_large(client: &Client, len: usize, headers: usize) -> SendError {
    let most = client.try_server_info().map_or(0, |info| info.max_payload);
    SendError::TooLarge { len, most: most.saturating_sub(headers) }
}

/// The header that says what became of a request, where it is no reply. Requests do not have it.
const STATUS: &str = "Divider-Status";

/// The header with the fencing token of the owner.
const TOKEN: &str = "Divider-Token";

/// The status of a message that an owner sends to itself.
const MARKER: &str = "marker";

/// At most as many bytes are the headers of an answer.
const HEADERS: usize = 128;

/// What no key has as its wire form: nobody listens there.
const NO_KEY: &str = "=";

/// How many requests of one key wait for their owner before further ones are dropped.
const CAPACITY: usize = 1 << 16;

/// A subscription that got a message in this time gets more markers when it ends.
const BUSY: Duration = Duration::from_secs(10);

/// How many messages may be on their way to a busy subscription that ends.
const MARKERS: u64 = 32;
