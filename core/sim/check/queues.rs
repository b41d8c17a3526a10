//! Bounded queues: the tables of a node are bounded by the number of keys and nodes.

use super::Check;
use crate::sim::world::World;

/// More keys than any run has.
const KEYS: usize = 48;

/// The number of events between two checks of the counts. A check costs time for every key.
const RARELY: u64 = 64;

impl World {
    pub(in crate::sim) fn check_queues(&mut self, place: usize) {
        let sizes = self.hosts[place].core.sizes();
        let nodes = self.hosts.len() * 4;
        let bounds = [
            ("writes under way", sizes.writes, KEYS * 4 + nodes),
            ("reads under way", sizes.reads, KEYS * 4 + nodes),
            ("times set", sizes.later, KEYS * 40),
            ("unconfirmed runs", sizes.unconfirmed, KEYS),
            ("spent claims", sizes.spent, KEYS),
            ("sessions known", sizes.owners, KEYS + nodes * 8),
            ("sessions awaited", sizes.awaited, KEYS + nodes * 8),
        ];
        for (what, size, most) in bounds {
            if size > most {
                let id = self.hosts[place].id.clone();
                self.violate(Check::Queues, format!("{id} has {size} {what}"));
            }
        }
        if self.story.is_some() || self.queue.count().is_multiple_of(RARELY) {
            self.check_books(place);
        }
    }

    /// Checks the counts of a process's plan: at every step of a run with a story, otherwise
    /// sometimes.
    pub(in crate::sim) fn check_books(&mut self, place: usize) {
        if let Some(wrong) = self.hosts[place].core.wrong_counts() {
            let id = self.hosts[place].id.clone();
            self.violate(Check::Plans, format!("{id} counts wrong: {wrong}"));
        }
    }
}
