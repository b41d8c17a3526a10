//! The keys of a view. They are in a slab, so other tables refer to a key with four bytes.

use std::collections::HashMap;

use hashbrown::HashTable;

use super::entry::{CoolDownUntil, KeyEntry, KeyFlag};
use super::owners::OwnerIx;
use super::texts::Texts;
use crate::id::Revision;
use crate::key::Key;
use crate::plan::key_hash;
use crate::wire::{Failed, Quarantine};

/// The index of a key in [`Keys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyIx(u32);

impl KeyIx {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    #[cfg(test)]
    pub(crate) fn from_index(at: u32) -> Self {
        Self(at)
    }
}

/// All keys that the log has, or that this node works on.
#[derive(Debug, Default)]
pub struct Keys {
    entries: Vec<Option<KeyEntry>>,
    free: Vec<u32>,
    /// The keys by their hash. The table holds only their indices.
    index: HashTable<KeyIx>,
    texts: Texts,
    /// The nodes that are cooling down for a key. Few keys have such nodes.
    cooling_down: HashMap<KeyIx, Box<[CoolDownUntil]>>,
    /// The keys whose work has failed before. Few keys have that.
    failures: HashMap<KeyIx, Box<Failures>>,
    announced: usize,
    /// The existing keys that no node works on.
    quarantined: usize,
}

/// What the claim of a key says about its failures.
#[derive(Debug)]
struct Failures {
    failed: Failed,
    quarantine: Option<Quarantine>,
}

impl Keys {
    /// The number of keys that exist.
    pub fn announced(&self) -> usize {
        self.announced
    }

    /// The number of existing keys that are quarantined.
    pub fn quarantined(&self) -> usize {
        self.quarantined
    }

    /// The index of this key.
    pub fn find(&self, key: &Key) -> Option<KeyIx> {
        self.find_text(key.as_str())
    }

    /// The index of the key with this text.
    pub(super) fn find_text(&self, text: &str) -> Option<KeyIx> {
        self.find_hashed(key_hash(text), text)
    }

    fn find_hashed(&self, hash: u64, text: &str) -> Option<KeyIx> {
        let same = |entry: &KeyEntry| entry.hash == hash && self.texts.get(entry.text) == text;
        self.index.find(hash, |ix| self.get(*ix).is_some_and(same)).copied()
    }

    /// The text of the key.
    pub fn text(&self, ix: KeyIx) -> Option<&str> {
        Some(self.texts.get(self.get(ix)?.text))
    }

    /// The key, allocated from its text.
    pub fn key(&self, ix: KeyIx) -> Option<Key> {
        self.text(ix).map(Key::of_known)
    }

    /// The nodes that are cooling down for the key, including nodes whose time is over.
    pub fn cooling_down(&self, ix: KeyIx) -> &[CoolDownUntil] {
        if self.cooling_down.is_empty() {
            &[]
        } else {
            self.cooling_down.get(&ix).map_or(&[], |cool_downs| cool_downs)
        }
    }

    pub(super) fn set_cooling_down(&mut self, ix: KeyIx, cool_downs: Option<Box<[CoolDownUntil]>>) {
        match cool_downs {
            Some(cool_downs) => _ = self.cooling_down.insert(ix, cool_downs),
            None if self.cooling_down.is_empty() => {}
            None => _ = self.cooling_down.remove(&ix),
        }
    }

    /// How often the work on the key has failed in a row, by its claim.
    pub fn failed(&self, ix: KeyIx) -> Failed {
        self.failures(ix).map(|failures| failures.failed).unwrap_or_default()
    }

    /// Why no node works on the key, by its claim.
    pub fn quarantine(&self, ix: KeyIx) -> Option<&Quarantine> {
        self.failures(ix)?.quarantine.as_ref()
    }

    fn failures(&self, ix: KeyIx) -> Option<&Failures> {
        if self.failures.is_empty() { None } else { self.failures.get(&ix).map(|of| &**of) }
    }

    pub(super) fn set_failures(
        &mut self,
        ix: KeyIx,
        failed: Failed,
        quarantine: Option<Quarantine>,
    ) {
        let is = quarantine.is_some();
        if is || failed != Failed::default() {
            self.failures.insert(ix, Box::new(Failures { failed, quarantine }));
        } else if !self.failures.is_empty() {
            self.failures.remove(&ix);
        }
        let Some(entry) = self.get_mut(ix) else { return };
        let (was, exists) = (entry.is(KeyFlag::Quarantined), entry.exists());
        if was == is {
            return;
        }
        if is {
            entry.set(KeyFlag::Quarantined);
            self.quarantined += usize::from(exists);
        } else {
            entry.clear(KeyFlag::Quarantined);
            self.quarantined -= usize::from(exists);
        }
    }

    /// The entry of the key.
    pub fn get(&self, ix: KeyIx) -> Option<&KeyEntry> {
        self.entries.get(ix.0 as usize)?.as_ref()
    }

    /// The entry of the key, to change it.
    pub fn get_mut(&mut self, ix: KeyIx) -> Option<&mut KeyEntry> {
        self.entries.get_mut(ix.0 as usize)?.as_mut()
    }

    /// All keys, in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = (KeyIx, &KeyEntry)> {
        (0u32..).zip(&self.entries).filter_map(|(at, e)| Some((KeyIx(at), e.as_ref()?)))
    }

    /// The index of the key with this text. Adds the key if it is new.
    pub(super) fn intern(&mut self, text: &str) -> KeyIx {
        let hash = key_hash(text);
        if let Some(ix) = self.find_hashed(hash, text) {
            return ix;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            u32::try_from(self.entries.len() - 1).expect("fewer than 2^32 keys")
        });
        self.entries[at as usize] = Some(KeyEntry::new(self.texts.add(text), hash));
        let entries = &self.entries;
        let hash_of = |ix: &KeyIx| entries[ix.0 as usize].as_ref().map_or(0, |e| e.hash);
        self.index.insert_unique(hash, KeyIx(at), hash_of);
        KeyIx(at)
    }

    /// Removes the entry of the key if it holds no information any more.
    pub fn forget_if_idle(&mut self, ix: KeyIx) {
        let Some(slot) = self.entries.get_mut(ix.0 as usize) else { return };
        let Some(entry) = slot.take_if(|entry| entry.is_idle()) else { return };
        if let Ok(place) = self.index.find_entry(entry.hash, |found| *found == ix) {
            place.remove();
        }
        self.set_cooling_down(ix, None);
        if !self.failures.is_empty() {
            self.failures.remove(&ix);
        }
        self.free.push(ix.0);
        self.texts.remove(entry.text);
        if self.texts.is_sparse() {
            self.texts.keep(self.entries.iter_mut().flatten().map(|entry| &mut entry.text));
        }
    }

    /// Sets the revision of the `key` record. [`Revision::NONE`]: the key does not exist.
    pub(super) fn set_announced(&mut self, ix: KeyIx, revision: Revision) {
        let Some(entry) = self.get_mut(ix) else { return };
        let (was, is) = (entry.exists(), revision != Revision::NONE);
        entry.announced = revision;
        entry.set(KeyFlag::KeyShown);
        let quarantined = usize::from(entry.is(KeyFlag::Quarantined));
        match (was, is) {
            (false, true) => {
                self.announced += 1;
                self.quarantined += quarantined;
            }
            (true, false) => {
                self.announced -= 1;
                self.quarantined -= quarantined;
            }
            _ => {}
        }
    }

    /// Begins a snapshot, which has shown no key yet.
    pub(super) fn begin_snapshot(&mut self) {
        for entry in self.entries.iter_mut().flatten() {
            entry.clear(KeyFlag::KeyShown);
            entry.clear(KeyFlag::ClaimShown);
        }
    }

    /// The keys whose `key` record the snapshot did not show, and the keys whose claim it did not
    /// show.
    pub(super) fn not_shown(&self) -> (Vec<KeyIx>, Vec<KeyIx>) {
        let gone = |of: fn(&KeyEntry) -> bool| {
            self.iter().filter(|(_, entry)| of(entry)).map(|(ix, _)| ix).collect()
        };
        let no_key = |e: &KeyEntry| e.exists() && !e.is(KeyFlag::KeyShown);
        let no_claim = |e: &KeyEntry| e.claim.revision.0 != 0 && !e.is(KeyFlag::ClaimShown);
        (gone(no_key), gone(no_claim))
    }
}

impl super::View {
    /// Forgets all places and all counts of the plan.
    pub fn forget_targets(&mut self) {
        for entry in self.keys.entries.iter_mut().flatten() {
            entry.target = OwnerIx::NONE;
            entry.clear(KeyFlag::Pledged);
            entry.clear(KeyFlag::Owned);
        }
    }

    /// Changes the owner of the key, in its entry and in the lists of both owners.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_keys_leave_no_entry() {
        let mut keys = Keys::default();
        let stays = keys.intern("stays");
        keys.set_announced(stays, Revision(1));
        for round in 0..1_000 {
            let text = format!("a/key/with/quite/a/long/name/{round}");
            let ix = keys.intern(&text);
            assert_eq!(keys.intern(&text), ix);
            keys.set_announced(ix, Revision(2));
            keys.set_announced(ix, Revision(3));
            assert_eq!(keys.announced(), 2);
            keys.set_cooling_down(ix, Some(Box::new([])));
            keys.forget_if_idle(ix);
            assert_eq!((keys.find_text(&text), keys.text(ix)), (Some(ix), Some(&*text)));
            keys.set_announced(ix, Revision::NONE);
            keys.set_announced(ix, Revision::NONE);
            keys.forget_if_idle(ix);
            assert_eq!((keys.find_text(&text), keys.text(ix)), (None, None));
            assert_eq!(keys.announced(), 1);
        }
        assert_eq!((keys.entries.len(), keys.index.len(), keys.cooling_down.len()), (2, 1, 0));
        assert!(!keys.texts.is_sparse());
        assert_eq!((keys.find_text("stays"), keys.text(stays)), (Some(stays), Some("stays")));
    }

    #[test]
    fn cool_downs_are_kept_for_each_key() {
        let mut keys = Keys::default();
        let (one, other) = (keys.intern("one"), keys.intern("other"));
        let node = crate::id::NodeId::new("a").expect("a legal id");
        let not = CoolDownUntil { node, until: crate::time::Time(1) };
        keys.set_cooling_down(one, None);
        keys.set_cooling_down(one, Some(Box::new([not.clone()])));
        keys.set_cooling_down(other, None);
        assert_eq!((keys.cooling_down(one), keys.cooling_down(other)), (&[not][..], &[][..]));
        keys.set_cooling_down(one, None);
        assert!(keys.cooling_down.is_empty());
    }
}
