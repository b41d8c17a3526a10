//! `lease.<node>`: the proof that a node's session lives.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Malformed, check_version, from_json};
use crate::id::{NodeId, Revision, Session};

/// The length of every lease value in bytes. It is constant, so that renewals pass in a full bucket.
pub const LEASE_LEN: usize = 384;

/// The value of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRecord {
    /// The session.
    pub session: Session,
    /// The number of the attempt. Every attempt of a session has its own.
    pub beat: u64,
    /// The length of the lease, in ms.
    pub lease_ms: u64,
    /// Whether the session is over, and how it ended.
    pub state: LeaseState,
    /// How many keys the application has.
    pub held: u64,
    /// How many runs received a stop and are not confirmed, also of keys given away or lost.
    pub stopping: u64,
    /// The newest revision that the writer has seen.
    pub seen: Revision,
    /// The node that wrote `dead`.
    pub by: Option<NodeId>,
}

/// Whether a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaseState {
    /// It lives while the record is renewed.
    Live,
    /// Its own node ended it.
    Ended,
    /// Another node saw it unchanged for its whole time, and ended it.
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
    /// Decodes the value of a lease.
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

    /// Encodes this lease in [`LEASE_LEN`] bytes.
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
