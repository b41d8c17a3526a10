//! What happened in a run, to detect runs that exercise nothing.

use std::ops::AddAssign;

/// How many times each happened.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) starts: u64,
    pub(super) stops: u64,
    pub(super) losts: u64,
    pub(super) fences: u64,
    pub(super) kills: u64,
    pub(super) handed: u64,
    pub(super) resyncs: u64,
    pub(super) faults: u64,
    pub(super) traps: u64,
    pub(super) losses: u64,
    pub(super) overlaps: u64,
    /// Processes that were told to restart.
    pub(super) restarts: u64,
    /// Takes of an orphan that were written over a claim.
    pub(super) taken: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.starts += other.starts;
        self.stops += other.stops;
        self.losts += other.losts;
        self.fences += other.fences;
        self.kills += other.kills;
        self.handed += other.handed;
        self.resyncs += other.resyncs;
        self.faults += other.faults;
        self.traps += other.traps;
        self.losses += other.losses;
        self.overlaps += other.overlaps;
        self.taken += other.taken;
        self.restarts += other.restarts;
    }
}
