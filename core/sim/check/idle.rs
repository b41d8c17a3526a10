//! Idle: a group that has nothing to do writes only heartbeats.

use std::time::Duration;

use super::Check;
use crate::sim::world::World;
use crate::wire::RecordName;

impl World {
    /// Whether a claim names a session of a node without a lease record. The length of its lease is
    /// unknown, so the proof of its death comes late.
    pub(in crate::sim) fn is_any_proved_late(&mut self) -> bool {
        let owners: Vec<_> = self.log.claims().filter_map(|claim| claim.owner).collect();
        owners.into_iter().any(|owner| {
            let lease = self.log.read(self.now, &RecordName::Lease(owner.node).to_string());
            lease.is_none_or(|record| record.value.is_none())
        })
    }

    fn business(&self) -> [u64; 5] {
        let written = |kind| self.log.written(kind) as u64;
        let counts = &self.counts;
        let (conflicts, resyncs) = (self.conflicts, counts.resyncs + counts.fences);
        // Another log may be noticed only when its state is read.
        let resyncs = if self.lost.is_some() { 0 } else { resyncs };
        [written("claim."), written("member."), written("key."), conflicts, resyncs]
    }

    pub(in crate::sim) fn check_idle(&mut self, span: Duration) {
        let before = self.business();
        self.run(span);
        let after = self.business();
        if after != before && self.violation.is_none() {
            let what = "claims, members, keys, conflicts, views read anew";
            self.violate(
                Check::Idle,
                format!("in an idle group {what} went from {before:?} to {after:?}"),
            );
        }
    }
}
