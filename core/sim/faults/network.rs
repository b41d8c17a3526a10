//! Connections that lose messages.

use std::time::Duration;

use super::Fault;
use crate::sim::event::Event;
use crate::sim::world::World;

impl World {
    /// Messages, answers or both are lost for a while.
    pub(super) fn cut(&mut self, at: usize, (out, back): (bool, bool), span: Duration) {
        let link = &mut self.hosts[at].link;
        link.cut_out |= out;
        link.cut_in |= back;
        self.after(span, Event::Fault(Fault::Heal(at)));
    }

    pub(super) fn heal(&mut self, at: usize) {
        let link = &mut self.hosts[at].link;
        link.cut_out = false;
        link.cut_in = false;
        if self.rng.u8(..4) != 0 {
            self.break_watches(at);
        }
    }

    pub(super) fn silence_watches(&mut self, at: usize) {
        for feed in self.hosts[at].watches.values_mut() {
            feed.silent |= self.rng.bool();
        }
    }

    pub(super) fn silence_all(&mut self, at: usize) {
        for feed in self.hosts[at].watches.values_mut() {
            feed.silent = true;
        }
    }
}
