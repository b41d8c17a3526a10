//! What one viewer has seen of a group since it began to look.

use std::collections::{BTreeMap, BTreeSet};

use divider::snapshot::{Changed, KeyStatus, Moment, NodeState, NodeStatus, Phase, Snapshot};
use divider::store::Info;
use divider::{Key, NodeId, Revision};

use super::Since;

/// A moment, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    /// For ages.
    pub(crate) at: Moment,
    /// For deadlines and for people: Unix milliseconds.
    pub(crate) unix_ms: u64,
}

/// What a single snapshot cannot say: for how long something has been so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// The keys that have no owner, and since when.
    pub(super) orphans: BTreeMap<Key, Moment>,
    /// Nodes whose reported holdings are not what the claims say: both numbers, and since when.
    pub(super) disagree: Since<NodeId, (u64, u64)>,
    /// Nodes far above their share, and since when.
    pub(super) over: Since<NodeId, ()>,
    /// The newest balance generation, and since when it is that.
    pub(super) generation: Option<(Revision, Moment)>,
    /// The keys in quarantine.
    pub(super) quarantined: BTreeSet<Key>,
    /// Whether there was one look only, which cannot know for how long something has been so.
    pub(super) is_first_look: bool,
    /// What the store said of the log as a whole.
    pub(super) info: Option<Info>,
    /// The announcements that no watch shows, by their subjects.
    pub(crate) strays: Vec<String>,
}

impl Seen {
    /// What one look sees: everything began with it.
    pub(crate) fn at_once(snapshot: &Snapshot, info: Option<Info>) -> Self {
        let changed = {
            let mut changed = Changed::default();
            changed.keys = snapshot.keys().map(|(key, _)| key.clone()).collect();
            changed.nodes = snapshot.nodes().map(|node| node.node.clone()).collect();
            changed
        };
        let mut seen = Self { info, ..Self::default() };
        seen.on_update(snapshot, &changed, snapshot.taken());
        seen.is_first_look = true;
        seen
    }

    /// Takes in what is different. Costs as much as changed.
    pub(crate) fn on_update(&mut self, snapshot: &Snapshot, changed: &Changed, now: Moment) {
        self.is_first_look = false;
        for key in &changed.keys {
            let phase = snapshot.key(key).map(|status| status.phase);
            if phase == Some(Phase::Quarantined) {
                self.quarantined.insert(key.clone());
            } else {
                self.quarantined.remove(key);
            }
            let status = snapshot.key(key).filter(|status| status.phase == Phase::Orphaned);
            match status.filter(|status| !waits_for_return(snapshot, status)) {
                Some(status) => self.orphans.insert(key.clone(), status.since),
                None => self.orphans.remove(key),
            };
        }
        for node in &changed.nodes {
            let status = snapshot.node(node);
            note(&mut self.disagree, node, status.and_then(disagreement), now);
            note(
                &mut self.over,
                node,
                status.filter(|s| super::nodes::is_over(s)).map(|_| ()),
                now,
            );
        }
        let generation = snapshot.generation();
        if self.generation.is_none_or(|(known, _)| known != generation) {
            self.generation = Some((generation, now));
        }
    }

    /// Takes in what the store says of the log as a whole.
    pub(crate) fn on_info(&mut self, info: Info) {
        self.info = Some(info);
    }

    /// What the store last said of the log as a whole.
    pub(crate) fn info(&self) -> Option<&Info> {
        self.info.as_ref()
    }
}

/// What a node says that it holds, and what the claims say, where that is not the same.
fn disagreement(node: &NodeStatus) -> Option<(u64, u64)> {
    let said = (node.held, node.keys);
    (node.last_beat.is_some() && said.0 != said.1).then_some(said)
}

/// Notes since when something is as it is now.
fn note<V: PartialEq>(since: &mut Since<NodeId, V>, node: &NodeId, value: Option<V>, now: Moment) {
    match (value, since.get(node)) {
        (None, _) => {
            since.remove(node);
        }
        (Some(value), Some((before, _))) if *before == value => {}
        (Some(value), _) => {
            since.insert(node.clone(), (value, now));
        }
    }
}

/// Whether the key waits for a node that restarts.
fn waits_for_return(snapshot: &Snapshot, status: &KeyStatus) -> bool {
    let node = status.to.as_ref().and_then(|node| snapshot.node(node));
    node.is_some_and(|node| node.state == NodeState::Away)
}
