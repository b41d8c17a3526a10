//! One owner: no two processes hold a key at the same moment.

use super::Check;
use super::overlap::Side;
use crate::key::Key;
use crate::sim::world::World;

impl World {
    pub(in crate::sim) fn check_owner(&mut self, place: usize, key: &Key) {
        let holds = |at: usize| {
            let host = &self.hosts[at];
            let run = host.app.runs.get(key)?;
            let side = Side { place: at, epoch: host.epoch, token: run.token };
            (host.holds(self.now, run) && host.usurped.is_none()).then_some(side)
        };
        let Some(mine) = holds(place) else { return };
        let other = (0..self.hosts.len()).filter(|at| *at != place).find_map(holds);
        let Some(other) = other else { return };
        if self.lost.is_some() {
            return self.begin_overlap(key, mine, other);
        }
        let named = |side: Side| (self.hosts[side.place].id.clone(), side.token);
        let what = format!("{key} is held by {:?} and {:?}", named(mine), named(other));
        self.violate(Check::OneOwner, what);
    }

    /// Checks all keys of a process whose lease was extended. A process whose id was taken over is
    /// exempt for its lease at most.
    pub(in crate::sim) fn check_owners(&mut self, place: usize) {
        let keys: Vec<Key> = self.hosts[place].app.runs.keys().cloned().collect();
        for key in keys {
            self.check_owner(place, &key);
        }
        // A store that lost the take-over no longer shows it.
        if let Some(since) = self.hosts[place].usurped
            && self.now.since(since) > self.lease.mul_f64(1.02)
            && self.lost.is_none_or(|lost| lost < since)
        {
            let id = self.hosts[place].id.clone();
            self.violate(Check::OneOwner, format!("{id} goes on although its id was taken over"));
        }
    }
}
