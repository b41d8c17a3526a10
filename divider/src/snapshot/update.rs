//! What a watch yields.

use super::{Moment, Snapshot};
use crate::id::NodeId;
use crate::key::Key;
use crate::store::StoreError;

/// A snapshot, and what is different from the one before.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Update {
    /// The group now.
    pub snapshot: Snapshot,
    /// What is different.
    pub changed: Changed,
    /// How the viewer hears of the group.
    pub link: Link,
}

/// What is different between a snapshot and the one before: nothing but these.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Changed {
    /// Nodes that are new, different or gone, sorted. A heartbeat is a difference.
    pub nodes: Vec<NodeId>,
    /// Keys that are new, different or gone, sorted.
    pub keys: Vec<Key>,
    /// The list of problems.
    pub problems: bool,
    /// The freeze, or the newest balance generation.
    pub group: bool,
    /// The link, or whether the snapshot is complete.
    pub link: bool,
}

impl Changed {
    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How a viewer hears of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Link {
    /// It asks the store.
    Opening,
    /// It reads what is there.
    Reading {
        /// Records read so far.
        records: u64,
    },
    /// It has read everything, and hears of each change.
    Live,
    /// It lost the store, and will try again. The snapshot stays what it was; ages mean nothing.
    Lost {
        /// What the store said.
        error: StoreError,
        /// Since when.
        since: Moment,
        /// How many attempts have failed since then.
        attempts: u32,
        /// When the next one is.
        retry: Moment,
    },
}
