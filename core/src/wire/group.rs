//! `group` and `rebalance`: settings and requests for the whole group.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Malformed, check_version, from_json};

/// The protocol of this version.
pub const PROTOCOL: u32 = 1;

/// The value of the group record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// The version of its format, [`RECORD_VERSION`](super::RECORD_VERSION).
    pub v: u32,
    /// The protocol of the group. A node that does not support it does not join.
    pub protocol: u32,
    /// Holds back new balance generations.
    #[serde(default)]
    pub freeze: Option<Freeze>,
    /// Fields of newer versions.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A freeze: its author, reason and end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Freeze {
    /// Who requested it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The end of the freeze in Unix ms. `None`: until an operator ends it.
    pub until: Option<u64>,
}

impl Freeze {
    /// Creates a freeze until this time in Unix ms. `None`: until an operator ends it.
    pub fn new(by: impl Into<String>, reason: impl Into<String>, until: Option<u64>) -> Self {
        Self { by: by.into(), reason: reason.into(), until }
    }
}

impl Default for GroupRecord {
    fn default() -> Self {
        Self { v: 1, protocol: PROTOCOL, freeze: None, rest: Map::new() }
    }
}

impl GroupRecord {
    /// Decodes the value of a group record, of any protocol, so that the reader can report it.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let record: Self = from_json(value)?;
        check_version(record.v)?;
        Ok(record)
    }

    /// Encodes this record.
    pub fn encode(&self) -> Bytes {
        super::to_json(self)
    }
}

/// The value of the rebalance record. Only its revision matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebalanceRecord {
    v: u32,
    /// Who requested it.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

impl RebalanceRecord {
    /// Makes a request for a balance generation.
    pub fn new(by: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { v: 1, by: by.into(), reason: reason.into() }
    }

    /// Decodes the value of a rebalance record.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let record: Self = from_json(value)?;
        check_version(record.v)?;
        Ok(record)
    }

    /// Encodes this record.
    pub fn encode(&self) -> Bytes {
        super::to_json(self)
    }
}
