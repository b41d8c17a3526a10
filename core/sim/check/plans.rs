//! Plans: equal views give equal plans, on every node and at every revision.

use std::collections::BTreeMap;

use super::Check;
use crate::id::Revision;
use crate::sim::world::World;

/// The plans at each revision, while they are compared.
#[derive(Debug, Default)]
pub(in crate::sim) struct Plans {
    on: bool,
    at: BTreeMap<Revision, (String, usize)>,
}

impl World {
    /// Compares plans from now on.
    pub(in crate::sim) fn compare_plans(&mut self) {
        self.checks.plans.on = true;
    }

    /// No longer compares plans. A node that hands keys over is ahead of the log.
    pub(in crate::sim) fn ignore_plans(&mut self) {
        self.checks.plans.on = false;
    }

    /// A process received a record. All processes that have seen the log up to it have the same plan.
    pub(in crate::sim) fn check_plan(&mut self, place: usize, revision: Revision) {
        if !self.checks.plans.on {
            return;
        }
        let Some(plan) = self.hosts[place].core.plan() else { return };
        let known = self.checks.plans.at.entry(revision).or_insert_with(|| (plan.clone(), place));
        if known.0 != plan {
            let (other, at) = known.clone();
            let what = format!("at {revision:?} {place} plans {plan}, and {at} {other}");
            self.violate(Check::Plans, what);
        }
    }
}
