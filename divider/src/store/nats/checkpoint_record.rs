//! Checkpoints as messages of their stream.

use async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE;
use async_nats::{HeaderMap, HeaderValue};
use bytes::Bytes;

use super::super::{CheckpointContent, CheckpointRecord, CheckpointWrite, Position};
use super::message::{KV_OPERATION, MARKER_REASON, NATS_TTL};
use crate::id::{Revision, Token};
use divider_core::log::whole_seconds;

/// The fencing token of the assignment that wrote a record.
const TOKEN: &str = "Divider-Token";

/// Says that nobody has saved a value: an empty payload is a value, too.
const STATE: &str = "Divider-State";
const SEALED: &str = "sealed";

/// One for each filter of a stream, as [`Position::line`].
const POSITION: &str = "Divider-Position";

/// The headers that a write goes out with.
pub(super) fn headers(write: &CheckpointWrite) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // Of constant length, since the headers are stored.
    let expected = format!("{:016}", write.expected.0);
    headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected);
    headers.insert(TOKEN, write.token.to_string());
    if let Some(ttl) = write.ttl {
        headers.insert(NATS_TTL, format!("{}s", whole_seconds(ttl).as_secs()));
    }
    let Some(content) = &write.content else {
        headers.insert(KV_OPERATION, "DEL");
        return headers;
    };
    if content.value.is_none() {
        headers.insert(STATE, SEALED);
    }
    for position in &content.positions {
        headers.append(POSITION, position.line());
    }
    headers
}

/// A message as the record that it is. One without a token was written by hand.
pub(super) fn record(revision: Revision, headers: &HeaderMap, payload: Bytes) -> CheckpointRecord {
    let header = |name: &str| headers.get(name).map(HeaderValue::as_str);
    let token = header(TOKEN).and_then(|token| token.parse().ok()).unwrap_or(0);
    let is_deleted = matches!(header(KV_OPERATION), Some("DEL" | "PURGE"));
    if is_deleted || header(MARKER_REASON).is_some() {
        return CheckpointRecord::new(revision, Token(token), None);
    }
    let value = (header(STATE) != Some(SEALED)).then_some(payload);
    let positions =
        headers.get_all(POSITION).filter_map(|text| Position::of_line(text.as_str())).collect();
    CheckpointRecord::new(revision, Token(token), Some(CheckpointContent::new(value, positions)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    fn round_trip(content: Option<CheckpointContent>) {
        let key = Key::new("a b").expect("legal");
        let write = CheckpointWrite::new(key, Revision(7), Token(9), content.clone());
        let payload = content.as_ref().and_then(|content| content.value.clone());
        let read = record(Revision(8), &headers(&write), payload.unwrap_or_default());
        assert_eq!(read, CheckpointRecord::new(Revision(8), Token(9), content));
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut position = Position::new("ORDERS", "orders.eu.>", 1_764_000_000_000_000_000);
        (position.done, position.started, position.attempts) = (17, 18, 2);
        let other = Position::new("AUDIT", "audit.*", 5);
        let positions = vec![position, other];
        round_trip(None);
        round_trip(Some(CheckpointContent::default()));
        round_trip(Some(CheckpointContent::new(Some(Bytes::new()), vec![])));
        round_trip(Some(CheckpointContent::new(
            Some(Bytes::from_static(b"{}")),
            positions.clone(),
        )));
        round_trip(Some(CheckpointContent::new(None, positions)));
    }

    #[test]
    fn a_record_that_was_written_by_hand_has_the_lowest_token() {
        let read = record(Revision(3), &HeaderMap::new(), Bytes::from_static(b"7"));
        let content = CheckpointContent::new(Some(Bytes::from_static(b"7")), vec![]);
        assert_eq!(read, CheckpointRecord::new(Revision(3), Token(0), Some(content)));
    }

    #[test]
    fn a_position_that_cannot_be_read_is_left_out() {
        let check = |text: &str| assert_eq!(Position::of_line(text), None, "{text}");
        check("");
        check("ORDERS orders.>");
        check("ORDERS orders.> 1 2 3");
        check("ORDERS orders.> 1 2 3 x");
        check("ORDERS orders.> 1 2 3 4294967296");
    }
}
