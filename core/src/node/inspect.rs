//! The internal state of a node that tests may see.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Node;
use crate::id::Revision;
use crate::view::{KeyEntry, KeyFlag};
use crate::wire::RecordName;

/// The number of entries in each table of a node.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub writes: usize,
    pub reads: usize,
    pub later: usize,
    pub unconfirmed: usize,
    pub spent: usize,
    pub owners: usize,
    pub awaited: usize,
}

impl Node {
    /// The revision up to which the view has followed the log. `None` while the view is incomplete.
    pub fn seen(&self) -> Option<Revision> {
        self.watch.is_live().then_some(self.view.seen)
    }

    /// The number of temporary entries of each kind.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            writes: self.io.writes.len(),
            reads: self.io.reads.len(),
            later: self.keys.waiting(),
            unconfirmed: self.keys.holds.notes.sizes().0,
            spent: self.keys.holds.notes.sizes().1,
            owners: self.view.owners.count(),
            awaited: self.peers.awaited(),
        }
    }

    /// What is wrong with the plan's counts, if anything.
    pub fn wrong_counts(&self) -> Option<String> {
        let plan = || self.planner.wrong_counts(&self.view);
        self.keys.holds.wrong_tally().or_else(|| self.watch.is_live().then(plan).flatten())
    }

    /// The records that the view knows, with their revisions. `None` while the view is incomplete.
    pub fn known(&self) -> Option<BTreeMap<String, Revision>> {
        if !self.watch.is_live() {
            return None;
        }
        let mut known = BTreeMap::new();
        for (ix, entry) in self.view.keys.iter() {
            let Some(key) = self.view.keys.key(ix) else { continue };
            if entry.exists() {
                known.insert(RecordName::Key(key.clone()).to_string(), entry.announced);
            }
            if entry.claim.exists && !entry.claim.unreadable {
                let name = RecordName::Claim(key).to_string();
                known.insert(name, entry.claim.revision);
            }
        }
        for (node, member) in &self.view.members {
            known.insert(RecordName::Member(node.clone()).to_string(), member.revision);
        }
        for (node, control) in &self.view.controls {
            known.insert(RecordName::Control(node.clone()).to_string(), control.revision);
        }
        Some(known)
    }

    /// The names of the known unreadable records.
    pub fn problems(&self) -> BTreeSet<String> {
        self.view.problems.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The planned owner of every key, as text. `None` while the view is incomplete.
    pub fn plan(&self) -> Option<String> {
        if !self.watch.is_live() {
            return None;
        }
        let node = |owner| self.view.owners.get(owner).map(|o| o.node.to_string());
        let keyed = |(ix, entry)| Some((self.view.keys.key(ix)?, entry));
        let mut keys: Vec<(_, &KeyEntry)> = self.view.keys.iter().filter_map(keyed).collect();
        keys.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut plan = String::new();
        // Only this node knows the receiver of a key that it has pledged.
        for (key, entry) in keys.into_iter().filter(|(_, entry)| !entry.is(KeyFlag::Pledged)) {
            if let Some(target) = node(entry.target) {
                let _ = write!(plan, "{key} to {target}, ");
            }
        }
        Some(plan)
    }
}
