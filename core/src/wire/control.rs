//! `control.<node>`: what the operator wants of a node.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Malformed, check_version, from_json};

/// The value of a control record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlRecord {
    /// The version of its format, [`RECORD_VERSION`](super::RECORD_VERSION).
    pub v: u32,
    /// Whether the node takes and keeps keys.
    pub mode: Mode,
    /// The affinity that overrides the node's own.
    #[serde(default)]
    pub affinity: Option<u32>,
    /// Who asked for it.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// When, by the operator's clock, in Unix milliseconds.
    #[serde(default)]
    pub at_ms: u64,
    /// When a drain counts as failed, by the operator's clock, in Unix milliseconds.
    #[serde(default)]
    pub deadline_ms: Option<u64>,
    /// What becomes of keys without a receiver at the deadline.
    #[serde(default)]
    pub on_deadline: OnDeadline,
    /// The most stops told and not yet handed over; 0: no limit.
    #[serde(default = "default_parallel")]
    pub parallel: u32,
    /// The drain tells no further stops.
    #[serde(default)]
    pub paused: bool,
    /// The drain that this record is part of.
    #[serde(default)]
    pub drain_id: Option<String>,
    /// Nodes that this drain is about to be told too: until their own records come they get nothing
    /// new, so that no key goes to a node that is drained a moment later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// The revision at which the drain was planned.
    #[serde(default)]
    pub plan_rev: u64,
    /// What newer versions wrote.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The stops of a drain or rebalance that may be told and not yet handed over, unless said.
pub const DEFAULT_PARALLEL: u32 = 256;

fn default_parallel() -> u32 {
    DEFAULT_PARALLEL
}

/// Whether a node takes and keeps keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mode {
    /// It takes its share.
    #[default]
    Active,
    /// It keeps what it has and gets nothing new.
    Cordon,
    /// It hands over everything and gets nothing new.
    Drain,
}

/// What becomes of a drain's keys without a receiver at its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnDeadline {
    /// They keep running; the drain has failed.
    #[default]
    Keep,
    /// They are stopped and left without an owner.
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
    /// A record of that mode and nothing else.
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
            rest: Map::new(),
        }
    }

    /// Reads a control record's value.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let record: Self = from_json(value)?;
        check_version(record.v)?;
        Ok(record)
    }

    /// The value of this control record.
    pub fn encode(&self) -> Bytes {
        super::to_json(self)
    }
}
