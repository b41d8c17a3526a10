//! Checks the counts of a plan against a recount, for tests.

use std::collections::BTreeSet;

use super::Planner;
use super::grouping::Grouping;
use super::placing::is_quarantined;
use crate::view::{KeyEntry, KeyFlag, KeyIx, OwnerIx, OwnerMap, View};

impl Planner {
    /// The first difference between a recount and the counts or lists.
    pub fn wrong_counts(&self, view: &View) -> Option<String> {
        wrong_lists(view)
            .or_else(|| self.wrong_keys(view))
            .or_else(|| self.wrong_waiting(view))
            .or_else(|| self.wrong_targets(view))
            .or_else(|| self.wrong_loads(view))
            .or_else(|| self.wrong_owned(view))
            .or_else(|| self.classes.now().wrong_totals())
    }

    /// Checks the number of keys without an owner.
    fn wrong_owned(&self, view: &View) -> Option<String> {
        let unowned = view.keys.iter().filter(|(ix, _)| self.is_orphan(view, *ix)).count();
        let counted = self.unowned(view);
        (unowned != counted).then(|| format!("{counted} without an owner, but {unowned} are"))
    }

    /// Checks the session that each key counts for. Also checks that every key that needs a place
    /// has one or waits.
    fn wrong_keys(&self, view: &View) -> Option<String> {
        let departs = |owner| self.standings.values().find(|s| s.owner == owner).map(|s| s.departs);
        view.keys.iter().find_map(|(ix, entry)| {
            let departs = departs(entry.claim.owner);
            let member = departs.map_or(OwnerIx::NONE, |_| entry.claim.owner);
            let holder = if entry.target.is_some() { entry.target } else { member };
            let holder = if entry.exists() { holder } else { OwnerIx::NONE };
            if entry.counted != holder {
                return Some(format!("{entry:?} is not counted for {holder:?}"));
            }
            let place = (entry.hash, ix);
            let waits = self.waiting.contains(&place) || self.stranded.contains(&place);
            let moves = entry.target.is_some() || waits || entry.is(KeyFlag::Pledged);
            let has_to = entry.exists() && departs != Some(false) && !is_quarantined(entry);
            if entry.is(KeyFlag::Pledged) && !entry.target.is_some() {
                return Some(format!("{entry:?} is promised to nobody"));
            }
            if has_to != moves && !entry.is(KeyFlag::Pledged) {
                let to_do = if has_to { "nowhere to go" } else { "no reason to go" };
                return Some(format!("{entry:?} has {to_do}"));
            }
            None
        })
    }

    /// Checks that keys that wait for a join, or are stranded, have no place.
    fn wrong_waiting(&self, view: &View) -> Option<String> {
        let placed = |ix| view.keys.get(ix).is_none_or(|entry| entry.target.is_some());
        let waiting = self.waiting.iter().map(|(_, ix)| *ix);
        let idle = waiting.filter(|ix| placed(*ix) || !self.is_orphan(view, *ix));
        let idle = idle.chain(self.stranded.iter().map(|(_, ix)| *ix).filter(|ix| placed(*ix)));
        idle.map(|ix| format!("{ix:?} waits, and need not")).next()
    }

    /// Checks the keys that are planned for each session.
    fn wrong_targets(&self, view: &View) -> Option<String> {
        let all: BTreeSet<KeyIx> = self.targeted.all(view).into_iter().collect();
        let planned = keys_where(view, |key| key.target.is_some());
        if all != planned {
            return Some(format!("{planned:?} are planned, but {all:?} are listed"));
        }
        view.owners.iter().find_map(|(owner, _)| {
            let listed: BTreeSet<KeyIx> = self.targeted.of(view, owner).collect();
            let planned = keys_where(view, |key| key.target == owner);
            (listed != planned || self.targeted.len(owner) != planned.len()).then(|| {
                let len = self.targeted.len(owner);
                format!("{planned:?} are planned for {owner:?}, but {len} are {listed:?}")
            })
        })
    }

    /// Checks the loads of the classes.
    fn wrong_loads(&self, view: &View) -> Option<String> {
        let mut loads = vec![OwnerMap::<u64>::default(); self.classes.counted().len()];
        for (_, entry) in view.keys.iter().filter(|(_, e)| e.counted.is_some()) {
            *loads[usize::from(entry.signature)].entry(entry.counted) += 1;
        }
        let counted = self.classes.counted();
        if !loads.iter().zip(counted).all(|(left, right)| left.iter().eq(right.iter())) {
            return Some(format!("loads {:?} but keys say {loads:?}", self.classes.counted()));
        }
        for class in self.classes.now().all() {
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

impl Grouping {
    /// Checks the number of each node's keys over all classes, and the number of its classes that
    /// have keys.
    fn wrong_totals(&self) -> Option<String> {
        let fresh = Self::new(self.all().to_vec(), Vec::new(), std::iter::empty());
        let totals = |of: &Self| format!("{:?}", of.totals());
        let (counted, want) = (totals(self), totals(&fresh));
        (counted != want).then(|| format!("nodes have {counted}, but classes say {want}"))
    }
}

/// Checks the list of each owner's keys, and the number of keys that exist.
fn wrong_lists(view: &View) -> Option<String> {
    let exist = view.keys.iter().filter(|(_, entry)| entry.exists()).count();
    if view.keys.announced() != exist {
        return Some(format!("{} keys, but {exist} exist", view.keys.announced()));
    }
    view.owners.iter().find_map(|(owner, entry)| {
        let listed: BTreeSet<KeyIx> = entry.keys.iter().copied().collect();
        let owned = keys_where(view, |key| key.claim.owner == owner);
        (listed != owned).then(|| format!("{owner:?} owns {owned:?}, but {listed:?} is listed"))
    })
}

fn keys_where(view: &View, so: impl Fn(&KeyEntry) -> bool) -> BTreeSet<KeyIx> {
    view.keys.iter().filter(|(_, entry)| so(entry)).map(|(ix, _)| ix).collect()
}
