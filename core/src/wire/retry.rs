//! `retry.<key>`: an operator ended the quarantine of a key.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Malformed, RECORD_VERSION, check_version, from_json};
use crate::id::Token;

/// The time to live of the record. Nodes take the key at once, and then it has no effect.
pub const RETRY_TTL: Duration = Duration::from_hours(24);

/// The value of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryRecord {
    /// The token of the claim whose quarantine is over. A later quarantine has another one.
    pub token: Token,
    /// Who requested it.
    pub by: String,
    /// Why.
    pub reason: String,
}

#[derive(Serialize, Deserialize)]
struct Json {
    v: u32,
    token: u64,
    #[serde(default)]
    by: String,
    #[serde(default)]
    reason: String,
}

impl RetryRecord {
    /// Ends the quarantine of the claim with this token.
    pub fn new(token: Token, by: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { token, by: by.into(), reason: reason.into() }
    }

    /// Decodes the value of the record.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let Json { v, token, by, reason } = from_json(value)?;
        check_version(v)?;
        Ok(Self { token: Token(token), by, reason })
    }

    /// Encodes this record.
    pub fn encode(&self) -> Bytes {
        let (by, reason) = (self.by.clone(), self.reason.clone());
        super::to_json(&Json { v: RECORD_VERSION, token: self.token.0, by, reason })
    }
}
