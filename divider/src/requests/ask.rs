//! The caller's side.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::select;
use tokio::time::Instant;

use super::error::RequestError;
use crate::backoff::{Backoff, sleep_until};
use crate::group::Group;
use crate::id::Token;
use crate::key::Key;
use crate::store::{AnswerStatus, RequestAnswer, RequestTransport, SendError, StoreError};

impl Group {
    /// Sends a request to the owner of the key, and waits for its reply. Await the result.
    ///
    /// A key without an owner, or one that moves, is waited for until the
    /// [deadline](OutgoingRequest::deadline). [`requests`](crate::requests) says what holds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use divider::{Group, GroupName, Key, MemoryStore};
    /// # use divider::requests::RequestError;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::time::pause();
    /// # let group = Group::open(MemoryStore::new(GroupName::new("orders")?));
    /// let key = Key::new("eu.17")?;
    /// let asked = group.request(&key, "balance").deadline(Duration::from_secs(2)).await;
    /// match asked {
    ///     Ok(reply) => println!("{:?}", reply.payload()),
    ///     Err(RequestError::NoOwner { .. }) => println!("nobody works on the key, try later"),
    ///     Err(error) => println!("{error}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn request(&self, key: &Key, payload: impl Into<Bytes>) -> OutgoingRequest {
        OutgoingRequest {
            transport: self.store().requests(),
            key: key.clone(),
            payload: payload.into(),
            deadline: DEADLINE,
            idempotent: false,
        }
    }
}

/// A request that is to be sent: see [`Group::request`].
#[derive(Debug, Clone)]
#[must_use = "it is sent when it is awaited"]
pub struct OutgoingRequest {
    transport: Option<Arc<dyn RequestTransport>>,
    key: Key,
    payload: Bytes,
    deadline: Duration,
    idempotent: bool,
}

/// A reply of the owner.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    payload: Bytes,
    token: Option<Token>,
}

impl Reply {
    /// What the owner sent.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The payload alone.
    pub fn into_payload(self) -> Bytes {
        self.payload
    }

    /// The fencing token of the owner that replied. It only increases from owner to owner, so a caller
    /// can refuse a reply that is older than one it had. `None`: a service that is no node of this
    /// library replied without it.
    pub fn token(&self) -> Option<Token> {
        self.token
    }
}

impl OutgoingRequest {
    /// How long to wait for the reply, from the call on. 5 s unless set. To outlast the crash of an owner
    /// take more than its lease.
    pub fn deadline(mut self, after: Duration) -> Self {
        self.deadline = after;
        self
    }

    /// Whether the request may be carried out more than once. Not unless set.
    ///
    /// Then it is also sent again where it is not known whether an owner accepted it: after a lost
    /// connection, after an owner dropped it, and each second without an answer. The first reply counts.
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }
}

impl IntoFuture for OutgoingRequest {
    type Output = Result<Reply, RequestError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let transport = self.transport.clone().ok_or(RequestError::Unsupported)?;
            Asking::new(self, transport).run().await
        })
    }
}

/// A request on its way, with all its attempts.
struct Asking {
    request: OutgoingRequest,
    transport: Arc<dyn RequestTransport>,
    attempts: FuturesUnordered<BoxFuture<'static, Result<RequestAnswer, SendError>>>,
    backoff: Backoff,
    begun: Instant,
    /// When it is sent again.
    again: Option<Instant>,
    /// Whether somebody may have accepted it.
    is_open: bool,
    moved: bool,
    last: Option<StoreError>,
}

impl Asking {
    fn new(request: OutgoingRequest, transport: Arc<dyn RequestTransport>) -> Self {
        Self {
            request,
            transport,
            attempts: FuturesUnordered::new(),
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            begun: Instant::now(),
            again: None,
            is_open: false,
            moved: false,
            last: None,
        }
    }

    async fn run(mut self) -> Result<Reply, RequestError> {
        let over = tokio::time::sleep(self.request.deadline);
        tokio::pin!(over);
        self.send();
        loop {
            let again = self.again;
            select! {
                biased;
                Some(outcome) = self.attempts.next() => {
                    if let Some(reply) = self.on_outcome(outcome)? {
                        return Ok(reply);
                    }
                }
                () = &mut over => return Err(self.timed_out()),
                () = sleep_until(again) => self.send(),
            }
        }
    }

    fn send(&mut self) {
        self.again = self.request.idempotent.then(|| Instant::now() + RESEND);
        let Self { request, transport, .. } = self;
        self.attempts.push(transport.send(&request.key, request.payload.clone()));
    }

    /// The reply, where there is one. An error ends the request.
    fn on_outcome(
        &mut self,
        outcome: Result<RequestAnswer, SendError>,
    ) -> Result<Option<Reply>, RequestError> {
        let key = || self.request.key.clone();
        match outcome {
            Ok(RequestAnswer { status, token, payload }) => match status {
                AnswerStatus::Replied => return Ok(Some(Reply { payload, token })),
                AnswerStatus::Moved => self.moved = true,
                AnswerStatus::Dropped if self.request.idempotent => self.is_open = true,
                AnswerStatus::Dropped => {
                    return Err(RequestError::Dropped { key: key(), token });
                }
            },
            Err(SendError::NobodyListens) => {}
            Err(SendError::TooLarge { len, most }) => {
                return Err(RequestError::TooLarge { len, most });
            }
            Err(SendError::NotSent { source: source @ StoreError::Unreachable { .. } }) => {
                self.last = Some(source);
            }
            Err(SendError::NotSent { source }) => {
                return Err(RequestError::NotSent { key: key(), source });
            }
            Err(SendError::AnswerLost { source }) if self.request.idempotent => {
                self.is_open = true;
                self.last = Some(source);
            }
            Err(SendError::AnswerLost { source }) => {
                let within = self.begun.elapsed();
                let source = Some(source);
                return Err(RequestError::Unanswered { key: key(), within, source });
            }
        }
        let pause = self.backoff.next(getrandom::u32().unwrap_or(0));
        let soon = Instant::now() + pause;
        self.again = Some(self.again.map_or(soon, |again| again.min(soon)));
        Ok(None)
    }

    fn timed_out(self) -> RequestError {
        let (key, within, moved) = (self.request.key, self.request.deadline, self.moved);
        if self.is_open || !self.attempts.is_empty() {
            return RequestError::Unanswered { key, within, source: self.last };
        }
        match self.last {
            Some(source) => RequestError::NotSent { key, source },
            None => RequestError::NoOwner { key, within, moved },
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.payload.len();
        f.debug_struct("Reply").field("bytes", &bytes).field("token", &self.token).finish()
    }
}

/// How long a reply is waited for, unless it is set.
const DEADLINE: Duration = Duration::from_secs(5);

/// The pauses before a request is sent again that nobody accepted: a move takes some milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// After this time without an answer, an idempotent request is sent again.
const RESEND: Duration = Duration::from_secs(1);
