//! Obsolete records, until they are collected.

use std::collections::BTreeMap;

use crate::id::Revision;
use crate::plan::key_hash;
use crate::wire::Named;

/// Why a record is obsolete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It is a tombstone without a time to live.
    Deleted,
    /// Its time to live has passed.
    Expired,
    /// It was superseded, but a crash of the store shows it again.
    Superseded,
}

/// A record to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leftover {
    /// The hash of the key or node in its name.
    pub hash: u64,
    /// Its revision.
    pub revision: Revision,
    /// Why it can be collected.
    pub cause: Cause,
}

/// The leftovers, ordered by hash.
#[derive(Debug, Default)]
pub struct Leftovers {
    by_name: BTreeMap<(u64, Box<str>), Leftover>,
    changes: u64,
    collected: u64,
}

/// The hash that decides which part of the manifests covers the name. Manifests cover keys and
/// members. No other kind of record can come back with an effect.
pub fn hash_of<K: AsRef<str>>(name: &Named<K>) -> Option<u64> {
    match name {
        Named::Key(key) => Some(key_hash(key.as_ref())),
        Named::Member(node) => Some(key_hash(node.as_str())),
        _ => None,
    }
}

impl Leftovers {
    pub(super) fn clear(&mut self) {
        self.by_name.clear();
        self.changes += 1;
    }

    /// Adds the record of this name and revision.
    pub fn add<K: AsRef<str>>(&mut self, name: &Named<K>, revision: Revision, cause: Cause) {
        let Some(hash) = hash_of(name) else { return };
        let leftover = Leftover { hash, revision, cause };
        self.by_name.insert((hash, name.to_string().into()), leftover);
        self.changes += 1;
    }

    /// The name has a different record now. Returns whether it had a leftover.
    pub(super) fn remove<K: AsRef<str>>(&mut self, name: &Named<K>) -> bool {
        if self.by_name.is_empty() {
            return false;
        }
        let removed = hash_of(name)
            .is_some_and(|hash| self.by_name.remove(&(hash, name.to_string().into())).is_some());
        self.changes += u64::from(removed);
        removed
    }

    /// The name now has a tombstone that expires.
    pub(super) fn collect<K: AsRef<str>>(&mut self, name: &Named<K>) {
        self.collected += u64::from(self.remove(name));
    }

    /// The leftover of this name.
    pub fn get(&self, hash: u64, name: &str) -> Option<&Leftover> {
        self.by_name.get(&(hash, name.into()))
    }

    /// Whether there are no leftovers.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// A number that changes whenever the leftovers change.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The total number of leftovers that any node has collected.
    pub fn collected(&self) -> u64 {
        self.collected
    }

    /// All leftovers with their names, ordered by hash.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Leftover)> {
        self.by_name.iter().map(|((_, name), leftover)| (&**name, leftover))
    }
}
