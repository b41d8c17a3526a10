//! What is wrong with a group, or worth a word, as sentences: lints over live state.
//!
//! [`conditions`] is a pure function of a snapshot, of what this viewer has [`Seen`] of the group,
//! and of the time. `divider top`, `status` and `check` all say what it finds.

mod drains;
mod keys;
mod nodes;
mod seen;
#[cfg(test)]
mod tests;
mod whole;

use std::collections::BTreeMap;
use std::fmt;

use divider::snapshot::{Moment, NodeState, NodeStatus, Snapshot};

pub(crate) use self::nodes::{absent, spread};
pub(crate) use self::seen::{Clock, Seen};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Severity {
    /// Good to know.
    Note,
    /// Somebody ought to look at it.
    Warning,
    /// Work is not done, or will not be.
    Critical,
}

impl Severity {
    /// One lower-case word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a condition is about: stable names, for scripts and for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Code {
    /// Nodes are there and none of them takes keys, or none is there at all.
    NobodyTakesKeys,
    /// Keys have no owner.
    Orphaned,
    /// Keys failed too often, and wait for a retry.
    Quarantined,
    /// Nodes are gone and their keys are being taken over.
    Lost,
    /// Nodes miss heartbeats.
    Late,
    /// Stops were told and nobody confirms them.
    Unconfirmed,
    /// What nodes say they hold is not what the claims say.
    Disagree,
    /// A drain is past its deadline.
    DrainFailed,
    /// A drain tells no further stops.
    DrainPaused,
    /// A balance generation does not end.
    Unbalanced,
    /// A node has much more than its share.
    Spread,
    /// Records cannot be read.
    Problems,
    /// The bucket is nearly full.
    Full,
    /// There is one copy of the log.
    OneReplica,
    /// Balance moves are held back.
    Frozen,
    /// Nodes of several deploys are members, and joins move nothing.
    Rollout,
    /// Nodes get nothing new.
    Cordoned,
    /// Nodes restart, and their keys wait for them.
    Away,
    /// An operator's desired waits for a node that is not there.
    Absent,
    /// Fewer nodes are ready than expected.
    FewReady,
}

impl Code {
    /// Its name in machine output.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NobodyTakesKeys => "nobody_takes_keys",
            Self::Orphaned => "orphaned",
            Self::Quarantined => "quarantined",
            Self::Lost => "lost",
            Self::Late => "late",
            Self::Unconfirmed => "unconfirmed",
            Self::Disagree => "disagree",
            Self::DrainFailed => "drain_failed",
            Self::DrainPaused => "drain_paused",
            Self::Unbalanced => "unbalanced",
            Self::Spread => "spread",
            Self::Problems => "problems",
            Self::Full => "full",
            Self::OneReplica => "one_replica",
            Self::Frozen => "frozen",
            Self::Rollout => "rollout",
            Self::Cordoned => "cordoned",
            Self::Away => "away",
            Self::Absent => "absent",
            Self::FewReady => "few_ready",
        }
    }
}

/// One thing that holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) severity: Severity,
    pub(crate) code: Code,
    /// One sentence without a full stop. Names in it come from the log: escape them before they
    /// reach a terminal.
    pub(crate) sentence: String,
    /// Of how many things it holds.
    pub(crate) count: u64,
    /// Some of them by name, the worst first; at most [`MOST_SUBJECTS`].
    pub(crate) subjects: Vec<String>,
}

/// The most subjects that a condition names.
pub(crate) const MOST_SUBJECTS: usize = 16;

impl Condition {
    /// The command that shows more of it, or mends it.
    pub(crate) fn next(&self) -> Option<String> {
        let first = || self.subjects.first().map(|subject| quoted(subject));
        let all = || {
            let names: Vec<_> = self.subjects.iter().map(|subject| quoted(subject)).collect();
            names.join(" ")
        };
        Some(match self.code {
            Code::NobodyTakesKeys | Code::Late | Code::Disagree => {
                "divider nodes --live".to_owned()
            }
            Code::Orphaned => format!("divider key {}", first()?),
            Code::Quarantined if self.count > self.subjects.len() as u64 => {
                "divider keys --phase quarantined".to_owned()
            }
            Code::Quarantined => format!("divider retry {}", all()),
            Code::Lost => format!("divider node {}", first()?),
            Code::Unconfirmed | Code::Unbalanced => "divider moves".to_owned(),
            Code::DrainFailed => format!("divider drain {} --monitor", all()),
            Code::DrainPaused => format!("divider drain {} --continue", all()),
            Code::Spread | Code::Rollout => "divider rebalance".to_owned(),
            Code::Problems => "divider repair".to_owned(),
            Code::Full => "divider doctor".to_owned(),
            Code::Frozen => "divider thaw".to_owned(),
            Code::Cordoned => format!("divider resume {}", all()),
            Code::Away => format!("divider drain {}", all()),
            Code::Absent => format!("divider forget {}", all()),
            Code::FewReady => "divider events".to_owned(),
            Code::OneReplica => return None,
        })
    }

    /// The sentence, in ASCII apart from the names in it if `ascii`.
    pub(crate) fn sentence(&self, ascii: bool) -> String {
        let is_changed = ascii && self.code == Code::Spread;
        if is_changed { self.sentence.replace('×', "x") } else { self.sentence.clone() }
    }
}

/// A name as a shell reads it.
pub(crate) fn quoted(name: &str) -> String {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !name.is_empty() && name.chars().all(is_fine) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', "'\\''"))
}

/// Fewer nodes are ready than somebody expects.
pub(crate) fn few_ready(snapshot: &Snapshot, expected: u64) -> Option<Condition> {
    let is_ready = |node: &&NodeStatus| node.state == NodeState::Ready;
    let ready = snapshot.nodes().filter(is_ready).count() as u64;
    (ready < expected).then(|| Condition {
        severity: if ready == 0 { Severity::Critical } else { Severity::Warning },
        code: Code::FewReady,
        sentence: format!("{ready} of {expected} expected nodes {} ready", are(ready)),
        count: expected - ready,
        subjects: Vec::new(),
    })
}

/// What holds now, the worst first.
pub(crate) fn conditions(snapshot: &Snapshot, seen: &Seen, now: Clock) -> Vec<Condition> {
    let mut found = Vec::new();
    keys::look(snapshot, seen, now.at, &mut found);
    nodes::look(snapshot, seen, now.at, &mut found);
    drains::look(snapshot, now, &mut found);
    whole::look(snapshot, seen, now, &mut found);
    found.sort_by_key(|condition| (std::cmp::Reverse(condition.severity), condition.code));
    found
}

/// The first few names and how many more there are: `a, b and 3 more`.
fn list<T: fmt::Display>(names: impl ExactSizeIterator<Item = T>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let first: Vec<String> = names.take(NAMED).map(|name| name.to_string()).collect();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    first.join(", ") + &rest
}

const NAMED: usize = 3;

/// `is` for one, `are` for several.
fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// `has` for one, `have` for several.
fn have(count: u64) -> &'static str {
    if count == 1 { "has" } else { "have" }
}

/// Since when each of some things holds.
type Since<K, V> = BTreeMap<K, (V, Moment)>;
