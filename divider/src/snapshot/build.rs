//! Building snapshots from a file or in tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{
    DesiredState, DrainPreview, GoneNode, KeyStatus, Moment, NodeState, NodeStatus, Phase,
    PlannedMove, Problem, Problems, RebalancePreview, Receiver, Shift, Snapshot, Unconfirmed,
    UnconfirmedStop,
};
use crate::id::{GroupName, NodeId, Revision, Token};
use crate::key::Key;
use divider_core::wire::{DEFAULT_PARALLEL, Freeze, Mode, OnDeadline};

/// Builds a [`Snapshot`]. Start with [`Snapshot::builder`].
///
/// The builder judges and plans nothing. It only counts the keys.
///
/// ```
/// # use divider::snapshot::{KeyStatus, Moment, NodeState, NodeStatus, Phase, Snapshot};
/// # use divider::{GroupName, Key, NodeId, Revision};
/// let now = Moment::now();
/// let mut node = NodeStatus::new(NodeId::new("w1")?, NodeState::Ready, now);
/// node.keys = 1;
/// let mut key = KeyStatus::new(Phase::Running, now);
/// key.owner = Some(node.node.clone());
/// let snapshot = Snapshot::builder(GroupName::new("orders")?, Revision(17), now)
///     .node(node)
///     .key(Key::new("eu.17")?, key)
///     .build();
/// assert_eq!(snapshot.counts().running, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "it is no snapshot before `build`"]
pub struct SnapshotBuilder {
    snapshot: Snapshot,
}

impl Snapshot {
    /// Starts a complete snapshot without nodes and keys.
    pub fn builder(group: GroupName, revision: Revision, taken: Moment) -> SnapshotBuilder {
        let snapshot = Self { revision, complete: true, ..Self::empty(group, taken) };
        SnapshotBuilder { snapshot }
    }
}

impl SnapshotBuilder {
    /// Adds a node, or replaces the one with this id.
    pub fn node(mut self, node: NodeStatus) -> Self {
        self.snapshot.nodes.insert(node.node.clone(), Arc::new(node));
        self
    }

    /// Adds a key, or replaces it.
    pub fn key(mut self, key: Key, status: KeyStatus) -> Self {
        *self.snapshot.counts.of(status.phase) += 1;
        if let Some(before) = self.snapshot.keys.insert(key, status) {
            *self.snapshot.counts.of(before.phase) -= 1;
        }
        self
    }

    /// Sets how many orphans no node may take now, or wait for joins to settle.
    pub fn unplaced(mut self, keys: u64) -> Self {
        self.snapshot.counts.unplaced = keys;
        self
    }

    /// Sets the unreadable records.
    pub fn problems(mut self, shown: Vec<Problem>, found: u64) -> Self {
        self.snapshot.problems = Arc::new(Problems { shown, found });
        self
    }

    /// Sets the freeze.
    pub fn freeze(mut self, freeze: Option<Freeze>) -> Self {
        self.snapshot.freeze = freeze.map(Arc::new);
        self
    }

    /// Sets the newest balance generation.
    pub fn generation(mut self, generation: Revision) -> Self {
        self.snapshot.generation = generation;
        self
    }

    /// Sets the nodes that are gone.
    pub fn gone(mut self, gone: Vec<GoneNode>) -> Self {
        self.snapshot.gone = Arc::new(gone);
        self
    }

    /// Marks the snapshot as incomplete: it does not show everything up to its revision.
    pub fn incomplete(mut self) -> Self {
        self.snapshot.complete = false;
        self
    }

    /// Returns the snapshot.
    #[must_use]
    pub fn build(self) -> Snapshot {
        self.snapshot
    }
}

impl NodeStatus {
    /// A node in this state, with defaults for all else.
    pub fn new(node: NodeId, state: NodeState, since: Moment) -> Self {
        Self {
            node,
            state,
            since,
            session: None,
            joined: Revision::NONE,
            affinity: 0,
            effective_affinity: 0,
            target: 0,
            keys: 0,
            held: 0,
            stopping: 0,
            away: None,
            rollout: 0,
            left: false,
            last_beat: None,
            lease: Duration::ZERO,
            seen: Revision::NONE,
            balanced: Revision::NONE,
            prefixes: Vec::new(),
            labels: BTreeMap::new(),
            host: String::new(),
            build: String::new(),
            unconfirmed: Unconfirmed::default(),
            desired: None,
        }
    }
}

impl KeyStatus {
    /// A key in this phase, with defaults for all else.
    pub fn new(phase: Phase, since: Moment) -> Self {
        Self {
            owner: None,
            phase,
            to: None,
            token: Token::default(),
            quarantine: None,
            revision: Revision::NONE,
            since,
        }
    }
}

impl UnconfirmedStop {
    /// A stop that was sent at this moment.
    pub fn new(key: Key, token: Token, told: Moment) -> Self {
        Self { key, token, told, given: false }
    }
}

impl DesiredState {
    /// A node in that mode, by an operator's request that says nothing else.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            affinity: None,
            by: String::new(),
            reason: String::new(),
            at_ms: 0,
            revision: Revision::NONE,
            drain_id: None,
            deadline_ms: None,
            on_deadline: OnDeadline::Keep,
            parallel: DEFAULT_PARALLEL,
            paused: false,
            planned: Revision::NONE,
            drained_from: 0,
            adrift: 0,
            taken_over: 0,
        }
    }
}

impl DrainPreview {
    /// The preview of a drain without moves.
    pub fn new(revision: Revision) -> Self {
        Self { revision, moves: Vec::new(), receivers: Vec::new(), without_receiver: 0 }
    }

    /// Adds a move. Add its receiver with [`with_receiver`](Self::with_receiver).
    #[must_use]
    pub fn with_move(mut self, key: Key, from: NodeId, to: Option<NodeId>) -> Self {
        self.without_receiver += u64::from(to.is_none());
        self.moves.push(PlannedMove { key, from, to });
        self
    }

    /// Adds a node that has `now` keys and would get `adds` more.
    #[must_use]
    pub fn with_receiver(mut self, node: NodeId, now: u64, adds: u64) -> Self {
        self.receivers.push(Receiver { node, now, adds });
        self
    }
}

impl RebalancePreview {
    /// The preview of a rebalance without moves.
    pub fn new(revision: Revision) -> Self {
        Self { revision, shifts: Vec::new() }
    }

    /// Adds keys that would go from one node to another.
    #[must_use]
    pub fn with_shift(mut self, from: NodeId, to: NodeId, keys: u64) -> Self {
        self.shifts.push(Shift { from, to, keys });
        self
    }
}

impl Problem {
    /// An unreadable record, with the reason.
    pub fn new(name: impl Into<String>, revision: Revision, why: impl Into<String>) -> Self {
        Self { name: name.into(), revision, why: why.into() }
    }
}
