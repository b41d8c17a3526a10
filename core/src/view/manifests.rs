//! The manifests: they show which records are superseded after a crash of the store.

use std::collections::{BTreeMap, HashMap};

use super::KeyEntry;
use super::leftovers::{Cause, hash_of};
use crate::guard::broken;
use crate::id::Revision;
use crate::wire::{ManifestRecord, Named, Part};

/// The manifests of the log. The content of a manifest stays true, so several manifests may cover a
/// name.
#[derive(Debug, Default)]
pub struct Manifests {
    by_part: HashMap<Part, (ManifestRecord, Revision)>,
    /// The number of manifests for each number of bits.
    by_bits: BTreeMap<u8, u32>,
    /// The parts whose manifest was overwritten or deleted, with the revision of that record.
    lost: BTreeMap<Part, Revision>,
    changes: u64,
}

impl Manifests {
    pub(super) fn clear(&mut self) {
        *self = Self { changes: self.changes + 1, ..Self::default() };
    }

    /// Adds a manifest. A manifest whose `upto` is not below its revision is from another log or
    /// forged, and is ignored.
    pub fn put(&mut self, part: Part, record: ManifestRecord, revision: Revision) {
        if record.upto >= revision {
            return self.lose(part, revision);
        }
        self.lost.remove(&part);
        if self.by_part.insert(part, (record, revision)).is_none() {
            *self.by_bits.entry(part.bits()).or_default() += 1;
        }
        self.changes += 1;
    }

    /// The part's record is unreadable or gone. The content of the manifest stays true, but nodes
    /// that start later do not know it.
    pub(super) fn lose(&mut self, part: Part, revision: Revision) {
        if self.by_part.contains_key(&part) {
            self.lost.insert(part, revision);
            self.changes += 1;
        }
    }

    /// A manifest that must be written again, and the revision that the write replaces.
    pub fn lost(&self) -> Option<(Part, Revision, &ManifestRecord)> {
        let (part, over) = self.lost.first_key_value()?;
        self.by_part.get(part).map(|(manifest, _)| (*part, *over, manifest))
    }

    /// The manifest of the part, and its revision.
    pub fn get(&self, part: Part) -> Option<(&ManifestRecord, Revision)> {
        self.by_part.get(&part).map(|(record, revision)| (record, *revision))
    }

    /// A number that changes with every new manifest.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether the record at this revision, of a name with this hash, is superseded.
    pub fn is_superseded(&self, hash: u64, revision: Revision) -> bool {
        let bits = self.by_bits.iter().filter(|(_, count)| **count > 0);
        let mut parts = bits.map(|(bits, _)| Part::of(hash, *bits));
        parts.any(|part| {
            let manifest = self.by_part.get(&part);
            manifest.is_some_and(|(manifest, _)| manifest.is_superseded(revision))
        })
    }

    /// Returns a checker for many names in the order of their hashes.
    pub fn in_order(&self) -> InOrder<'_> {
        let bits = self.by_bits.iter().filter(|(_, count)| **count > 0);
        let found = bits.map(|(bits, _)| self.found(Part::of(0, *bits))).collect();
        InOrder { manifests: self, found }
    }

    fn found(&self, part: Part) -> Found<'_> {
        (part, self.by_part.get(&part).map(|(manifest, _)| manifest))
    }

    fn is_name_superseded<K: AsRef<str>>(&self, name: &Named<K>, revision: Revision) -> bool {
        hash_of(name).is_some_and(|hash| self.is_superseded(hash, revision))
    }
}

/// A part, and its manifest if there is one.
type Found<'a> = (Part, Option<&'a ManifestRecord>);

/// Checks names in the order of their hashes, and looks up each manifest once.
pub struct InOrder<'a> {
    manifests: &'a Manifests,
    /// For each number of bits, the part that was used last.
    found: Vec<Found<'a>>,
}

impl InOrder<'_> {
    /// Whether the record at this revision, of a name with this hash, is superseded.
    pub fn is_superseded(&mut self, hash: u64, revision: Revision) -> bool {
        let manifests = self.manifests;
        self.found.iter_mut().any(|found| {
            if !found.0.covers(hash) {
                *found = manifests.found(Part::of(hash, found.0.bits()));
            }
            found.1.is_some_and(|manifest| manifest.is_superseded(revision))
        })
    }
}

impl super::View {
    /// Makes leftovers of superseded records at the end of a snapshot. A snapshot may show a record
    /// before the manifest that supersedes it.
    pub(super) fn drop_superseded(&mut self) {
        if self.manifests.by_part.is_empty() || broken!(SupersededIsGone) {
            return;
        }
        let manifests = &self.manifests;
        let is_back = |e: &KeyEntry| e.exists() && manifests.is_superseded(e.hash, e.announced);
        let back: Vec<_> = self.keys.iter().filter(|(_, e)| is_back(e)).map(|(ix, _)| ix).collect();
        for ix in back {
            self.leave_key(ix, Cause::Superseded);
        }
        let (manifests, leftovers) = (&self.manifests, &mut self.leftovers);
        self.members.retain(|node, member| {
            let name = Named::<&str>::Member(node.clone());
            let superseded = manifests.is_name_superseded(&name, member.revision);
            if superseded {
                leftovers.add(&name, member.revision, Cause::Superseded);
            }
            !superseded
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_in_order_agree_with_single_checks() {
        let mut manifests = Manifests::default();
        let mut rng = fastrand::Rng::with_seed(7);
        for bits in [0, 3, 3, 3, 4, 9, 9] {
            let mut live: Vec<_> = (1..100).filter(|_| rng.bool()).map(Revision).collect();
            live.retain(|_| rng.bool());
            let record = ManifestRecord { upto: Revision(rng.u64(1..100)), live };
            manifests.put(Part::of(rng.u64(..), bits), record, Revision(200));
        }
        let mut hashes: Vec<_> = (0..1_000).map(|_| rng.u64(..)).collect();
        hashes.sort_unstable();
        let mut in_order = manifests.in_order();
        for hash in hashes {
            let revision = Revision(rng.u64(1..110));
            let said = manifests.is_superseded(hash, revision);
            assert_eq!(in_order.is_superseded(hash, revision), said, "{hash:x} {revision:?}");
        }
    }
}
