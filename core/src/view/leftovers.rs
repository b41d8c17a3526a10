//! Records of names of which nothing exists any more, until they are collected.

use std::collections::BTreeMap;

use crate::id::Revision;
use crate::plan::key_hash;
use crate::wire::Named;

/// Why a record is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It is a tombstone that the store keeps for ever.
    Deleted,
    /// What it says has ended by itself.
    Expired,
    /// It was superseded, and a crash of the store brought it back.
    Superseded,
}

/// A record to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leftover {
    /// The hash of what its name is about.
    pub hash: u64,
    /// Its revision.
    pub revision: Revision,
    /// Why it is to be collected.
    pub cause: Cause,
}

/// The leftovers, in the order of their hashes.
#[derive(Debug, Default)]
pub struct Leftovers {
    by_name: BTreeMap<(u64, Box<str>), Leftover>,
    changes: u64,
    collected: u64,
}

/// The hash that says in which part of the manifests a name is. They list keys and members: no other
/// record counts once its last one is gone.
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

    /// The name's record at this revision is of no use.
    pub fn add<K: AsRef<str>>(&mut self, name: &Named<K>, revision: Revision, cause: Cause) {
        let Some(hash) = hash_of(name) else { return };
        let leftover = Leftover { hash, revision, cause };
        self.by_name.insert((hash, name.to_string().into()), leftover);
        self.changes += 1;
    }

    /// The name has another record now; whether there was a leftover of it.
    pub(super) fn remove<K: AsRef<str>>(&mut self, name: &Named<K>) -> bool {
        if self.by_name.is_empty() {
            return false;
        }
        let removed = hash_of(name)
            .is_some_and(|hash| self.by_name.remove(&(hash, name.to_string().into())).is_some());
        self.changes += u64::from(removed);
        removed
    }

    /// The name has a tombstone now that goes by itself.
    pub(super) fn collect<K: AsRef<str>>(&mut self, name: &Named<K>) {
        self.collected += u64::from(self.remove(name));
    }

    /// The leftover of this name.
    pub fn get(&self, hash: u64, name: &str) -> Option<&Leftover> {
        self.by_name.get(&(hash, name.into()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// A number that is another one whenever there are others.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// How many were ever collected, by anybody.
    pub fn collected(&self) -> u64 {
        self.collected
    }

    /// All of them with their names, in the order of the hashes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Leftover)> {
        self.by_name.iter().map(|((_, name), leftover)| (&**name, leftover))
    }
}
