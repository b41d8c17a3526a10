//! The same view is the same plan, on every node and at every revision.

use std::collections::BTreeMap;

use super::Check;
use crate::id::Revision;
use crate::sim::world::World;

/// The plans that were made at each revision, while that is looked at.
#[derive(Debug, Default)]
pub(in crate::sim) struct Plans {
    on: bool,
    at: BTreeMap<Revision, (String, usize)>,
}

impl World {
    /// From now on plans are compared.
    pub(in crate::sim) fn compare_plans(&mut self) {
        self.checks.plans.on = true;
    }

    /// A process was shown a record: whoever else has seen the log up to there plans the same.
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
