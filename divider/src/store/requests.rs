//! Requests to the owner of a key: what a backend has to do that carries them.

use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::StoreError;
use crate::id::Token;
use crate::key::Key;

/// Carries requests to the owners of keys: see [`Store::requests`](super::Store::requests).
///
/// A message reaches every process that listens for the key at that moment, and no other. It is never
/// stored. The rules of requests (who accepts, what is tried again) are above this: see
/// [`requests`](crate::requests).
pub trait RequestTransport: fmt::Debug + Send + Sync + 'static {
    /// Sends one request to those who listen for the key, and waits for the first answer. The wait has
    /// no end of its own: whoever calls it has the deadline, and drops the future then.
    fn send(
        &self,
        key: &Key,
        payload: Bytes,
    ) -> BoxFuture<'static, Result<RequestAnswer, SendError>>;

    /// Listens for requests of the key. Requests that are sent after this has returned arrive.
    fn listen(&self, key: &Key)
    -> BoxFuture<'static, Result<Box<dyn RequestListener>, StoreError>>;
}

/// An answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestAnswer {
    /// What became of the request.
    pub status: AnswerStatus,
    /// The fencing token of the owner that answered. Owners always send it.
    pub token: Option<Token>,
    /// The payload of a reply, otherwise empty.
    pub payload: Bytes,
}

/// What became of a request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerStatus {
    /// The owner accepted it and replied.
    Replied,
    /// The owner did not accept it, since the key moves or the owner stopped listening. No other
    /// process accepts this message.
    Moved,
    /// The owner accepted it and dropped it without a reply.
    Dropped,
}

impl RequestAnswer {
    /// A reply.
    pub fn replied(token: Token, payload: Bytes) -> Self {
        Self { status: AnswerStatus::Replied, token: Some(token), payload }
    }

    /// An answer without a payload.
    pub fn of_status(status: AnswerStatus, token: Token) -> Self {
        Self { status, token: Some(token), payload: Bytes::new() }
    }
}

impl AnswerStatus {
    /// One lower-case word for it, as in the header of an answer. A reply has no such header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replied => "replied",
            Self::Moved => "moved",
            Self::Dropped => "dropped",
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Nobody listens for the key, so nobody got the request.
    #[error("nobody listens for requests of the key")]
    NobodyListens,
    /// The payload is too large. Nothing was sent.
    #[error("the payload is too large, at most {most} bytes: {len}")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        most: usize,
    },
    /// It was not sent, or the backend refused it.
    #[error("not sent")]
    NotSent {
        /// Why.
        source: StoreError,
    },
    /// It was sent, and its answer cannot arrive any more: the connection was lost, or the answer
    /// cannot be read.
    #[error("sent, and the answer is lost")]
    AnswerLost {
        /// Why.
        source: StoreError,
    },
}

/// Listens for the requests of one key.
///
/// Dropping it stops it, and may lose requests that have arrived.
pub trait RequestListener: Send + 'static {
    /// The next request. `None`: it was stopped, and everything that arrived before was returned; or
    /// the connection is closed for ever.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ReceivedRequest>>;

    /// Stops listening. What has arrived is still returned, so that it can be answered.
    fn stop(&mut self) -> BoxFuture<'_, ()>;
}

/// A request that has arrived.
pub struct ReceivedRequest {
    /// What the caller sent.
    pub payload: Bytes,
    /// The way back to the caller.
    pub responder: Box<dyn Responder>,
}

impl fmt::Debug for ReceivedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedRequest")
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// The way back to the caller of one request.
pub trait Responder: Send + Sync + 'static {
    /// Sends the answer. It returns when the answer is on its way: whether it arrives is not known.
    fn answer(&self, answer: RequestAnswer) -> BoxFuture<'static, Result<(), SendError>>;
}
