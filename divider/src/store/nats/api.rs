//! Requests to the `JetStream` API: raw JSON, since the client's types lack some of what is needed.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::client::RequestErrorKind;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::StoreError;
use super::connect::Connection;

/// Asks the API of one account and domain.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) connection: Connection,
    /// `$JS.API`, or what stands for it.
    pub(super) prefix: Arc<str>,
    pub(super) timeout: Duration,
    pub(super) group: Arc<str>,
}

/// Why a request to the API failed.
#[derive(Debug)]
pub(super) enum ApiError {
    /// Nobody answers there.
    NoResponders,
    /// The server says no.
    Refused(Refusal),
    /// It went wrong on the way.
    Store(StoreError),
}

/// The server's reason.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    #[serde(default)]
    pub(super) err_code: u64,
    #[serde(default)]
    pub(super) description: String,
}

/// "stream not found".
pub(super) const NO_STREAM: u64 = 10059;
/// There is no such consumer.
pub(super) const NO_CONSUMER: u64 = 10014;
/// "no message found".
pub(super) const NO_MESSAGE: u64 = 10037;
/// "stream name already in use", with another configuration.
pub(super) const STREAM_EXISTS: u64 = 10058;
/// "`JetStream` not enabled", for the server and for the account.
pub(super) const NO_JETSTREAM: [u64; 2] = [10076, 10039];
/// "system temporarily unavailable", "cluster can not handle request", "stream is offline".
const NO_LEADER: [u64; 3] = [10008, 10009, 10118];

impl Api {
    /// The same, for requests that may take that long.
    pub(super) fn within(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Sends one request and reads the answer as a `T`.
    pub(super) async fn request<T: DeserializeOwned>(
        &self,
        what: &str,
        body: &impl Serialize,
    ) -> Result<T, ApiError> {
        let subject = format!("{}.{what}", self.prefix);
        let body = serde_json::to_vec(body).expect("requests have text keys and no failing parts");
        self.send(&subject, async_nats::Request::new().payload(body.into())).await
    }

    /// Publishes a message, and reads the answer of the stream that stores it as a `T`.
    pub(super) async fn publish<T: DeserializeOwned>(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<T, ApiError> {
        let request = async_nats::Request::new().payload(payload).headers(headers);
        self.send(subject, request).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        subject: &str,
        request: async_nats::Request,
    ) -> Result<T, ApiError> {
        let request = request.timeout(Some(self.timeout));
        let since = self.connection.denial_count();
        let cut = self.connection.cut();
        let answer = tokio::select! {
            answer = self.connection.client.send_request(subject.to_owned(), request) => answer,
            what = self.connection.denied(subject, since) => {
                return Err(ApiError::Store(StoreError::Denied { what }));
            }
            () = cut => {
                let what = format!("the connection was lost before the reply: {subject}");
                return Err(ApiError::Store(StoreError::Unreachable { what }));
            }
        };
        let message = answer.map_err(|error| self.request_error(subject, error.kind(), &error))?;
        decode(&message.payload)
    }

    pub(super) fn request_error(
        &self,
        subject: &str,
        kind: RequestErrorKind,
        error: &dyn std::error::Error,
    ) -> ApiError {
        match kind {
            RequestErrorKind::NoResponders => ApiError::NoResponders,
            RequestErrorKind::TimedOut => ApiError::Store(self.timeout_error(subject)),
            _ => ApiError::Store(StoreError::Unreachable { what: format!("{subject}: {error}") }),
        }
    }

    /// A time-out, and what to check in case it is none.
    pub(super) fn timeout_error(&self, subject: &str) -> StoreError {
        let inbox = self.connection.inbox();
        let what = format!(
            "{subject} (if the server is healthy, check that the user may publish to that subject and \
             subscribe to {inbox}>)"
        );
        StoreError::Timeout { what, after: self.timeout }
    }

    /// What an error means to whoever uses the store.
    pub(super) fn store_error(&self, error: ApiError) -> StoreError {
        match error {
            ApiError::NoResponders => {
                let what = format!("no reply from {}: no JetStream, or no leader", self.prefix);
                StoreError::Unreachable { what }
            }
            ApiError::Refused(refusal) if refusal.err_code == NO_STREAM => {
                StoreError::NoGroup { group: self.group.to_string() }
            }
            ApiError::Refused(refusal) if NO_LEADER.contains(&refusal.err_code) => {
                StoreError::Unreachable { what: refusal.to_string() }
            }
            ApiError::Refused(refusal) => StoreError::Other { what: refusal.to_string() },
            ApiError::Store(error) => error,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.description, self.err_code)
    }
}

fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ApiError> {
    #[derive(Deserialize)]
    struct Envelope {
        error: Option<Refusal>,
    }
    let unreadable = |error: serde_json::Error| {
        ApiError::Store(StoreError::Other { what: format!("unreadable reply: {error}") })
    };
    let envelope: Envelope = serde_json::from_slice(payload).map_err(unreadable)?;
    match envelope.error {
        Some(refusal) => Err(ApiError::Refused(refusal)),
        None => serde_json::from_slice(payload).map_err(unreadable),
    }
}
