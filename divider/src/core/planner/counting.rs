//! Counting: how many keys of each class every member has or is to have.

use super::Planner;
#[cfg(test)]
use crate::core::view::OwnerMap;
use crate::core::view::{KeyIx, OwnerIx, View};

impl Planner {
    /// Works the classes out, with what the open moves will change.
    pub(super) fn rebuild(&mut self) {
        self.classes.build(&self.standings);
        for (signature, from, to, keys) in self.moves.iter() {
            self.classes.adjust(signature, from, to, keys);
        }
    }

    /// Counts every key afresh, its signature included.
    pub(super) fn count_all(&mut self, view: &mut View) {
        let all: Vec<_> = view.keys.iter().map(|(ix, _)| ix).collect();
        for &ix in &all {
            let signature = view.keys.text(ix).map(|text| self.classes.signature(text).0);
            let Some(entry) = view.keys.get_mut(ix) else { continue };
            entry.counted = OwnerIx::NONE;
            entry.signature = signature.unwrap_or(u16::MAX);
        }
        // Once, and not for each signature that turns up.
        self.rebuild();
        for ix in all {
            self.recount(view, ix);
        }
    }

    /// Counts a key for whoever has it or is to have it.
    pub(super) fn recount(&mut self, view: &mut View, ix: KeyIx) {
        let (Some(entry), Some(text)) = (view.keys.get(ix), view.keys.text(ix)) else { return };
        let mut signature = entry.signature;
        if signature == u16::MAX || !entry.counted.is_some() && entry.exists() {
            let new;
            (signature, new) = self.classes.signature(text);
            if new {
                self.rebuild();
            }
        }
        let Some(entry) = view.keys.get_mut(ix) else { return };
        entry.signature = signature;
        let holder = match entry.target {
            _ if !entry.exists() => OwnerIx::NONE,
            target if target.is_some() => target,
            _ if self.members.contains(entry.claim.owner) => entry.claim.owner,
            _ => OwnerIx::NONE,
        };
        if entry.counted != holder {
            self.classes.shift(entry.signature, entry.counted, holder);
            entry.counted = holder;
        }
    }

    /// What is wrong with the counts, by counting everything afresh.
    #[cfg(test)]
    pub(crate) fn wrong_counts(&self, view: &View) -> Option<String> {
        let mut loads = vec![OwnerMap::<u64>::default(); self.classes.counted().len()];
        for (_, entry) in view.keys.iter().filter(|(_, e)| e.counted.is_some()) {
            *loads[usize::from(entry.signature)].entry(entry.counted) += 1;
        }
        let counted = self.classes.counted();
        if !loads.iter().zip(counted).all(|(left, right)| left.iter().eq(right.iter())) {
            return Some(format!("loads {:?} but keys say {loads:?}", self.classes.counted()));
        }
        for class in self.classes.all() {
            for (owner, candidate) in class.nodes.iter().zip(&class.candidates) {
                let mut load: i64 = 0;
                for signature in &class.signatures {
                    let keys = loads[usize::from(*signature)].get(*owner).copied().unwrap_or(0);
                    load += i64::try_from(keys).expect("few");
                }
                for (signature, from, to, keys) in self.moves.iter() {
                    let keys = i64::try_from(keys).expect("few");
                    if class.signatures.contains(&signature) {
                        load += i64::from(to == *owner) * keys - i64::from(from == *owner) * keys;
                    }
                }
                if i64::try_from(candidate.load).expect("few") != load.max(0) {
                    return Some(format!(
                        "{owner:?} has {} but ought to have {load}",
                        candidate.load
                    ));
                }
            }
        }
        None
    }
}
