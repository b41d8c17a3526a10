//! A released key keeps away from its releaser for as long as that asked for.

use std::time::Duration;

use super::Check;
use crate::log::{Record, Write};
use crate::sim::world::World;
use crate::wire::ClaimRecord;

/// How much of a cool-down may be lost on the way: what is left is counted by each node from when it
/// receives the record, by a clock that is up to one percent wrong.
fn at_least(ms: u64) -> Duration {
    Duration::from_millis(ms).mul_f64(0.98).saturating_sub(Duration::from_millis(5))
}

impl World {
    /// Whether nodes keep away from keys that they released: each counts that from when it received the
    /// record last, so reading the log anew prolongs it.
    pub(in crate::sim) fn is_any_kept_away(&self) -> bool {
        self.log.claims().any(|claim| !claim.cooling_down.is_empty())
    }

    /// A claim was written: the owner it names is none that the claim before it kept away.
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
