//! Two owners of one key. A store that keeps what it acknowledged never causes this. A store that loses
//! its tail, or is made again, may. Then the time is bounded, and one of the owners reports a problem.

use std::time::Duration;

use super::Check;
use crate::id::Token;
use crate::key::Key;
use crate::sim::event::Event;
use crate::sim::world::World;
use crate::time::Time;
use crate::timing::Timing;

/// The current overlaps, and the longest one.
#[derive(Debug, Default)]
pub(in crate::sim) struct Overlaps {
    open: Vec<Overlap>,
    /// In leases.
    pub(in crate::sim) longest: f64,
}

/// A key that two processes hold.
#[derive(Debug)]
pub(in crate::sim) struct Overlap {
    key: Key,
    sides: [Side; 2],
    since: Time,
    /// When the store had last lost a record at that time.
    lost: Time,
}

/// One run of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) struct Side {
    pub(in crate::sim) place: usize,
    pub(in crate::sim) epoch: u32,
    pub(in crate::sim) token: Token,
}

impl World {
    /// How long two owners may overlap after the store lost a record.
    ///
    /// The first owner notices the loss by its next heartbeat (at most a heartbeat later, with the
    /// attempts that time out), by its missing echo, or by the audit of its claims. Then it resyncs,
    /// and the key is lost. If it cannot resync, its lease ends.
    fn longest_overlap(&self) -> Duration {
        let timing = Timing::of(self.lease);
        self.lease * 2 + timing.heartbeat * 2 + timing.ack * 4
    }

    pub(in crate::sim) fn begin_overlap(&mut self, key: &Key, mine: Side, other: Side) {
        let sides = if mine.place < other.place { [mine, other] } else { [other, mine] };
        if self.checks.overlaps.open.iter().any(|known| known.key == *key && known.sides == sides) {
            return;
        }
        self.tell(|| format!("        two owners: {key} {sides:?}"));
        self.counts.overlaps += 1;
        let lost = self.lost.unwrap_or_default();
        self.checks.overlaps.open.push(Overlap { key: key.clone(), sides, since: self.now, lost });
        self.after(self.lease / 60, Event::Overlap);
    }

    fn holds_side(&self, key: &Key, side: Side) -> bool {
        let host = &self.hosts[side.place];
        let run = host.app.runs.get(key).filter(|run| run.token == side.token);
        host.epoch == side.epoch && run.is_some_and(|run| host.holds(self.now, run))
    }

    /// Checks every overlap: it has ended, or it has lasted too long.
    pub(in crate::sim) fn on_overlap(&mut self) {
        let longest = self.longest_overlap();
        for overlap in std::mem::take(&mut self.checks.overlaps.open) {
            let Overlap { key, sides, since, .. } = &overlap;
            let lasted = self.now.since(*since);
            if sides.iter().all(|side| self.holds_side(key, *side)) {
                if lasted > longest {
                    self.violate(
                        Check::OneOwner,
                        format!("{key} has two owners for {lasted:?}: {sides:?}"),
                    );
                }
                self.checks.overlaps.open.push(overlap);
            } else {
                let leases = lasted.div_duration_f64(self.lease);
                self.checks.overlaps.longest = self.checks.overlaps.longest.max(leases);
                self.check_reported(&overlap);
            }
        }
        if !self.checks.overlaps.open.is_empty() {
            self.after(self.lease / 60, Event::Overlap);
        }
    }

    /// If an overlap ended by itself, one of the two processes must have reported a problem, unless
    /// it was paused, ended for another reason, or could not report.
    fn check_reported(&mut self, overlap: &Overlap) {
        let told = |side: &Side| {
            let host = &self.hosts[side.place];
            let ended = host.epoch != side.epoch || host.ended.is_some() || host.paused.is_some();
            let run = host.app.runs.get(&overlap.key).filter(|run| run.token == side.token);
            let stopped = run.is_none_or(|run| run.lost_at.is_some());
            ended || stopped || host.alarmed >= overlap.lost
        };
        if !overlap.sides.iter().any(told) {
            let what = format!("nobody said that {} had two owners", overlap.key);
            self.violate(Check::OneOwner, what);
        }
    }
}
