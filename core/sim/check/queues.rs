//! Bounded queues: what a node keeps is bounded by the keys and nodes that there are.

use super::Check;
use crate::sim::world::World;

/// More keys than any run has.
const KEYS: usize = 48;

/// At each of how many events the books are looked at: it costs as much as there are keys.
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
            ("marks", sizes.marks, KEYS),
            ("sessions known", sizes.owners, KEYS + nodes * 8),
            ("proofs", sizes.proofs, KEYS + nodes * 8),
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

    /// Whether a process keeps its plan's books right: at every step of a story, and else now and then.
    pub(in crate::sim) fn check_books(&mut self, place: usize) {
        if let Some(wrong) = self.hosts[place].core.wrong_counts() {
            let id = self.hosts[place].id.clone();
            self.violate(Check::Plans, format!("{id} counts wrong: {wrong}"));
        }
    }
}
