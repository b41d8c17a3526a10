//! The values of records.

use std::fmt::Debug;

use bytes::Bytes;
use divider_core::log::MAX_VALUE;
use divider_core::wire::{
    ClaimRecord, ControlRecord, GroupRecord, LEASE_LEN, LeaseRecord, Malformed, MemberRecord,
    RebalanceRecord, StopsRecord,
};
use serde_json::{Map, Value};

/// One value, read as every kind of record: what is read is written, and read again as it was.
pub fn records(data: &[u8]) {
    check(data, ClaimRecord::decode, ClaimRecord::encode);
    check(data, MemberRecord::decode, MemberRecord::encode);
    check(data, RebalanceRecord::decode, RebalanceRecord::encode);
    if let Some((_, value)) = check(data, LeaseRecord::decode, LeaseRecord::encode) {
        assert_eq!(value.len(), LEASE_LEN, "a lease of another length");
    }
    if let Some((_, value)) = check(data, StopsRecord::decode, StopsRecord::encode) {
        assert!(value.len() <= MAX_VALUE.max(data.len()));
    }
    if let Some((record, value)) = check(data, ControlRecord::decode, ControlRecord::encode) {
        check_rest(&record.rest, &value);
    }
    if let Some((record, value)) = check(data, GroupRecord::decode, GroupRecord::encode) {
        check_rest(&record.rest, &value);
    }
}

/// What is read, if anything is, and its value.
fn check<R: PartialEq + Debug>(
    data: &[u8],
    decode: fn(&[u8]) -> Result<R, Malformed>,
    encode: fn(&R) -> Bytes,
) -> Option<(R, Bytes)> {
    let record = match decode(data) {
        Ok(record) => record,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    let value = encode(&record);
    let again = decode(&value).expect("what was written is read");
    assert_eq!(again, record);
    assert_eq!(encode(&again), value, "the same record, the same bytes");
    Some((record, value))
}

/// What a newer version wrote is still there.
fn check_rest(rest: &Map<String, Value>, value: &[u8]) {
    let written: Map<String, Value> = serde_json::from_slice(value).expect("an object");
    for (field, value) in rest {
        assert_eq!(written.get(field), Some(value), "{field} is lost");
    }
}
