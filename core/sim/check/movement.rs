//! Minimal movement: a join moves only its share, a death moves only the keys of the dead node, and
//! no key moves twice.

use std::collections::BTreeMap;

use super::Check;
use crate::key::Key;
use crate::sim::world::World;

/// The owners before an event.
#[derive(Debug)]
pub(in crate::sim) struct Before {
    owners: BTreeMap<Key, Vec<usize>>,
    claims: usize,
    conflicts: u64,
}

impl World {
    pub(in crate::sim) fn before(&self) -> Before {
        let claims = self.log.written("claim.");
        Before { owners: self.runs(), claims, conflicts: self.conflicts }
    }

    /// The keys that have another owner now.
    fn moved(&self, before: &Before) -> Vec<Key> {
        let now = self.runs();
        let other = |(key, owners): &(&Key, &Vec<usize>)| now.get(*key) != Some(*owners);
        before.owners.iter().filter(other).map(|(key, _)| key.clone()).collect()
    }

    /// Only one claim for each moved key was written, and no write met a conflict.
    fn check_once(&mut self, before: &Before, moved: usize, what: &str) {
        let claims = self.log.written("claim.") - before.claims;
        let conflicts = self.conflicts - before.conflicts;
        if claims != moved || conflicts > 0 {
            let text =
                format!("{moved} keys moved for {what} with {claims} claims, {conflicts} in vain");
            self.violate(Check::Movement, text);
        }
    }

    /// A process joined a balanced group.
    pub(in crate::sim) fn check_join(&mut self, before: &Before) {
        let moved = self.moved(before).len();
        let up = self.hosts.iter().filter(|h| h.is_up()).count();
        let share = before.owners.len().div_ceil(up.max(1));
        if moved > share && !self.is_any_choosy() {
            let what = format!("{moved} of {} keys moved for one join", before.owners.len());
            self.violate(Check::Movement, what);
        }
        self.check_once(before, moved, "a join");
    }

    /// New keys were announced. The planned node took each of them once.
    pub(in crate::sim) fn check_new_keys(&mut self, before: &Before, count: usize) {
        self.check_once(before, count, "as many new keys");
    }

    /// A process restarted while its keys waited for it: it has exactly its own keys again.
    pub(in crate::sim) fn check_restart(&mut self, before: &Before, place: usize) {
        let had = before.owners.values().filter(|owners| owners.contains(&place)).count();
        let moved = self.moved(before).len();
        if moved > 0 {
            let what = format!("{moved} keys moved for a restart of one that had {had}");
            self.violate(Check::Movement, what);
        }
        self.check_once(before, had, "a restart");
    }

    /// All nodes were replaced by nodes of a later deploy: each key moved once.
    pub(in crate::sim) fn check_rollout(&mut self, before: &Before) {
        let (keys, moved) = (before.owners.len(), self.moved(before).len());
        if moved != keys {
            let what = format!("{moved} of {keys} keys moved in a rollout");
            self.violate(Check::Movement, what);
        }
        self.check_once(before, keys, "a rollout");
    }

    /// A process crashed.
    pub(in crate::sim) fn check_death(&mut self, before: &Before, place: usize) {
        let had = before.owners.values().filter(|owners| owners.contains(&place)).count();
        let moved = self.moved(before).len();
        if moved != had {
            let what = format!("{moved} keys moved for a death of one that had {had}");
            self.violate(Check::Movement, what);
        }
        self.check_once(before, moved, "a death");
    }
}
