//! The errors of requests.

use std::time::Duration;

use crate::id::Token;
use crate::key::Key;
use crate::store::StoreError;

/// A request has no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Nobody accepted the request within the deadline: the key does not exist, has no owner, moves, or
    /// its owner asks for no requests. It was not carried out. Sending it again is safe.
    #[error(
        "no owner accepted the request within {within:?}{}, check that the key exists and that its node serves requests: {key}",
        if *.moved { ", the key was moving" } else { "" }
    )]
    NoOwner {
        /// The key.
        key: Key,
        /// The deadline.
        within: Duration,
        /// Whether an owner refused it because the key was moving.
        moved: bool,
    },
    /// The request was sent and not answered: the owner needs longer, crashed, or the connection was
    /// lost. It may have been carried out, and may be later. Find out before you send it again, or make
    /// the request idempotent.
    #[error("the request was not answered within {within:?}, it may have been carried out: {key}")]
    Unanswered {
        /// The key.
        key: Key,
        /// The deadline, or less if the connection was lost before.
        within: Duration,
        /// The cause, where it is known.
        source: Option<StoreError>,
    },
    /// The owner accepted the request and dropped it without a reply: its handler failed, for example.
    /// It may have been carried out in part. Look at the log of the owner.
    #[error(
        "the owner dropped the request without a reply, it may have been carried out in part: {key}"
    )]
    Dropped {
        /// The key.
        key: Key,
        /// The fencing token of the owner.
        token: Option<Token>,
    },
    /// The payload is larger than the server allows. Nothing was sent. Send less, or raise
    /// `max_payload` of nats-server.
    #[error("the payload is too large, at most {most} bytes: {len}")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        most: usize,
    },
    /// The store refused to send the request, or could not be reached until the deadline. It was not
    /// carried out.
    #[error("the request could not be sent: {key}")]
    NotSent {
        /// The key.
        key: Key,
        /// The last error of the store.
        source: StoreError,
    },
    /// The backend carries no requests ([`Store::requests`](crate::store::Store::requests)).
    #[error("this store carries no requests")]
    Unsupported,
}

/// An assignment cannot get its requests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The key has to stop, or is not this node's any more. Nothing was subscribed. End the work.
    #[error("the key has to stop on this node: {key}")]
    NotOwned {
        /// The key.
        key: Key,
    },
    /// There is a [`Requests`](super::Requests) of this assignment already: two would accept each
    /// request twice. Use that one, or drop it first.
    #[error("the requests of this key are served already: {key}")]
    Served {
        /// The key.
        key: Key,
    },
    /// The store refused the subscription, or could not be reached. Try again, or let the handler fail
    /// so that it is called again.
    #[error("the requests of the key cannot be received: {key}")]
    Store {
        /// The key.
        key: Key,
        /// The error of the store.
        source: StoreError,
    },
    /// The backend carries no requests ([`Store::requests`](crate::store::Store::requests)).
    #[error("this store carries no requests")]
    Unsupported,
}

/// A reply was not sent. The caller was told that the request was dropped, where that could be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The payload is larger than the server allows. Send less, or raise `max_payload` of nats-server.
    #[error("the reply is too large, at most {most} bytes: {len}")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        most: usize,
    },
    /// The store could not send it.
    #[error("the reply could not be sent")]
    NotSent {
        /// The error of the store.
        source: StoreError,
    },
}
