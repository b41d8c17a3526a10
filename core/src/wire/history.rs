//! An entry of the history of a group. The history is kept beside the log, for operators who look
//! later.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{RECORD_VERSION, to_json};
use crate::id::{NodeId, Revision};

/// Something that happened in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// Its number in the history, which rises; 0 for an entry that is derived from the records of
    /// the log.
    pub number: u64,
    /// When it was stored, in Unix ms, by the store's clock.
    pub at_ms: u64,
    /// What happened.
    pub kind: HistoryKind,
    /// The node that it happened to; `None` for the whole group.
    pub node: Option<NodeId>,
    /// Who caused it: an operator, or the node that ended a dead session. Empty if unknown.
    pub by: String,
    /// Why. Empty if unknown.
    pub reason: String,
    /// How many keys it concerned, if that is known.
    pub keys: Option<u64>,
    /// The revision of the record that it is about; 0 without one.
    pub revision: Revision,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HistoryKind {
    /// A node joined.
    Joined,
    /// A node left after it had given up its keys.
    Left,
    /// A node sent no heartbeats for its whole lease, and another one ended its session.
    Died,
    /// A node could not renew its lease, and gave up all its keys.
    Fenced,
    /// An operator requested a drain.
    DrainRequested,
    /// An operator paused a drain.
    DrainPaused,
    /// An operator continued a drain.
    DrainContinued,
    /// A node has given all its keys away.
    Drained,
    /// An operator cordoned a node.
    Cordoned,
    /// An operator ended a drain or a cordon.
    Resumed,
    /// An operator replaced the affinity of a node, or let its own apply again.
    AffinitySet,
    /// An operator removed the request for an absent node.
    Forgotten,
    /// An operator requested that a key moves from the node to another one.
    MoveRequested,
    /// The work on a key failed too often, and no node works on it any more.
    Quarantined,
    /// An operator ended the quarantine of a key.
    Retried,
    /// An operator requested a rebalance.
    RebalanceRequested,
    /// An operator froze the group.
    Frozen,
    /// An operator ended a freeze.
    Thawed,
    /// Keys have had no owner for half a minute.
    OrphansLasting,
    /// Every key has an owner again.
    OrphansOver,
    /// A node has had far more than its share for two minutes.
    SpreadLasting,
    /// Every node is near its share again.
    SpreadOver,
    /// The log lost acknowledged writes.
    LogLost,
}

impl HistoryKind {
    /// Every kind.
    pub const ALL: [Self; 23] = [
        Self::Joined,
        Self::Left,
        Self::Died,
        Self::Fenced,
        Self::DrainRequested,
        Self::DrainPaused,
        Self::DrainContinued,
        Self::Drained,
        Self::Cordoned,
        Self::Resumed,
        Self::AffinitySet,
        Self::Forgotten,
        Self::MoveRequested,
        Self::Quarantined,
        Self::Retried,
        Self::RebalanceRequested,
        Self::Frozen,
        Self::Thawed,
        Self::OrphansLasting,
        Self::OrphansOver,
        Self::SpreadLasting,
        Self::SpreadOver,
        Self::LogLost,
    ];

    /// Its lower-case name, as in `drain_requested`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Died => "died",
            Self::Fenced => "fenced",
            Self::DrainRequested => "drain_requested",
            Self::DrainPaused => "drain_paused",
            Self::DrainContinued => "drain_continued",
            Self::Drained => "drained",
            Self::Cordoned => "cordoned",
            Self::Resumed => "resumed",
            Self::AffinitySet => "affinity_set",
            Self::Forgotten => "forgotten",
            Self::MoveRequested => "move_requested",
            Self::Quarantined => "quarantined",
            Self::Retried => "retried",
            Self::RebalanceRequested => "rebalance_requested",
            Self::Frozen => "frozen",
            Self::Thawed => "thawed",
            Self::OrphansLasting => "orphans_lasting",
            Self::OrphansOver => "orphans_over",
            Self::SpreadLasting => "spread_lasting",
            Self::SpreadOver => "spread_over",
            Self::LogLost => "log_lost",
        }
    }
}

impl HistoryEntry {
    /// Creates an entry with only a kind.
    pub fn new(kind: HistoryKind) -> Self {
        Self {
            number: 0,
            at_ms: 0,
            kind,
            node: None,
            by: String::new(),
            reason: String::new(),
            keys: None,
            revision: Revision::NONE,
        }
    }

    /// Sets the node.
    #[must_use]
    pub fn of(self, node: &NodeId) -> Self {
        Self { node: Some(node.clone()), ..self }
    }

    /// Sets the cause and the reason.
    #[must_use]
    pub fn by(self, by: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { by: by.into(), reason: reason.into(), ..self }
    }

    /// Sets the number of keys.
    #[must_use]
    pub fn with_keys(self, keys: Option<u64>) -> Self {
        Self { keys, ..self }
    }

    /// Sets the revision of the record.
    #[must_use]
    pub fn at(self, revision: Revision) -> Self {
        Self { revision, ..self }
    }

    /// Encodes the value that the store keeps. The store assigns the number and the time.
    pub fn encode(&self) -> Bytes {
        let json = Json {
            v: RECORD_VERSION,
            kind: self.kind.as_str().to_owned(),
            node: self.node.as_ref().map(ToString::to_string),
            by: cut(&self.by, MAX_BY),
            reason: cut(&self.reason, MAX_REASON),
            keys: self.keys,
            revision: self.revision.0,
        };
        to_json(&json)
    }

    /// Decodes a value. `None` for a kind that this version does not know.
    pub fn decode(number: u64, at_ms: u64, value: &[u8]) -> Option<Self> {
        let json: Json = serde_json::from_slice(value).ok()?;
        let kind = HistoryKind::ALL.into_iter().find(|kind| kind.as_str() == json.kind)?;
        let node = json.node.map(NodeId::new).transpose().ok()?;
        (json.v == RECORD_VERSION).then_some(Self {
            number,
            at_ms,
            kind,
            node,
            by: json.by,
            reason: json.reason,
            keys: json.keys,
            revision: Revision(json.revision),
        })
    }
}

/// The longest texts, in bytes. They are as long as in the requests of the log, and keep a value
/// far below 4 KiB.
const MAX_BY: usize = 128;
const MAX_REASON: usize = 1024;

#[derive(Serialize, Deserialize)]
struct Json {
    v: u32,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keys: Option<u64>,
    #[serde(default, skip_serializing_if = "is_none")]
    revision: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_none(revision: &u64) -> bool {
    *revision == 0
}

/// The beginning of a text, at most `most` bytes.
fn cut(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text[..end.unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives_a_round_trip() {
        let node = NodeId::new("w1").expect("legal");
        for kind in HistoryKind::ALL {
            let mut entry = HistoryEntry::new(kind).of(&node);
            entry.by = "ana".to_owned();
            entry.reason = "kernel 6.8".to_owned();
            entry.keys = Some(7);
            entry.revision = Revision(99);
            (entry.number, entry.at_ms) = (3, 1_700_000_000_000);
            let read = HistoryEntry::decode(3, 1_700_000_000_000, &entry.encode());
            assert_eq!(read, Some(entry));
        }
    }

    #[test]
    fn entries_of_unknown_versions_are_skipped() {
        let read = |text: &str| HistoryEntry::decode(1, 1, text.as_bytes()).map(|e| e.kind);
        assert_eq!(
            read(r#"{"v":1,"kind":"joined","node":"w1","new":1}"#),
            Some(HistoryKind::Joined)
        );
        assert_eq!(read(r#"{"v":2,"kind":"joined","node":"w1"}"#), None);
        assert_eq!(read(r#"{"v":1,"kind":"sang","node":"w1"}"#), None);
        assert_eq!(read(r#"{"v":1,"kind":"joined","node":"w 1"}"#), None);
        assert_eq!(read("garbage"), None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let mut entry = HistoryEntry::new(HistoryKind::Frozen);
        entry.reason = "é".repeat(2000);
        let read = HistoryEntry::decode(1, 1, &entry.encode()).expect("readable");
        assert_eq!(read.reason, "é".repeat(512));
        assert!(entry.encode().len() < 4096);
    }
}
