//! Counts the keys of each class for every member, including the keys planned for it.

use super::Planner;
use crate::view::{KeyFlag, KeyIx, OwnerIx, View};

impl Planner {
    /// Computes the classes, including the changes by open moves.
    pub(super) fn rebuild(&mut self) {
        self.classes.build(&self.standings);
        for (signature, from, to, keys) in self.moves.iter() {
            self.classes.adjust(signature, from, to, keys);
        }
    }

    /// Counts every key again, and computes its signature.
    pub(super) fn count_all(&mut self, view: &mut View) {
        let all: Vec<_> = view.keys.iter().map(|(ix, _)| ix).collect();
        for &ix in &all {
            let signature = view.keys.text(ix).map(|text| self.classes.signature(text).0);
            let Some(entry) = view.keys.get_mut(ix) else { continue };
            entry.counted = OwnerIx::NONE;
            entry.signature = signature.unwrap_or(u16::MAX);
        }
        // The classes are built once, not for each new signature.
        self.rebuild();
        for ix in all {
            self.recount(view, ix);
        }
    }

    /// New prefixes were added. Computes the signatures of the keys that match one of them.
    pub(super) fn sign_again(&mut self, view: &mut View, prefixes: Vec<String>) {
        let mut stale = vec![false; self.classes.signatures()];
        for prefix in prefixes {
            if let Some(signature) = self.classes.learn(prefix) {
                stale[usize::from(signature)] = true;
            }
        }
        let is_stale = |signature: u16| stale.get(usize::from(signature)).is_some_and(|is| *is);
        let of_stale = view.keys.iter().filter(|(_, entry)| is_stale(entry.signature));
        let keys: Vec<_> = of_stale.map(|(ix, _)| ix).collect();
        for ix in keys {
            let Some(signature) = view.keys.text(ix).map(|text| self.classes.signature(text).0)
            else {
                continue;
            };
            let Some(entry) = view.keys.get_mut(ix) else { continue };
            if entry.signature != signature && entry.counted.is_some() {
                self.classes.count(entry.signature, entry.counted, OwnerIx::NONE);
                self.classes.count(signature, OwnerIx::NONE, entry.counted);
            }
            entry.signature = signature;
        }
    }

    /// Counts a key for its planned session, or else for the session that owns it.
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
        let owned = entry.exists() && self.members.contains(entry.claim.owner);
        if owned != entry.is(KeyFlag::Owned) {
            if owned {
                entry.set(KeyFlag::Owned);
                self.owned += 1;
            } else {
                entry.clear(KeyFlag::Owned);
                self.owned -= 1;
            }
        }
        let holder = match entry.target {
            _ if !entry.exists() => OwnerIx::NONE,
            target if target.is_some() => target,
            _ if owned => entry.claim.owner,
            _ => OwnerIx::NONE,
        };
        if entry.counted != holder {
            self.classes.shift(entry.signature, entry.counted, holder);
            entry.counted = holder;
        }
    }
}
