//! Balance: with equal affinities, no node has two keys more than another node that is eligible for one
//! of them, for any prefix.

use super::Check;
use crate::sim::world::World;

impl World {
    /// Whether some nodes have prefixes, so that equal shares may be impossible.
    pub(in crate::sim) fn is_any_choosy(&self) -> bool {
        self.hosts.iter().any(|host| host.is_up() && !host.prefixes.is_empty())
    }

    pub(in crate::sim) fn check_balance(&mut self) {
        let up = || self.hosts.iter().filter(|host| host.is_up());
        let runs = |host| {
            let host: &crate::sim::host::Host = host;
            host.app.runs.iter().filter(|(_, run)| host.holds(self.now, run)).map(|(key, _)| key)
        };
        let held: Vec<usize> = up().map(|host| runs(host).count()).collect();
        for (host, has) in up().zip(&held) {
            for (other, others) in up().zip(&held).filter(|(_, others)| **others + 1 < *has) {
                if let Some(key) = runs(host).find(|key| other.takes(key)) {
                    let prefixes = [&host.prefixes, &other.prefixes];
                    let what = format!("{key} is with one of {has}, not one of {others}");
                    self.violate(
                        Check::Balance,
                        format!("{what}, at the end: {held:?} {prefixes:?}"),
                    );
                    return;
                }
            }
        }
    }
}
