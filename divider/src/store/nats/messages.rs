//! Streams of messages of the application, on a connection beside that of the leases.

use async_nats::{Client, HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::watch as signal;

use super::super::messages::subjects_overlap;
use super::super::{
    FollowStream, MessageStream, MessageStreams, SourceError, StoreError, StreamState,
};
use super::NatsStore;
use super::api::{Api, ApiError, NO_STREAM};
use super::connect::{connects, reconnected};
use super::pull::Pull;
use super::stream::{StreamInfo, unix_ns};

/// The connection on which messages come: they do not delay the answers to heartbeats.
#[derive(Debug, Clone)]
pub(super) struct MessagesConnection {
    pub(super) client: Client,
    /// How often the connection was made.
    pub(super) connects: signal::Receiver<u64>,
}

/// The streams of the account, by the store of a group.
#[derive(Debug)]
pub(super) struct NatsMessages(pub(super) NatsStore);

impl NatsStore {
    /// The connection for messages, made at the first use.
    pub(super) async fn messages_connection(&self) -> Result<&MessagesConnection, StoreError> {
        let connection = &self.inner.api.connection;
        let connect = || async {
            let client = connection.reader().await?;
            let (tell, told) = signal::channel(connects(&client));
            connection.runtime.spawn(follow_connects(client.clone(), tell));
            Ok(MessagesConnection { client, connects: told })
        };
        self.inner.messages.get_or_try_init(connect).await
    }

    async fn inspect_stream(&self, stream: &str, filter: &str) -> Result<StreamState, SourceError> {
        check_name(stream)?;
        check_filter(filter)?;
        let api = &self.inner.api;
        let found: Result<StreamInfo, _> =
            api.request(&format!("STREAM.INFO.{stream}"), &json!({})).await;
        let found = found.map_err(|error| source_error(api, stream, error))?;
        check_config(stream, filter, &found.config)?;
        let (first, last) = (found.state.first_seq, found.state.last_seq);
        // An empty stream may say 0 for its first.
        let first = if found.state.messages == 0 { last + 1 } else { first };
        Ok(StreamState::new(unix_ns(&found.created).unwrap_or(1), first, last))
    }
}

/// Tells of each time that the connection was made, for as long as anybody listens.
async fn follow_connects(client: Client, tell: signal::Sender<u64>) {
    loop {
        let before = *tell.borrow();
        tokio::select! {
            () = reconnected(&client, before) => {
                tell.send_replace(connects(&client));
            }
            () = tell.closed() => return,
        }
    }
}

impl MessageStreams for NatsMessages {
    fn inspect(
        &self,
        stream: &str,
        filter: &str,
    ) -> BoxFuture<'static, Result<StreamState, SourceError>> {
        let (this, stream, filter) = (self.0.clone(), stream.to_owned(), filter.to_owned());
        Box::pin(async move { this.inspect_stream(&stream, &filter).await })
    }

    fn follow(
        &self,
        follow: FollowStream,
    ) -> BoxFuture<'static, Result<Box<dyn MessageStream>, SourceError>> {
        let this = self.0.clone();
        Box::pin(async move {
            check_name(&follow.stream)?;
            check_filter(&follow.filter)?;
            let pull = Pull::open(this, follow).await?;
            Ok(Box::new(pull) as Box<dyn MessageStream>)
        })
    }

    fn publish(
        &self,
        subject: &str,
        headers: Vec<(String, String)>,
        payload: Bytes,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let (this, subject) = (self.0.clone(), subject.to_owned());
        Box::pin(async move {
            let mut map = HeaderMap::new();
            for (name, value) in headers.into_iter().filter(|(name, _)| !is_instruction(name)) {
                let readable =
                    name.parse::<HeaderName>().ok().zip(value.parse::<HeaderValue>().ok());
                if let Some((name, value)) = readable {
                    map.append(name, value);
                }
            }
            let api = &this.inner.api;
            match api.publish::<Value>(&subject, map, payload).await {
                Ok(_) => Ok(()),
                Err(ApiError::NoResponders) => {
                    let what = format!("no stream stores the subject {subject}: create one");
                    Err(StoreError::Other { what })
                }
                Err(error) => Err(api.store_error(error)),
            }
        })
    }
}

/// Whether a header tells the server what to do with a message: it was for the stream that it was in.
fn is_instruction(name: &str) -> bool {
    name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("Nats-"))
}

pub(super) fn source_error(api: &Api, stream: &str, error: ApiError) -> SourceError {
    match error {
        ApiError::Refused(refusal) if refusal.err_code == NO_STREAM => {
            SourceError::NoStream { stream: stream.to_owned() }
        }
        error => SourceError::Store(api.store_error(error)),
    }
}

fn check_name(stream: &str) -> Result<(), SourceError> {
    let is_legal = |c: char| !c.is_whitespace() && !c.is_control() && !".*>/\\".contains(c);
    if !stream.is_empty() && stream.chars().all(is_legal) {
        return Ok(());
    }
    Err(SourceError::InvalidName { text: stream.to_owned() })
}

fn check_filter(filter: &str) -> Result<(), SourceError> {
    let mut tokens = filter.split('.').peekable();
    let mut is_legal = true;
    while let Some(token) = tokens.next() {
        let is_last = tokens.peek().is_none();
        let plain = !token.contains(|c: char| c.is_whitespace() || c.is_control());
        is_legal &= !token.is_empty() && plain && (token != ">" || is_last);
    }
    if is_legal { Ok(()) } else { Err(SourceError::InvalidName { text: filter.to_owned() }) }
}

fn check_config(stream: &str, filter: &str, config: &Value) -> Result<(), SourceError> {
    let stream = stream.to_owned();
    let retention = config.get("retention").and_then(Value::as_str).unwrap_or("limits");
    if retention != "limits" {
        let retention = retention.to_owned();
        return Err(SourceError::Retention { stream, retention });
    }
    // Messages may be stored under other subjects than the stream listens to.
    let is_set = |setting: &str| config.get(setting).is_some_and(|value| !value.is_null());
    if ["mirror", "sources", "subject_transform"].iter().any(|setting| is_set(setting)) {
        return Ok(());
    }
    let subjects = config.get("subjects").and_then(Value::as_array).into_iter().flatten();
    let subjects: Vec<_> = subjects.filter_map(Value::as_str).collect();
    if subjects.iter().any(|subject| subjects_overlap(subject, filter)) {
        return Ok(());
    }
    let (filter, subjects) = (filter.to_owned(), subjects.join(", "));
    Err(SourceError::NoSubject { stream, filter, subjects })
}

/// The headers of a message, in their order.
pub(super) fn plain_headers(headers: Option<&HeaderMap>) -> Vec<(String, String)> {
    let all = headers.into_iter().flat_map(HeaderMap::iter);
    let each = |(name, values): (&HeaderName, &Vec<HeaderValue>)| {
        let name = name.to_string();
        values.iter().map(move |value| (name.clone(), value.to_string())).collect::<Vec<_>>()
    };
    all.flat_map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_cannot_be_read_in_order_is_refused() {
        let check = |config: Value, want: Option<&str>| {
            let found = check_config("ORDERS", "orders.eu.>", &config).err().map(|e| e.to_string());
            let as_wanted = match (&found, want) {
                (Some(found), Some(want)) => found.contains(want),
                (found, want) => found.is_none() && want.is_none(),
            };
            assert!(as_wanted, "{config}: {found:?}");
        };
        check(json!({"subjects": ["orders.>"]}), None);
        check(json!({"subjects": ["orders.>"], "retention": "limits"}), None);
        check(json!({"subjects": ["orders.>"], "retention": "workqueue"}), Some("workqueue"));
        check(json!({"subjects": ["orders.>"], "retention": "interest"}), Some("interest"));
        check(json!({"subjects": ["bills.>", "mail"]}), Some("bills.>, mail"));
        check(json!({"mirror": {"name": "OTHER"}}), None);
    }

    #[test]
    fn names_that_cannot_exist_are_refused() {
        for filter in ["", "a..b", ".a", "a.>.b", "a b", "a."] {
            assert!(check_filter(filter).is_err(), "{filter:?}");
        }
        for filter in [">", "a", "a.*.b", "a.>"] {
            assert!(check_filter(filter).is_ok(), "{filter:?}");
        }
        for stream in ["", "a.b", "a b", "a*", "a/b"] {
            assert!(check_name(stream).is_err(), "{stream:?}");
        }
        assert!(check_name("ORDERS_2").is_ok());
    }
}
