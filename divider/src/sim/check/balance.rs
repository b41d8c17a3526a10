//! Balance: with equal affinities every process is within one key of its share.

use super::Check;
use crate::sim::world::World;

impl World {
    /// Whether some take only some of the keys, so that equal shares may be impossible.
    pub(in crate::sim) fn is_any_choosy(&self) -> bool {
        self.hosts.iter().any(|host| host.is_up() && !host.prefixes.is_empty())
    }

    pub(in crate::sim) fn check_balance(&mut self) {
        let mut held: Vec<usize> = Vec::new();
        for host in self.hosts.iter().filter(|h| h.is_up()) {
            held.push(host.app.runs.values().filter(|run| host.holds(self.now, run)).count());
        }
        let (Some(least), Some(most)) = (held.iter().min(), held.iter().max()) else { return };
        if most - least > 1 {
            self.violate(Check::Balance, format!("out of balance at the end: {held:?}"));
        }
    }
}
