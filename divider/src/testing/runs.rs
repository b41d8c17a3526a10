//! What the application saw: which handlers ran at the same time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::gate::Gate;
use crate::assignment::Assignment;
use crate::id::{NodeId, Token};
use crate::key::Key;

/// Two handlers that ran for one key at the same time, on two nodes or on one.
///
/// A handler runs from its call to the moment at which it has returned or was dropped. While its
/// node is paused, or after its crash, it does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overlap {
    /// The key.
    pub key: Key,
    /// The node and the fencing token of the handler that was called first.
    pub older: (NodeId, Token),
    /// The node and the fencing token of the handler that was called while the other ran, or before
    /// the other went on.
    pub newer: (NodeId, Token),
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, older, newer } = self;
        write!(f, "{key} ran on {} (token {}) and ", older.0, older.1)?;
        write!(f, "on {} (token {}) at the same time", newer.0, newer.1)
    }
}

/// The handlers of all nodes. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Runs(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    running: HashMap<Key, Vec<Entry>>,
    /// The newest that was ever called, of each key.
    newest: HashMap<Key, (NodeId, Token)>,
    overlaps: Vec<Overlap>,
}

#[derive(Debug)]
struct Entry {
    by: (NodeId, Token),
    gate: Gate,
}

impl Runs {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn overlaps(&self) -> Vec<Overlap> {
        self.lock().overlaps.clone()
    }

    /// A handler is called.
    pub(super) fn begin(&self, node: &NodeId, mine: &Assignment, gate: &Gate) -> RunGuard {
        let (key, by) = (mine.key().clone(), (node.clone(), mine.token()));
        let mut state = self.lock();
        let State { running, newest, overlaps } = &mut *state;
        let of_key = running.entry(key.clone()).or_default();
        for other in of_key.iter().filter(|other| other.by != by && other.gate.is_open()) {
            let older = other.by.clone();
            overlaps.push(Overlap { key: key.clone(), older, newer: by.clone() });
        }
        of_key.push(Entry { by: by.clone(), gate: gate.clone() });
        let last = newest.entry(key.clone()).or_insert_with(|| by.clone());
        if last.1 < by.1 {
            *last = by.clone();
        }
        drop(state);
        RunGuard { runs: self.clone(), key, by }
    }
}

/// Dropped when the handler has ended.
pub(super) struct RunGuard {
    runs: Runs,
    key: Key,
    by: (NodeId, Token),
}

impl RunGuard {
    /// The handler does a step.
    pub(super) fn step(&self) {
        let mut state = self.runs.lock();
        let Some(newer) = state.newest.get(&self.key).filter(|last| last.1 > self.by.1) else {
            return;
        };
        let (key, older, newer) = (self.key.clone(), self.by.clone(), newer.clone());
        let overlap = Overlap { key, older, newer };
        if !state.overlaps.contains(&overlap) {
            state.overlaps.push(overlap);
        }
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        if let Some(of_key) = self.runs.lock().running.get_mut(&self.key)
            && let Some(at) = of_key.iter().position(|entry| entry.by == self.by)
        {
            of_key.swap_remove(at);
        }
    }
}
