//! What a node is told once, at its start.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::id::{NodeId, Session};

/// How many tombstones of a part of the names are worth a manifest: a list of at most 8 KiB.
pub const WORTH: usize = 256;

/// A node's settings. They do not change while it lives, but for its affinity.
pub struct Config {
    /// The node's name in the group.
    pub node: NodeId,
    /// Its affinity to begin with.
    pub affinity: u32,
    /// The prefixes of the keys it takes; none: every key.
    pub prefixes: Vec<String>,
    /// How long its lease lasts.
    pub lease: Duration,
    /// What it does when its id seems to be in use.
    pub join: JoinPolicy,
    /// Whether joins make running keys move.
    pub rebalance: RebalancePolicy,
    /// After how long an unconfirmed stop is handed over anyway; `None`: never.
    pub stop_timeout: Option<Duration>,
    /// How long a released key does not come back.
    pub cool_down: Duration,
    /// How many tombstones of a part of the names are worth a manifest.
    pub worth: usize,
    /// The operator's words about it.
    pub labels: BTreeMap<String, String>,
    /// The machine it runs on.
    pub host: String,
    /// The build that runs.
    pub build: String,
    /// Where new sessions come from; the core has no randomness of its own.
    pub sessions: Box<dyn FnMut() -> Session + Send>,
}

/// What a joining node does when a session that may be alive holds its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinPolicy {
    /// Watches that session for a lease, and takes its place if it is silent.
    Observe,
    /// Gives up at once.
    FailIfInUse,
    /// Takes its place at once.
    TakeOver,
}

/// Whether joins make running keys move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebalancePolicy {
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
