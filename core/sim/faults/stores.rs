//! A store that does not answer, or loses records.

use std::time::Duration;

use super::Fault;
use crate::sim::event::Event;
use crate::sim::log::Log;
use crate::sim::world::World;

impl World {
    /// The store has no leader for a while, as in an election.
    pub(super) fn outage(&mut self, span: Duration) {
        self.weather.down_until = self.weather.down_until.max(self.now + span);
        for at in 0..self.hosts.len() {
            if self.rng.bool() {
                self.break_watches(at);
            }
        }
    }

    pub(super) fn crash_store(&mut self, number: usize) {
        let mut rng = fastrand::Rng::with_seed(number as u64);
        let pick = |count| (rng.u8(..4) != 0).then(|| rng.usize(..count));
        let back = self.log.crash(self.now, self.lease * 6, pick);
        self.tell(|| format!("        back again: {back:?}"));
        for at in 0..self.hosts.len() {
            self.break_watches(at);
        }
    }

    /// The store loses acknowledged records.
    pub(super) fn lose(&mut self, how: impl FnOnce(&mut Log)) {
        self.lost = Some(self.now);
        self.counts.losses += 1;
        how(&mut self.log);
        self.forget_sessions();
    }

    pub(super) fn delete_group(&mut self, span: Duration) {
        if self.log.is_absent() {
            return;
        }
        self.lose(Log::delete);
        self.after(span, Event::Fault(Fault::Recreate));
    }

    pub(super) fn recreate_group(&mut self) {
        self.lose(Log::recreate);
        for at in 0..self.hosts.len() {
            self.break_watches(at);
        }
    }

    pub(super) fn resurrect(&mut self, number: usize) {
        let mut back = None;
        self.lose(|log| back = log.resurrect(number));
        self.tell(|| format!("        back again: {back:?}"));
    }
}
