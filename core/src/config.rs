//! The settings of a node, fixed at its start.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::id::{NodeId, Session};

/// Default of [`Config::worth`]. With it a manifest has at most 8 KiB.
pub const WORTH: usize = 256;

/// The settings of a node. They are constant while it lives, except for the affinity.
pub struct Config {
    /// The node's id in the group.
    pub node: NodeId,
    /// The affinity at the start. 0: the node takes no keys.
    pub affinity: u32,
    /// The node takes keys that begin with one of these. Empty: all keys.
    pub prefixes: Vec<String>,
    /// The length of the lease, 300 ms to 5 min.
    pub lease: Duration,
    /// What the node does if its id seems to be in use.
    pub join: JoinPolicy,
    /// Whether joins move running keys.
    pub rebalance: RebalancePolicy,
    /// The number of the deploy that the node belongs to. Later deploys have higher numbers. 0: none.
    pub rollout: u64,
    /// The time after which a key is given away although its stop is not confirmed. `None`: never.
    pub stop_timeout: Option<Duration>,
    /// How long a released key stays away from this node. Readers count at most 1 h.
    pub cool_down: Duration,
    /// How many tombstones in one part of the names make a manifest worth its write.
    pub worth: usize,
    /// Labels for operators.
    pub labels: BTreeMap<String, String>,
    /// The name of the machine.
    pub host: String,
    /// The name and version of the build.
    pub build: String,
    /// Makes the random ids of new sessions. The core has no randomness of its own.
    pub sessions: Box<dyn FnMut() -> Session + Send>,
}

/// What a joining node does if a session that may be alive has its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinPolicy {
    /// Observes that session for the length of its lease, and takes the id if the lease stays
    /// unchanged.
    Observe,
    /// Ends at once.
    FailIfInUse,
    /// Takes the id at once.
    TakeOver,
}

/// Whether joins move running keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebalancePolicy {
    /// Each settled join starts a balance generation.
    OnJoin,
    /// Only the record `rebalance` starts one.
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
