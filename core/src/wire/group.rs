//! `group` and `rebalance`: what holds for the whole group.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Malformed, check_version, from_json};

/// The protocol that this version speaks.
pub const PROTOCOL: u32 = 1;

/// The value of the group record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// The version of its format, [`RECORD_VERSION`](super::RECORD_VERSION).
    pub v: u32,
    /// The protocol of the group; a node that does not speak it stays out.
    pub protocol: u32,
    /// Balance moves are held back.
    #[serde(default)]
    pub freeze: Option<Freeze>,
    /// What newer versions wrote.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Who holds balance moves back, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Freeze {
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Until when, in Unix milliseconds; `None`: until it is thawed.
    pub until: Option<u64>,
}

impl Freeze {
    /// A freeze until that moment, in Unix milliseconds, or (`None`) until it is thawed.
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
    /// Reads the group record's value; of any protocol, so that the reader can name it.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let record: Self = from_json(value)?;
        check_version(record.v)?;
        Ok(record)
    }

    /// The value of this group record.
    pub fn encode(&self) -> Bytes {
        super::to_json(self)
    }
}

/// The value of the rebalance record; its revision is what counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebalanceRecord {
    v: u32,
    /// Who asked for it.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

impl RebalanceRecord {
    /// A record that asks for a balance generation.
    pub fn new(by: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { v: 1, by: by.into(), reason: reason.into() }
    }

    /// Reads the rebalance record's value.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let record: Self = from_json(value)?;
        check_version(record.v)?;
        Ok(record)
    }

    /// The value of this rebalance record.
    pub fn encode(&self) -> Bytes {
        super::to_json(self)
    }
}
