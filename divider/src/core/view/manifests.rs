//! What manifests say: which records were superseded, whatever a crash of the store brought back.

use std::collections::{BTreeMap, HashMap};

use super::KeyEntry;
use super::leftovers::{Cause, hash_of};
use crate::core::guard::broken;
use crate::id::Revision;
use crate::wire::{ManifestRecord, Named, Part};

/// The manifests of the log. What one says is true for ever, so that several may speak of a name.
#[derive(Debug, Default)]
pub(crate) struct Manifests {
    by_part: HashMap<Part, (ManifestRecord, Revision)>,
    /// How many there are of each fineness.
    by_bits: BTreeMap<u8, u32>,
    changes: u64,
}

impl Manifests {
    pub(super) fn clear(&mut self) {
        *self = Self { changes: self.changes + 1, ..Self::default() };
    }

    /// Takes one in. One that speaks of what comes after it is of another log, or forged.
    pub(crate) fn put(&mut self, part: Part, record: ManifestRecord, revision: Revision) {
        if record.upto >= revision {
            return;
        }
        if self.by_part.insert(part, (record, revision)).is_none() {
            *self.by_bits.entry(part.bits()).or_default() += 1;
        }
        self.changes += 1;
    }

    pub(super) fn remove(&mut self, part: Part) {
        if self.by_part.remove(&part).is_some()
            && let Some(count) = self.by_bits.get_mut(&part.bits())
        {
            *count -= 1;
        }
    }

    /// The part's manifest, and its revision.
    pub(crate) fn get(&self, part: Part) -> Option<(&ManifestRecord, Revision)> {
        self.by_part.get(&part).map(|(record, revision)| (record, *revision))
    }

    /// A number that is another one whenever there is a newer manifest.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether a record at this revision, of a name with this hash, was superseded.
    pub(crate) fn is_superseded(&self, hash: u64, revision: Revision) -> bool {
        let bits = self.by_bits.iter().filter(|(_, count)| **count > 0);
        let mut parts = bits.map(|(bits, _)| Part::of(hash, *bits));
        parts.any(|part| {
            let manifest = self.by_part.get(&part);
            manifest.is_some_and(|(manifest, _)| manifest.is_superseded(revision))
        })
    }

    fn is_name_superseded<K: AsRef<str>>(&self, name: &Named<K>, revision: Revision) -> bool {
        hash_of(name).is_some_and(|hash| self.is_superseded(hash, revision))
    }
}

impl super::View {
    /// A snapshot shows a record before the manifest that tells that it was superseded: at its end
    /// those are taken out, and are leftovers from then on.
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
