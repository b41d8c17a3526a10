//! `lease.<node>`: the node's proof of life.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Malformed, check_version, from_json};
use crate::id::{NodeId, Revision, Session};

/// The length every lease record is padded to, so that renewals pass in a full bucket.
pub const LEASE_LEN: usize = 384;

/// The value of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRecord {
    /// The session that lives, or that is over.
    pub session: Session,
    /// Which attempt to renew this is; every attempt has its own.
    pub beat: u64,
    /// How long the lease lasts, in milliseconds.
    pub lease_ms: u64,
    /// Whether the session is over, and how it ended.
    pub state: LeaseState,
    /// How many keys the node holds.
    pub held: u64,
    /// How many of them were told to stop and are not handed over.
    pub stopping: u64,
    /// Up to which revision the node has seen the log.
    pub seen: Revision,
    /// Who wrote `dead`, the killer's node id.
    pub by: Option<NodeId>,
}

/// Whether a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaseState {
    /// It lives as long as the record is renewed.
    Live,
    /// Its node ended it.
    Ended,
    /// Another node saw it unrenewed for its whole time, and ended it.
    Dead,
}

#[derive(Serialize, Deserialize)]
struct Json {
    v: u32,
    session: String,
    beat: u64,
    lease_ms: u64,
    state: LeaseState,
    #[serde(default)]
    held: u64,
    #[serde(default)]
    stopping: u64,
    #[serde(default)]
    seen: u64,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    pad: String,
}

impl LeaseRecord {
    /// Reads a lease's value.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let json: Json = from_json(value)?;
        check_version(json.v)?;
        Ok(Self {
            session: json.session.parse()?,
            beat: json.beat,
            lease_ms: json.lease_ms,
            state: json.state,
            held: json.held,
            stopping: json.stopping,
            seen: Revision(json.seen),
            by: json.by.map(NodeId::new).transpose()?,
        })
    }

    /// The value of this lease, [`LEASE_LEN`] bytes long.
    pub fn encode(&self) -> Bytes {
        let mut json = Json {
            v: 1,
            session: self.session.to_string(),
            beat: self.beat,
            lease_ms: self.lease_ms,
            state: self.state,
            held: self.held,
            stopping: self.stopping,
            seen: self.seen.0,
            by: self.by.as_ref().map(ToString::to_string),
            pad: String::new(),
        };
        let bare = super::to_json(&json).len();
        json.pad = "-".repeat(LEASE_LEN.saturating_sub(bare));
        super::to_json(&json)
    }
}
