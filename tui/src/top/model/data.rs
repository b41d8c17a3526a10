//! The group as it is, as it is shown, and what was seen of it.

use std::collections::BTreeSet;

use divider::Key;
use divider::snapshot::{Changed, KeyStatus, NodeStatus, Phase, Snapshot};
use divider::store::Info;

use super::drains::Drains;
use super::history::History;
use super::node_trend::NodeTrend;
use super::trend::{Sample, Trend};
use crate::conditions::{Clock, Condition, Seen, conditions};

/// Everything that comes from the group.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    /// The group now.
    pub(crate) live: Snapshot,
    /// The group on the screen: the same, unless the screen is paused.
    pub(crate) shown: Snapshot,
    pub(crate) seen: Seen,
    pub(crate) history: History,
    pub(crate) drains: Drains,
    /// The last ten minutes.
    pub(crate) trend: Trend,
    /// The same of each node.
    pub(crate) node_trend: NodeTrend,
    /// The keys that are on their way, or that nobody has.
    pub(crate) moving: BTreeSet<Key>,
    pub(crate) conditions: Vec<Condition>,
    /// How long the store took to say what the log is, in milliseconds.
    pub(crate) answer_ms: Option<u64>,
}

/// What of an update is more than heartbeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Digest {
    pub(crate) keys: bool,
    pub(crate) nodes: bool,
    pub(crate) whole: bool,
}

impl Digest {
    /// Whether there is nothing but heartbeats.
    pub(crate) fn is_quiet(self) -> bool {
        self == Self::default()
    }
}

impl Data {
    pub(crate) fn new(empty: Snapshot) -> Self {
        Self {
            live: empty.clone(),
            shown: empty,
            seen: Seen::default(),
            history: History::default(),
            drains: Drains::default(),
            trend: Trend::default(),
            node_trend: NodeTrend::default(),
            moving: BTreeSet::new(),
            conditions: Vec::new(),
            answer_ms: None,
        }
    }

    /// Takes in a newer snapshot. Costs as much as changed.
    pub(crate) fn on_update(&mut self, new: Snapshot, changed: &Changed, now: Clock) -> Digest {
        let old = std::mem::replace(&mut self.live, new);
        let new = &self.live;
        for key in &changed.keys {
            if new.key(key).is_some_and(is_moving) {
                self.moving.insert(key.clone());
            } else {
                self.moving.remove(key);
            }
        }
        self.seen.on_update(new, changed, now.at);
        // What was there when this viewer came did not happen before its eyes.
        let first = old.revision() == divider::Revision::NONE;
        let steps =
            if first { Vec::new() } else { self.history.on_update(&old, new, changed, now) };
        self.node_trend.add(now.unix_ms / 1000, &steps);
        self.drains.on_update(new, &steps, now);
        let differs = |node| !same_but_beats(old.node(node), new.node(node));
        Digest {
            keys: !changed.keys.is_empty(),
            nodes: changed.nodes.iter().any(differs),
            whole: changed.group || changed.problems || changed.link,
        }
    }

    /// The group is read from the start: what comes then is no change of what was there.
    pub(crate) fn read_anew(&mut self, now: Clock) {
        let group = self.live.group().clone();
        let empty = Snapshot::builder(group, divider::Revision::NONE, now.at);
        self.live = empty.incomplete().build();
        self.moving.clear();
        self.seen = Seen::default();
    }

    pub(crate) fn on_info(&mut self, info: Info, answer_ms: u64) {
        self.seen.on_info(info);
        self.answer_ms = Some(answer_ms);
    }

    /// Notes how the group is, once a second. `heard`: it was heard in this second.
    pub(crate) fn sample(&mut self, now: Clock, heard: bool) {
        let stops = self.live.nodes().filter_map(|node| node.unconfirmed.oldest.first());
        let oldest = stops.map(|stop| now.at.since(stop.told).as_secs()).max();
        let sample = Sample {
            moves: self.history.rate.last_second(),
            orphans: self.live.counts().orphaned,
            oldest_stop: oldest.unwrap_or(0),
        };
        let heard = heard && self.live.is_complete();
        if heard {
            self.node_trend.note(now.unix_ms / 1000, &self.live);
        }
        self.trend.push(now.unix_ms / 1000, heard.then_some(sample));
    }

    /// Works out what is to be said of the group now.
    pub(crate) fn judge(&mut self, now: Clock) {
        self.conditions = conditions(&self.live, &self.seen, now);
    }
}

/// How many of its keys a node was told to stop and holds. The records of claims, of stops and of the
/// lease are written one after another: this goes by the first two, on every part of the screen.
pub(crate) fn stopping(node: &NodeStatus) -> u64 {
    let unconfirmed = &node.unconfirmed;
    unconfirmed.count.saturating_sub(unconfirmed.given).min(node.keys)
}

/// How many keys run, stop, have no owner and are in quarantine: together they are all keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyCounts {
    pub(crate) running: u64,
    pub(crate) stopping: u64,
    pub(crate) orphaned: u64,
    pub(crate) quarantined: u64,
}

/// A node lists its oldest stops by name only: the phases of keys show no more of them, so the nodes'
/// own numbers count where they are higher.
pub(crate) fn key_counts(snapshot: &Snapshot) -> KeyCounts {
    let counts = snapshot.counts();
    let owned = counts.running + counts.stopping;
    let told: u64 = snapshot.nodes().map(stopping).sum();
    let stopping = told.max(counts.stopping).min(owned);
    let (orphaned, quarantined) = (counts.orphaned, counts.quarantined);
    KeyCounts { running: owned - stopping, stopping, orphaned, quarantined }
}

/// Whether a key is on its way, or nobody has it.
pub(crate) fn is_moving(key: &KeyStatus) -> bool {
    match key.phase {
        Phase::Quarantined => false,
        Phase::Running => key.to.is_some() && key.to != key.owner,
        Phase::Orphaned | Phase::Stopping => true,
    }
}

fn same_but_beats(
    before: Option<&divider::snapshot::NodeStatus>,
    after: Option<&divider::snapshot::NodeStatus>,
) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        return before.is_none() == after.is_none();
    };
    let mut same = before.clone();
    (same.last_beat, same.seen, same.held) = (after.last_beat, after.seen, after.held);
    same == *after
}
