//! Streams of messages beside the log: what a backend has to do.

use std::fmt;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};

use super::StoreError;

/// The streams of messages that keys can read in order.
pub trait MessageStreams: fmt::Debug + Send + Sync + 'static {
    /// Looks at a stream, and checks that its messages with the filter can be read in order.
    ///
    /// # Errors
    /// Any [`SourceError`].
    fn inspect(
        &self,
        stream: &str,
        filter: &str,
    ) -> BoxFuture<'static, Result<StreamState, SourceError>>;

    /// Follows the messages of a stream, in order. The future does nothing before it is first polled.
    ///
    /// # Errors
    /// Any [`SourceError`].
    fn follow(
        &self,
        follow: FollowStream,
    ) -> BoxFuture<'static, Result<Box<dyn MessageStream>, SourceError>>;

    /// Publishes a message that could not be handled, and waits until a stream has stored it.
    ///
    /// # Errors
    /// Any [`StoreError`]; after [`StoreError::Timeout`] it may be stored.
    fn publish(
        &self,
        subject: &str,
        headers: Vec<(String, String)>,
        payload: Bytes,
    ) -> BoxFuture<'static, Result<(), StoreError>>;
}

/// What to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FollowStream {
    /// The name of the stream.
    pub stream: String,
    /// The subject filter, with the wildcards of NATS.
    pub filter: String,
    /// The first sequence to deliver, if the filter matches its message; else the next that does.
    pub from: u64,
    /// The most messages that are requested and not delivered.
    pub most_waiting: u32,
}

impl FollowStream {
    /// The messages of a stream with this filter, from a sequence on.
    pub fn new(stream: impl Into<String>, filter: impl Into<String>, from: u64) -> Self {
        Self { stream: stream.into(), filter: filter.into(), from, most_waiting: 128 }
    }
}

/// The messages of one filter, in order. Dropping it leaves what the backend keeps for it to the
/// backend's own clean-up (30 s on NATS).
pub trait MessageStream: Send + 'static {
    /// The next message. After an error the stream is over, and whoever reads it follows again from
    /// the last message on: a message may be missing after that moment, but none before it.
    ///
    /// # Cancel safety
    /// Cancel safe: a message that was not returned is returned by the next call.
    fn next(&mut self) -> BoxFuture<'_, Result<Delivery, SourceError>>;

    /// The next message if it has come already; `None` says no more than that [`next`](Self::next) has
    /// to be asked.
    fn ready(&mut self) -> Option<Result<Delivery, SourceError>> {
        self.next().now_or_never()
    }

    /// How many messages matched when it began; `None` if that is not known.
    fn waiting_at_first(&self) -> Option<u64> {
        None
    }

    /// Ends what the backend keeps for it.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// A message as it is stored in its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// When it was stored, in nanoseconds since 1970 by the server's clock.
    pub stored_ns: u64,
    /// Its subject.
    pub subject: String,
    /// Its headers, in their order; a name may occur several times.
    pub headers: Vec<(String, String)>,
    /// Its payload.
    pub payload: Bytes,
}

impl Delivery {
    /// A message without headers.
    pub fn new(sequence: u64, subject: impl Into<String>, payload: Bytes) -> Self {
        let subject = subject.into();
        Self { sequence, stored_ns: 0, subject, headers: Vec::new(), payload }
    }
}

/// A stream at the moment of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamState {
    /// When it was created, in nanoseconds since 1970.
    pub created_ns: u64,
    /// The lowest sequence that it holds; `last + 1` if it is empty.
    pub first: u64,
    /// The highest sequence that it has ever had.
    pub last: u64,
}

impl StreamState {
    /// A stream with these sequences.
    pub fn new(created_ns: u64, first: u64, last: u64) -> Self {
        Self { created_ns, first, last }
    }
}

/// Why the messages of a stream cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is no such stream. Create it, or correct the name.
    #[error("the stream does not exist, create it or correct the name: {stream}")]
    NoStream {
        /// Its name.
        stream: String,
    },
    /// The name of a stream, or a filter, that cannot exist.
    #[error("not a name of a stream, or not a subject: {text:?}")]
    InvalidName {
        /// The text.
        text: String,
    },
    /// The filter matches no subject of the stream, so no message would ever come. Correct the filter.
    #[error(
        "the filter matches no subject of the stream {stream} ({subjects}), correct it: {filter}"
    )]
    NoSubject {
        /// The stream.
        stream: String,
        /// The filter.
        filter: String,
        /// The subjects of the stream.
        subjects: String,
    },
    /// The stream deletes a message once it is acknowledged, which does not fit: the position of a key
    /// is in its checkpoint, not in an acknowledgement. Create a stream with the retention `limits`, or
    /// use a consumer of the server's instead of an inbox.
    #[error(
        "the stream {stream} deletes messages when they are acknowledged, use a stream whose \
         retention is limits (such as one that mirrors or sources it): its retention is {retention}"
    )]
    Retention {
        /// The stream.
        stream: String,
        /// Its retention.
        retention: String,
    },
    /// The deliveries were interrupted: by a gap, a silent server, a new leader or a restart. Follow
    /// again.
    #[error("the deliveries were interrupted: {what}")]
    Interrupted {
        /// The observation.
        what: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether there is a subject that matches both, by the rules of NATS. A subject without wildcards and a
/// filter overlap if the filter matches the subject.
#[cfg(any(feature = "nats", test, feature = "testing"))]
pub(super) fn subjects_overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (None, None) | (Some(">"), Some(_)) | (Some(_), Some(">")) => return true,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_overlap_where_one_subject_matches_both() {
        let check = |one: &str, other: &str, want: bool| {
            assert_eq!(subjects_overlap(one, other), want, "{one} {other}");
            assert_eq!(subjects_overlap(other, one), want, "{other} {one}");
        };
        check("orders.>", "orders.eu.>", true);
        check("orders.>", "orders.eu", true);
        check("orders.>", "orders.eu.1", true);
        check("orders.>", "orders", false);
        check("orders.>", "*.eu", true);
        check("orders.*", "orders.>", true);
        check("orders.*", "orders.eu", true);
        check("orders.*", "orders.eu.1", false);
        check("orders.*.paid", "orders.eu.*", true);
        check("orders.1.*", "orders.*.eu.2", false);
        check("orders.us", "orders.eu", false);
        check(">", "a.b", true);
        check("a.*", "*.b", true);
        check("*.us", "orders.eu", false);
    }
}
