//! What a viewer sees of a group. Snapshots are immutable and share their parts, so a comparison with
//! the one before costs what changed.

mod build;
mod candidate;
mod gone;
mod key;
mod moment;
mod node;
mod preview;
mod update;

use imbl::OrdMap;
use std::fmt;
use std::sync::Arc;

use crate::id::{GroupName, NodeId, Revision};
use crate::key::Key;

pub use divider_core::wire::{Freeze, Mode, RecordName};

pub use build::SnapshotBuilder;
pub use candidate::{Candidate, Ineligible};
pub use gone::{GoneNode, NodeEnd};
pub use key::{KeyStatus, Phase, Quarantine};
pub use moment::Moment;
pub use node::{DesiredState, NodeState, NodeStatus, Unconfirmed, UnconfirmedStop};
pub use preview::{DrainPreview, PlannedMove, RebalancePreview, Receiver, Shift};
pub use update::{Changed, Link, Update};

/// A group at one revision, as far as a viewer can know it.
///
/// Cheap to clone: clones and later snapshots share what did not change.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) group: GroupName,
    pub(crate) revision: Revision,
    pub(crate) complete: bool,
    pub(crate) taken: Moment,
    pub(crate) nodes: OrdMap<NodeId, Arc<NodeStatus>>,
    pub(crate) keys: OrdMap<Key, KeyStatus>,
    pub(crate) counts: Counts,
    pub(crate) problems: Arc<Problems>,
    pub(crate) freeze: Option<Arc<Freeze>>,
    pub(crate) generation: Revision,
    pub(crate) rollout: Option<u64>,
    pub(crate) gone: Arc<Vec<GoneNode>>,
}

impl Snapshot {
    pub(crate) fn empty(group: GroupName, taken: Moment) -> Self {
        Self {
            group,
            revision: Revision::NONE,
            complete: false,
            taken,
            nodes: OrdMap::new(),
            keys: OrdMap::new(),
            counts: Counts::default(),
            problems: Arc::default(),
            freeze: None,
            generation: Revision::NONE,
            rollout: None,
            gone: Arc::default(),
        }
    }

    /// The group.
    pub fn group(&self) -> &GroupName {
        &self.group
    }

    /// The revision of the newest record in it.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether it shows everything up to its revision. Before the first complete snapshot it is empty.
    /// While the log is read again it stays unchanged and is incomplete.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// When it was taken, by the viewer's clock. The states of nodes are those of this moment.
    pub fn taken(&self) -> Moment {
        self.taken
    }

    /// The nodes, by id.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &NodeStatus> {
        self.nodes.values().map(|node| &**node)
    }

    /// One node.
    pub fn node(&self, id: &NodeId) -> Option<&NodeStatus> {
        self.nodes.get(id).map(|node| &**node)
    }

    /// The keys that exist, and those that their owner must still stop, sorted.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = (&Key, &KeyStatus)> {
        self.keys.iter()
    }

    /// The same keys, from this key on.
    pub fn keys_from(&self, first: &Key) -> impl Iterator<Item = (&Key, &KeyStatus)> {
        self.keys.range::<_, Key>(first..)
    }

    /// One key.
    pub fn key(&self, key: &Key) -> Option<&KeyStatus> {
        self.keys.get(key)
    }

    /// How many keys are in each phase, as [`keys`](Self::keys) shows them.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The same, with every stop that nodes report. A node that has more stops than it can list names the
    /// number of them, and not the keys: here these count as stopping, and not as running. So the numbers
    /// agree with those of the nodes.
    pub fn reported_counts(&self) -> Counts {
        let stops = |node: &NodeStatus| match node.state {
            // Its keys have no owner.
            NodeState::Lost => 0,
            _ => node.unconfirmed.count.saturating_sub(node.unconfirmed.given).min(node.keys),
        };
        let reported: u64 = self.nodes().map(stops).sum();
        let unlisted = reported.saturating_sub(self.counts.stopping).min(self.counts.running);
        Counts {
            running: self.counts.running - unlisted,
            stopping: self.counts.stopping + unlisted,
            ..self.counts
        }
    }

    /// The unreadable records.
    pub fn problems(&self) -> &Problems {
        &self.problems
    }

    /// The freeze of balance moves, if there is one.
    pub fn freeze(&self) -> Option<&Freeze> {
        self.freeze.as_deref()
    }

    /// The nodes that were members in the last day and are none now, the newest end first. (The log keeps
    /// the end of a session for a day.)
    pub fn gone(&self) -> &[GoneNode] {
        &self.gone
    }

    /// The number of the newest deploy, while nodes of an earlier one are members
    /// ([`Builder::rollout`](crate::Builder::rollout)). Joins then move no keys, and nodes of earlier
    /// deploys get no new ones.
    pub fn rollout(&self) -> Option<u64> {
        self.rollout
    }

    /// The newest generation whose moves are fixed: the revision of a join or a request.
    pub fn generation(&self) -> Revision {
        self.generation
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("group", &self.group)
            .field("revision", &self.revision)
            .field("complete", &self.complete)
            .field("nodes", &self.nodes)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

/// Numbers of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Keys that run.
    pub running: u64,
    /// Keys that received a stop, as far as a viewer can see.
    pub stopping: u64,
    /// Keys that exist and that no live node owns.
    pub orphaned: u64,
    /// Keys in quarantine.
    pub quarantined: u64,
    /// Orphans that no node may take now, or that wait for joins to settle.
    pub unplaced: u64,
}

impl Counts {
    /// All keys.
    pub fn all(&self) -> u64 {
        self.running + self.stopping + self.orphaned + self.quarantined
    }

    pub(crate) fn of(&mut self, phase: Phase) -> &mut u64 {
        match phase {
            Phase::Running => &mut self.running,
            Phase::Stopping => &mut self.stopping,
            Phase::Orphaned => &mut self.orphaned,
            Phase::Quarantined => &mut self.quarantined,
        }
    }
}

/// The unreadable records. They change nothing; the last readable value counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Problems {
    /// The current problems by name, at most 256.
    pub shown: Vec<Problem>,
    /// How many the viewer has found since it started.
    pub found: u64,
}

/// One unreadable record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The name of the record in the bucket.
    pub name: String,
    /// Its revision.
    pub revision: Revision,
    /// What is wrong with it.
    pub why: String,
}
