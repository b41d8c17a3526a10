//! The items of a watch.

use super::{Moment, Snapshot};
use crate::id::NodeId;
use crate::key::Key;
use crate::store::StoreError;

/// A snapshot, and how it differs from the one before.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Update {
    /// The group now.
    pub snapshot: Snapshot,
    /// The differences.
    pub changed: Changed,
    /// The connection of the viewer to the log.
    pub link: Link,
}

/// The differences between a snapshot and the one before. Nothing else differs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Changed {
    /// Nodes that are new, different or gone, sorted. A heartbeat is a difference.
    pub nodes: Vec<NodeId>,
    /// Keys that are new, different or gone, sorted.
    pub keys: Vec<Key>,
    /// The list of problems.
    pub problems: bool,
    /// The freeze, the newest balance generation, or the nodes that are gone.
    pub group: bool,
    /// The link, or whether the snapshot is complete.
    pub link: bool,
}

impl Changed {
    /// Whether there is no difference.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The connection of a viewer to its group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Link {
    /// The watch is being opened.
    Opening,
    /// The snapshot of the log is being read.
    Reading {
        /// Records read so far.
        records: u64,
    },
    /// Everything is read, and each change follows.
    Live,
    /// Neither the watch nor the store says anything. It may be busy, or gone: nodes are not judged by
    /// their silence, and the snapshot stays as it was. It ends as `Live` or `Lost` within seconds.
    Silent {
        /// When the store was heard last.
        since: Moment,
    },
    /// The store is lost, and the next attempt will follow. The snapshot stays as it was; ages have no
    /// meaning.
    Lost {
        /// The error of the store.
        error: StoreError,
        /// Since when.
        since: Moment,
        /// How many attempts have failed since then.
        attempts: u32,
        /// When the next attempt is made.
        retry: Moment,
    },
}
