//! Cool-down: a released key stays away from its releaser for the whole cool-down.

use std::time::Duration;

use super::Check;
use crate::log::{Record, Write};
use crate::sim::world::World;
use crate::wire::ClaimRecord;

/// How much of a cool-down must remain. Each node counts the rest from the receipt of the record, by a
/// clock that is up to 1 % wrong.
fn at_least(ms: u64) -> Duration {
    Duration::from_millis(ms).mul_f64(0.98).saturating_sub(Duration::from_millis(5))
}

impl World {
    /// Whether nodes are cooling down for keys. Each counts from its last receipt of the record, so
    /// reading the log again prolongs it.
    pub(in crate::sim) fn is_any_kept_away(&self) -> bool {
        self.log.claims().any(|claim| !claim.cooling_down.is_empty())
    }

    /// A claim was written. Its owner must not be cooling down by the claim before it.
    pub(super) fn check_cool_down(&mut self, write: &Write, before: Option<&Record>) {
        if !write.name.starts_with("claim.") || self.lost.is_some() {
            return;
        }
        let read = |value: &[u8]| ClaimRecord::decode(value).ok();
        let Some(before) = before.filter(|record| record.value.is_some()) else { return };
        let Some(owner) = write.value.as_deref().and_then(read).and_then(|claim| claim.owner)
        else {
            return;
        };
        let Some(claim) = before.value.as_deref().and_then(read) else { return };
        if claim.owner.is_some_and(|before| before.node == owner.node) {
            return;
        }
        let mut kept = claim.cooling_down.into_iter().filter(|not| not.node == owner.node);
        let since = self.log.written_at(before.revision).unwrap_or(self.now);
        if let Some(not) = kept.find(|not| since + at_least(not.for_ms) > self.now) {
            let what = format!("{} goes to {}, which released it", write.name, not.node);
            self.violate(Check::CoolDown, what);
        }
    }
}
