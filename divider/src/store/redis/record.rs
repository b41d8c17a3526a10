//! Records as the scripts store them, and the answers of `read.lua`.

use std::time::Duration;

use bytes::Bytes;
use redis::Value;

use super::super::{Record, StoreError};
use crate::id::Revision;

/// A record, and when it was stored in Unix ms by the server's clock.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) record: Record,
    pub(super) at_ms: u64,
}

impl Stored {
    /// Reads `revision stored ttl holds kind`, a line end, and the value.
    pub(super) fn parse(name: &str, stored: &[u8], now_ms: u64) -> Result<Self, StoreError> {
        let parsed = (|| {
            let end = stored.iter().position(|byte| *byte == b'\n')?;
            let head = std::str::from_utf8(&stored[..end]).ok()?;
            let mut parts = head.split(' ');
            let mut number = || parts.next()?.parse::<u64>().ok();
            let (revision, at_ms, ttl, holds) = (number()?, number()?, number()?, parts.next()?);
            let value = (parts.next()? == "1").then(|| Bytes::copy_from_slice(&stored[end + 1..]));
            let mut record = Record::new(name, Revision(revision), value);
            record.ttl = (ttl > 0).then(|| Duration::from_secs(ttl));
            if !holds.is_empty() {
                let holds = Duration::from_secs(holds.parse().ok()?);
                let age = Duration::from_millis(now_ms.saturating_sub(at_ms));
                record.expires_in = Some(holds.saturating_sub(age));
            }
            Some(Self { record, at_ms })
        })();
        parsed.ok_or_else(|| {
            let start = String::from_utf8_lossy(&stored[..stored.len().min(48)]);
            unexpected(&format!("the record {name}: {start:?}"))
        })
    }
}

/// The answer of `read.lua`.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) created: i128,
    pub(super) last: u64,
    pub(super) bytes: u64,
    pub(super) record: Option<Record>,
}

impl Answer {
    pub(super) fn parse(name: &str, answer: Value) -> Result<Self, StoreError> {
        let [id, last, bytes, now, record] = parts(answer)?;
        let now = number(&now)?;
        let record = match record {
            Value::Nil => None,
            record => Some(Stored::parse(name, data(&record)?, now)?.record),
        };
        Ok(Self { created: identity(&id)?, last: number(&last)?, bytes: number(&bytes)?, record })
    }
}

/// The identity of a log: when it was made, in ns since 1970.
pub(super) fn identity(value: &Value) -> Result<i128, StoreError> {
    let text = std::str::from_utf8(data(value)?).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| unexpected("the identity of the log"))
}

pub(super) fn number(value: &Value) -> Result<u64, StoreError> {
    if let Value::Int(number) = value {
        return u64::try_from(*number).map_err(|_| unexpected(&format!("{number}")));
    }
    let text = std::str::from_utf8(data(value)?).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| unexpected(&format!("{value:?}")))
}

pub(super) fn data(value: &Value) -> Result<&[u8], StoreError> {
    match value {
        Value::BulkString(data) => Ok(data),
        Value::SimpleString(text) => Ok(text.as_bytes()),
        other => Err(unexpected(&format!("{other:?}"))),
    }
}

pub(super) fn list(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(values) => Ok(values),
        Value::Nil => Ok(Vec::new()),
        other => Err(unexpected(&format!("{other:?}"))),
    }
}

/// A list of so many values.
pub(super) fn parts<const N: usize>(value: Value) -> Result<[Value; N], StoreError> {
    let values = list(value)?;
    let found = values.len();
    values.try_into().map_err(|_| unexpected(&format!("{found} values, expected {N}")))
}

/// What only a stranger can have written.
pub(super) fn unexpected(what: &str) -> StoreError {
    StoreError::Other { what: format!("Redis has an unexpected value: {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_stored() {
        let stored = Stored::parse("key.a", b"17 5000 100 8 1\na\nb", 7_000).expect("legal");
        let record = stored.record;
        assert_eq!((record.revision, record.value), (Revision(17), Some("a\nb".into())));
        assert_eq!(record.ttl, Some(Duration::from_secs(100)));
        assert_eq!(record.expires_in, Some(Duration::from_secs(6)));
        let tombstone = Stored::parse("key.a", b"18 5000 0  0\n", 0).expect("legal").record;
        assert_eq!((tombstone.value, tombstone.ttl, tombstone.expires_in), (None, None, None));
        let empty = Stored::parse("key.a", b"19 5000 0  1\n", 0).expect("legal").record;
        assert_eq!(empty.value, Some(Bytes::new()));
        for broken in [&b""[..], b"x", b"1 2 3\n", b"1 2 x 4 1\n", b"1 2 3 4\nvalue", b"\xff\n"] {
            assert!(Stored::parse("key.a", broken, 0).is_err(), "{broken:?}");
        }
    }
}
