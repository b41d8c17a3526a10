//! What a node is told once, at its start.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::id::{NodeId, Session};

/// How many tombstones of a part of the names are worth a manifest: a list of at most 8 KiB.
pub(crate) const WORTH: usize = 256;

/// A node's settings. They do not change while it lives, but for its affinity.
pub(crate) struct Config {
    /// The node's name in the group.
    pub(crate) node: NodeId,
    /// Its affinity to begin with.
    pub(crate) affinity: u32,
    /// The prefixes of the keys it takes; none: every key.
    pub(crate) prefixes: Vec<String>,
    /// How long its lease lasts.
    pub(crate) lease: Duration,
    /// What it does when its id seems to be in use.
    pub(crate) join: JoinPolicy,
    /// Whether joins make running keys move.
    pub(crate) rebalance: RebalancePolicy,
    /// After how long an unconfirmed stop is handed over anyway; `None`: never.
    pub(crate) stop_timeout: Option<Duration>,
    /// How long a released key does not come back.
    pub(crate) cool_down: Duration,
    /// How many tombstones of a part of the names are worth a manifest.
    pub(crate) worth: usize,
    /// The operator's words about it.
    pub(crate) labels: BTreeMap<String, String>,
    /// The machine it runs on.
    pub(crate) host: String,
    /// The build that runs.
    pub(crate) build: String,
    /// Where new sessions come from; the core has no randomness of its own.
    pub(crate) sessions: Box<dyn FnMut() -> Session + Send>,
}

/// What a joining node does when a session that may be alive holds its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinPolicy {
    /// Watches that session for a lease, and takes its place if it is silent.
    Observe,
    /// Gives up at once.
    FailIfInUse,
    /// Takes its place at once.
    TakeOver,
}

/// Whether joins make running keys move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RebalancePolicy {
    /// Each settled join is a balance generation.
    OnJoin,
    /// Only the operator's `rebalance` is one.
    Manual,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("node", &self.node)
            .field("affinity", &self.affinity)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
