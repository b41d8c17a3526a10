//! The runs of a node by key.

use hashbrown::HashTable;

use crate::assignment::Assignment;
use crate::event::Reason;
use crate::key::Key;
use divider_core::plan::key_hash;
use divider_core::time::Time;

/// A run that has started or is to start, and is not confirmed to be over.
#[derive(Debug)]
pub(super) struct RunEntry {
    pub(super) assignment: Assignment,
    pub(super) phase: Phase,
}

/// How far a run is.
#[derive(Debug)]
pub(super) enum Phase {
    /// The application has not taken the start. This is its number in `starts`.
    Untold(u64),
    /// The application took the start.
    Running,
    /// It has to stop.
    Ending(Box<Ending>),
}

impl Phase {
    /// The number of the first stop that the application was told.
    pub(super) fn first_stop(&self) -> Option<u64> {
        match self {
            Self::Ending(ending) => Some(ending.first),
            Self::Untold(_) | Self::Running => None,
        }
    }
}

/// The newest stop or loss of a run.
#[derive(Debug)]
pub(super) struct Ending {
    /// Its number in `ends`, if the application has not taken it.
    pub(super) waits: Option<u64>,
    /// The number of the first stop that the application was told of this run.
    pub(super) first: u64,
    pub(super) reason: Reason,
    pub(super) deadline: Option<Time>,
}

/// The runs by key. The table has no copy of a key: each run has its own.
#[derive(Debug, Default)]
pub(super) struct Runs(HashTable<RunEntry>);

impl Runs {
    pub(super) fn get(&self, key: &Key) -> Option<&RunEntry> {
        self.0.find(key_hash(key.as_str()), |run| run.assignment.key() == key)
    }

    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut RunEntry> {
        self.0.find_mut(key_hash(key.as_str()), |run| run.assignment.key() == key)
    }

    /// Adds a run. Its key must have none.
    pub(super) fn insert(&mut self, run: RunEntry) {
        let hash_of = |run: &RunEntry| key_hash(run.assignment.key().as_str());
        self.0.insert_unique(hash_of(&run), run, hash_of);
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<RunEntry> {
        let same = |run: &RunEntry| run.assignment.key() == key;
        let found = self.0.find_entry(key_hash(key.as_str()), same).ok()?;
        Some(found.remove().0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &RunEntry> {
        self.0.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
