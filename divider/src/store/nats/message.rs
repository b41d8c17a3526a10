//! Records as messages of the stream.

use std::time::{Duration, SystemTime};

use async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::RawMessage;
use async_nats::{HeaderMap, HeaderValue};
use bytes::Bytes;
use serde::Deserialize;

use super::super::{Record, StoreError, Write};
use super::server_clock::ServerClock;
use crate::id::Revision;
use divider_core::log::whole_seconds;

pub(super) const KV_OPERATION: &str = "KV-Operation";

pub(super) const NATS_TTL: &str = "Nats-TTL";

/// On a marker that the server wrote in place of a record.
pub(super) const MARKER_REASON: &str = "Nats-Marker-Reason";

/// After what time an announcement no longer holds. Not the server's own header: the server would
/// remove the record without a trace, and show what it replaced again after a crash.
const EXPIRES: &str = "Divider-TTL";

/// The headers that a write goes out with. Never `Nats-Msg-Id`: with several replicas it makes the
/// server acknowledge a write that it has not done.
pub(super) fn headers(write: &Write) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(expected) = write.expected {
        // Of constant length, since the headers are stored: a renewal of the same value has to pass
        // in a full group.
        let expected = format!("{:016}", expected.0);
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected);
    }
    for (name, span) in [(NATS_TTL, write.ttl), (EXPIRES, write.expires_in)] {
        if let Some(span) = span {
            headers.insert(name, format!("{}s", whole_seconds(span).as_secs()));
        }
    }
    if write.value.is_none() {
        headers.insert(KV_OPERATION, "DEL");
    }
    headers
}

/// A message as the record that it is.
///
/// An operation that nobody knows counts as a value: whoever reads it as a delete would disown what
/// it names.
pub(super) fn record(
    name: &str,
    revision: u64,
    headers: Option<&HeaderMap>,
    value: Bytes,
    age: impl FnOnce() -> Duration,
) -> Record {
    let (mut deleted, mut ttl, mut expires_in) = (false, None, None);
    // One pass over the one or two that there are costs less than a look-up for each name.
    for (name, values) in headers.into_iter().flat_map(HeaderMap::iter) {
        let Some(value) = values.first().map(HeaderValue::as_str) else { continue };
        match name.as_ref() {
            KV_OPERATION => deleted |= matches!(value, "DEL" | "PURGE"),
            MARKER_REASON => deleted = true,
            NATS_TTL => ttl = parse_ttl(value),
            EXPIRES => expires_in = parse_ttl(value),
            _ => {}
        }
    }
    let mut record = Record::new(name, Revision(revision), (!deleted).then_some(value));
    record.ttl = ttl;
    record.expires_in = expires_in.map(|span| span.saturating_sub(age()));
    record
}

/// The answer to `STREAM.MSG.GET`.
#[derive(Debug, Deserialize)]
pub(super) struct StoredMessage {
    message: RawMessage,
}

impl StoredMessage {
    /// Its place in the stream.
    pub(super) fn sequence(&self) -> u64 {
        self.message.sequence
    }

    /// Its subject; with a replacement character for every byte that is not UTF-8.
    pub(super) fn subject(&self) -> &str {
        &self.message.subject
    }

    /// Whether a client can read its headers.
    pub(super) fn is_readable(&self) -> bool {
        StreamMessage::try_from(self.message.clone()).is_ok()
    }

    /// What it carries, whatever its headers.
    pub(super) fn value(&self) -> Option<Bytes> {
        let plain = RawMessage { headers: None, ..self.message.clone() };
        StreamMessage::try_from(plain).ok().map(|message| message.payload)
    }

    /// Its headers and its payload.
    pub(super) fn into_parts(self) -> Result<(HeaderMap, Bytes), StoreError> {
        let message = StreamMessage::try_from(self.message)
            .map_err(|error| StoreError::Other { what: format!("unreadable message: {error}") })?;
        Ok((message.headers, message.payload))
    }

    /// The message as the record that it is.
    pub(super) fn record(self, name: &str, clock: &ServerClock) -> Result<Record, StoreError> {
        let message = StreamMessage::try_from(self.message)
            .map_err(|error| StoreError::Other { what: format!("unreadable message: {error}") })?;
        let stored = SystemTime::from(message.time).duration_since(SystemTime::UNIX_EPOCH);
        let stored = stored.map_or(0, |at| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
        let (headers, age) = (Some(&message.headers), || clock.age(stored).unwrap_or_default());
        Ok(record(name, message.sequence, headers, message.payload, age))
    }
}

/// Reads a time to live as the server does: whole seconds, or a duration of Go, cut to seconds.
fn parse_ttl(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        // The server takes 0 for none.
        return Some(Duration::from_secs(seconds)).filter(|ttl| !ttl.is_zero());
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(digits);
        let letters = unit.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(unit.len());
        seconds += number.parse::<f64>().ok()? * unit_seconds(&unit[..letters])?;
        rest = &unit[letters..];
    }
    Duration::try_from_secs_f64(seconds.floor()).ok().filter(|ttl| !ttl.is_zero())
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "h" => 3600.0,
        "m" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_is_read_as_the_server_does() {
        let check = |text: &str, want: Option<u64>| {
            assert_eq!(parse_ttl(text), want.map(Duration::from_secs), "{text}");
        };
        check("60", Some(60));
        check("30s", Some(30));
        check("1h", Some(3600));
        check("1h30m5s", Some(5405));
        check("1500ms", Some(1));
        check("1.5h", Some(5400));
        check("never", None);
        check("0", None);
        check("", None);
        check("s", None);
        check("5", Some(5));
        check("5x", None);
        check("..s", None);
    }

    fn no_age() -> Duration {
        Duration::ZERO
    }

    #[derive(serde::Deserialize)]
    struct Given {
        headers: std::collections::BTreeMap<String, String>,
    }

    #[test]
    fn vectors() {
        divider_core::vectors::check("messages", |Given { headers: given }| {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                headers.insert(name, value);
            }
            let record = record("key.a", 7, Some(&headers), Bytes::from_static(b"x"), no_age);
            serde_json::json!({
                "tombstone": record.value.is_none(),
                "ttl_s": record.ttl.map(|ttl| ttl.as_secs()),
                "expires_in_s": record.expires_in.map(|span| span.as_secs()),
            })
        });
    }

    #[test]
    fn an_unknown_operation_deletes_nothing() {
        let check = |operation: &str, deleted: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(KV_OPERATION, operation);
            let record = record("key.a", 7, Some(&headers), Bytes::from_static(b"x"), no_age);
            assert_eq!(record.value.is_none(), deleted, "{operation}");
        };
        check("DEL", true);
        check("PURGE", true);
        check("PUT", false);
        check("", false);
        check("del", false);
    }
}
