//! `control.<node>`: what operators request of a node.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Malformed, check_version, from_json};

/// The value of a control record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlRecord {
    /// The version of its format, [`RECORD_VERSION`](super::RECORD_VERSION).
    pub v: u32,
    /// Whether the node keeps its keys and gets new ones.
    pub mode: Mode,
    /// Replaces the node's own affinity.
    #[serde(default)]
    pub affinity: Option<u32>,
    /// Who requested it.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// The time of the request by the operator's clock, in Unix ms.
    #[serde(default)]
    pub at_ms: u64,
    /// The deadline of a drain by the operator's clock, in Unix ms.
    #[serde(default)]
    pub deadline_ms: Option<u64>,
    /// What happens at the deadline to keys without a receiver.
    #[serde(default)]
    pub on_deadline: OnDeadline,
    /// The most stops that are sent and not handed over. 0: no limit.
    #[serde(default = "default_parallel")]
    pub parallel: u32,
    /// The drain sends no further stops.
    #[serde(default)]
    pub paused: bool,
    /// The drain that this record is part of.
    #[serde(default)]
    pub drain_id: Option<String>,
    /// Nodes that this drain reaches next. They get nothing new until then, so that no key goes to a
    /// node that is drained a moment later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// The revision at which the drain was planned.
    #[serde(default)]
    pub plan_rev: u64,
    /// Keys that the node hands over to a named node, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<KeyMove>,
    /// Fields of newer versions.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A key that an operator moves to a named node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyMove {
    /// The key.
    pub key: String,
    /// The revision of the claim that the move replaces. If the key has another claim, the move is
    /// over.
    pub claim: u64,
    /// The node that gets the key.
    pub to: String,
}

/// The default of [`ControlRecord::parallel`].
pub const DEFAULT_PARALLEL: u32 = 256;

fn default_parallel() -> u32 {
    DEFAULT_PARALLEL
}

/// Whether a node keeps its keys and gets new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mode {
    /// The node takes its share.
    #[default]
    Active,
    /// The node keeps its keys and gets no new ones.
    Cordon,
    /// The node hands over all keys and gets no new ones.
    Drain,
}

/// What happens at the deadline of a drain to keys without a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnDeadline {
    /// They keep running. The drain has failed.
    #[default]
    Keep,
    /// They are stopped, and their claims become free.
    Free,
}

impl Mode {
    /// One lower-case word for it, as in the record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Cordon => "cordon",
            Self::Drain => "drain",
        }
    }
}

impl OnDeadline {
    /// One lower-case word for it, as in the record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Free => "free",
        }
    }
}

impl Default for ControlRecord {
    fn default() -> Self {
        Self::new(Mode::Active)
    }
}

impl ControlRecord {
    /// Makes a record with this mode and defaults.
    pub fn new(mode: Mode) -> Self {
        Self {
            v: 1,
            mode,
            affinity: None,
            by: String::new(),
            reason: String::new(),
            at_ms: 0,
            deadline_ms: None,
            on_deadline: OnDeadline::Keep,
            parallel: DEFAULT_PARALLEL,
            paused: false,
            drain_id: None,
            also: Vec::new(),
            plan_rev: 0,
            moves: Vec::new(),
            rest: Map::new(),
        }
    }

    /// Decodes the value of a control record.
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
