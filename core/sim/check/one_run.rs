//! One run: a process starts a key only after its earlier run is over, and only while it holds the key.

use super::Check;
use crate::key::Key;
use crate::sim::app::Run;
use crate::sim::world::World;

impl World {
    /// The application takes a start. There must be a lease.
    pub(in crate::sim) fn check_start(&mut self, place: usize, key: &Key) {
        let host = &self.hosts[place];
        if host.clock.read(self.now).at >= host.app.until {
            let id = host.id.clone();
            self.violate(Check::OneRun, format!("{id} starts {key} without a lease"));
        }
        self.check_announced(place, key);
    }

    /// The earlier run must be confirmed over.
    pub(in crate::sim) fn check_one_run(&mut self, place: usize, key: &Key, before: Option<Run>) {
        if before.is_some() {
            let id = self.hosts[place].id.clone();
            let what = format!("{id} starts {key} while an earlier run is not confirmed over");
            self.violate(Check::OneRun, what);
        }
    }
}
