//! The conformance vectors of keys, names and records.

use serde::Deserialize;
use serde_json::{Value, json};

use super::name::InvalidName;
use super::*;
use crate::id::NodeId;
use crate::key::Key;
use crate::vectors::check;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeyGiven {
    Text(String),
    Wire(String),
}

#[test]
fn keys() {
    check("keys", |given| match given {
        KeyGiven::Text(text) => match Key::new(text) {
            Ok(key) => json!({"wire": key.wire()}),
            Err(error) => json!({"refused": key_reason(&error)}),
        },
        KeyGiven::Wire(wire) => match Key::from_wire(&wire) {
            Ok(key) => json!({"text": key.as_str()}),
            Err(error) => json!({"refused": key_reason(&error)}),
        },
    });
}

#[derive(Deserialize)]
struct NameGiven {
    name: String,
}

#[test]
fn names() {
    check("names", |NameGiven { name }| {
        let node = |kind: &str, node: NodeId| json!({"kind": kind, "node": node.as_str()});
        match RecordName::parse(&name) {
            Ok(RecordName::Key(key)) => json!({"kind": "key", "key": key.as_str()}),
            Ok(RecordName::Claim(key)) => json!({"kind": "claim", "key": key.as_str()}),
            Ok(RecordName::Lease(id)) => node("lease", id),
            Ok(RecordName::Member(id)) => node("member", id),
            Ok(RecordName::Stops(id)) => node("stops", id),
            Ok(RecordName::Control(id)) => node("control", id),
            Ok(RecordName::Manifest(part)) => {
                json!({"kind": "manifest", "part": part.to_string()})
            }
            Ok(RecordName::Retry(key)) => json!({"kind": "retry", "key": key.as_str()}),
            Ok(RecordName::Rebalance) => json!({"kind": "rebalance"}),
            Ok(RecordName::Group) => json!({"kind": "group"}),
            Err(InvalidName::Key(error)) => json!({"refused": key_reason(&error)}),
            Err(InvalidName::Node(_)) => json!({"refused": "node id"}),
            Err(InvalidName::Unknown { .. }) => json!({"refused": "unknown kind"}),
        }
    });
}

#[derive(Deserialize)]
struct RecordGiven {
    kind: String,
    value: String,
}

#[test]
fn records() {
    check("records", |RecordGiven { kind, value }| {
        let value = value.as_bytes();
        let writes = match kind.as_str() {
            "claim" => ClaimRecord::decode(value).map(|record| record.encode()),
            "lease" => LeaseRecord::decode(value).map(|record| record.encode()),
            "member" => MemberRecord::decode(value).map(|record| record.encode()),
            "stops" => StopsRecord::decode(value).map(|record| record.encode()),
            "control" => ControlRecord::decode(value).map(|record| record.encode()),
            "retry" => RetryRecord::decode(value).map(|record| record.encode()),
            "rebalance" => RebalanceRecord::decode(value).map(|record| record.encode()),
            "group" => GroupRecord::decode(value).map(|record| record.encode()),
            "manifest" => ManifestRecord::decode(value).map(|record| record.encode()),
            other => panic!("no kind of record: {other}"),
        };
        match writes {
            Ok(writes) => json!({"writes": std::str::from_utf8(&writes).expect("JSON is text")}),
            Err(error) => json!({"refused": reason(&error)}),
        }
    });
}

fn key_reason(error: &InvalidKey) -> &'static str {
    match error {
        InvalidKey::Empty => "empty key",
        InvalidKey::TooLong { .. } => "key too long",
        InvalidKey::NotCanonical { .. } => "key not canonical",
    }
}

fn reason(error: &Malformed) -> Value {
    match error {
        Malformed::Json(_) => "form".into(),
        Malformed::Version { found } => format!("version {found}").into(),
        Malformed::OutOfBounds { field } => format!("bounds of {field}").into(),
        Malformed::Id(InvalidId::BadSession { .. }) => "session".into(),
        Malformed::Id(_) => "node id".into(),
        Malformed::Key(error) => key_reason(error).into(),
    }
}
