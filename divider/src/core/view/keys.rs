//! The keys of a view: a slab, so that everything else names a key by four bytes.

use hashbrown::HashTable;

use super::owners::OwnerIx;
use crate::core::plan::key_hash;
use crate::core::time::Time;
use crate::id::{NodeId, Revision, Token};
use crate::key::Key;

/// A key's place in [`Keys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KeyIx(u32);

/// What the log says of one key, and where the plan puts it.
#[derive(Debug)]
pub(crate) struct KeyEntry {
    pub(crate) key: Key,
    pub(crate) hash: u64,
    /// The revision of its `key` record; none: the key does not exist (any more).
    pub(crate) announced: Revision,
    pub(crate) claim: Claim,
    /// Where the plan puts it, while that is not where it is. The planner's to write.
    pub(crate) target: OwnerIx,
    /// The session whose load counts this key. The planner's to write.
    pub(crate) counted: OwnerIx,
    /// Which of the members' prefixes it has. The planner's to write.
    pub(crate) signature: u16,
    /// The target is this node's own promise: a hand-over is on its way.
    pub(crate) pledged: bool,
    /// This node has business with it: the entry stays although the log knows nothing of it.
    pub(crate) pinned: bool,
    /// This node watches whether its planned owner takes it.
    pub(crate) watched: bool,
    /// Its place in its owner's list.
    at: u32,
    /// The snapshot that last showed its `key` and its `claim` record.
    stamps: (u32, u32),
}

/// What the log says of a key's owner.
#[derive(Debug, Default)]
pub(crate) struct Claim {
    /// The revision of the `claim` record, of its tombstone too.
    pub(crate) revision: Revision,
    /// The token in it; 0 where there is none.
    pub(crate) token: Token,
    /// The session that it names.
    pub(crate) owner: OwnerIx,
    /// There is a record, and not just its tombstone.
    pub(crate) exists: bool,
    /// The newest record cannot be read; owner and token are the last ones known.
    pub(crate) garbled: bool,
    /// Who released it lately.
    pub(crate) not: Option<Box<[NotUntil]>>,
}

/// A node that does not want a key, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotUntil {
    pub(crate) node: NodeId,
    pub(crate) until: Time,
}

impl Default for OwnerIx {
    fn default() -> Self {
        Self::NONE
    }
}

impl KeyEntry {
    fn new(key: Key, hash: u64) -> Self {
        Self {
            hash,
            key,
            announced: Revision::NONE,
            claim: Claim::default(),
            target: OwnerIx::NONE,
            counted: OwnerIx::NONE,
            signature: 0,
            pledged: false,
            pinned: false,
            watched: false,
            at: 0,
            stamps: (0, 0),
        }
    }

    /// Whether the key exists.
    pub(crate) fn exists(&self) -> bool {
        self.announced != Revision::NONE
    }

    fn is_idle(&self) -> bool {
        let wanted = self.pinned || self.watched || self.counted.is_some();
        !self.exists() && !self.claim.exists && !wanted
    }
}

/// All keys that the log, or this node, knows of.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    entries: Vec<Option<KeyEntry>>,
    free: Vec<u32>,
    /// The keys by their hash; the table holds no more than their places.
    index: HashTable<KeyIx>,
    announced: usize,
}

impl Keys {
    /// How many keys exist.
    pub(crate) fn announced(&self) -> usize {
        self.announced
    }

    pub(crate) fn find(&self, key: &Key) -> Option<KeyIx> {
        self.find_hashed(key_hash(key.as_str()), key)
    }

    fn find_hashed(&self, hash: u64, key: &Key) -> Option<KeyIx> {
        self.index.find(hash, |ix| self.get(*ix).is_some_and(|e| e.key == *key)).copied()
    }

    pub(crate) fn get(&self, ix: KeyIx) -> Option<&KeyEntry> {
        self.entries.get(ix.0 as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, ix: KeyIx) -> Option<&mut KeyEntry> {
        self.entries.get_mut(ix.0 as usize)?.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (KeyIx, &KeyEntry)> {
        (0u32..).zip(&self.entries).filter_map(|(at, e)| Some((KeyIx(at), e.as_ref()?)))
    }

    /// The key's place, made where there is none.
    pub(super) fn intern(&mut self, key: &Key) -> KeyIx {
        let hash = key_hash(key.as_str());
        if let Some(ix) = self.find_hashed(hash, key) {
            return ix;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            u32::try_from(self.entries.len() - 1).expect("fewer than 2^32 keys")
        });
        self.entries[at as usize] = Some(KeyEntry::new(key.clone(), hash));
        let entries = &self.entries;
        let hash_of = |ix: &KeyIx| entries[ix.0 as usize].as_ref().map_or(0, |e| e.hash);
        self.index.insert_unique(hash, KeyIx(at), hash_of);
        KeyIx(at)
    }

    /// Forgets the key if nothing is known of it any more.
    pub(crate) fn forget_if_idle(&mut self, ix: KeyIx) {
        let Some(slot) = self.entries.get_mut(ix.0 as usize) else { return };
        if let Some(entry) = slot.take_if(|entry| entry.is_idle()) {
            if let Ok(place) = self.index.find_entry(entry.hash, |found| *found == ix) {
                place.remove();
            }
            self.free.push(ix.0);
        }
    }

    /// Notes that the key exists as of a revision, or (none) that it does not.
    pub(super) fn set_announced(&mut self, ix: KeyIx, revision: Revision, snapshot: u32) {
        let Some(entry) = self.get_mut(ix) else { return };
        let (was, is) = (entry.exists(), revision != Revision::NONE);
        entry.announced = revision;
        entry.stamps.0 = snapshot;
        match (was, is) {
            (false, true) => self.announced += 1,
            (true, false) => self.announced -= 1,
            _ => {}
        }
    }

    pub(super) fn stamp_claim(&mut self, ix: KeyIx, snapshot: u32) {
        if let Some(entry) = self.get_mut(ix) {
            entry.stamps.1 = snapshot;
        }
    }

    /// The keys whose `key` record, and those whose `claim` record, the snapshot did not show.
    pub(super) fn not_in(&self, snapshot: u32) -> (Vec<KeyIx>, Vec<KeyIx>) {
        let gone = |of: fn(&KeyEntry) -> (bool, u32)| {
            self.iter()
                .filter(|(_, e)| {
                    let (exists, stamp) = of(e);
                    exists && stamp != snapshot
                })
                .map(|(ix, _)| ix)
                .collect()
        };
        (gone(|e| (e.exists(), e.stamps.0)), gone(|e| (e.claim.revision.0 != 0, e.stamps.1)))
    }
}

impl super::View {
    /// No key is planned for anybody.
    pub(crate) fn forget_targets(&mut self) {
        for entry in self.keys.entries.iter_mut().flatten() {
            entry.target = OwnerIx::NONE;
            entry.pledged = false;
        }
    }

    /// Changes who owns the key, in the key and in both owners' lists.
    pub(super) fn set_owner(&mut self, ix: KeyIx, owner: OwnerIx) {
        let Some(entry) = self.keys.get(ix) else { return };
        let (old, at) = (entry.claim.owner, entry.at as usize);
        if old == owner {
            return;
        }
        if let Some(old) = self.owners.get_mut(old) {
            old.keys.swap_remove(at);
            if let Some(&moved) = old.keys.get(at)
                && let Some(moved) = self.keys.get_mut(moved)
            {
                moved.at = u32::try_from(at).expect("fewer than 2^32 keys");
            }
        }
        let mut place = 0;
        if let Some(new) = self.owners.get_mut(owner) {
            place = new.keys.len();
            new.keys.push(ix);
        }
        if let Some(entry) = self.keys.get_mut(ix) {
            entry.claim.owner = owner;
            entry.at = u32::try_from(place).expect("fewer than 2^32 keys");
        }
    }
}
