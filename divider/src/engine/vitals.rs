//! What the engine says about itself, read without it.

use tokio::sync::watch;

use crate::sync::atomic::{AtomicU64, Ordering};
use divider_core::node::Condition;
use divider_core::time::Time;
use divider_core::wire::ControlRecord;

/// The newest facts about a node, and when its engine last ran.
#[derive(Debug)]
pub(crate) struct Vitals {
    facts: watch::Sender<Facts>,
    /// When the engine last ran; [`NEVER`] before its first run.
    ran: AtomicU64,
    /// The span after which an engine that has not run counts as stopped, in ns.
    patience: AtomicU64,
}

/// What the core says about the node.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) condition: Condition,
    pub(crate) requested: Option<ControlRecord>,
    /// How often the application asked the node to leave.
    leaves: u32,
}

impl Vitals {
    pub(super) fn new() -> Self {
        Self {
            facts: watch::Sender::new(Facts::default()),
            ran: AtomicU64::new(NEVER),
            patience: AtomicU64::new(NEVER),
        }
    }

    /// The newest facts, and each change of them.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Facts> {
        self.facts.subscribe()
    }

    /// The newest facts.
    pub(crate) fn facts(&self) -> Facts {
        self.facts.borrow().clone()
    }

    /// Whether the engine gets to run. One that did not run for a lease is stuck: it runs twelve times
    /// a lease, also when nothing happens.
    pub(crate) fn is_running(&self, now: Time) -> bool {
        let ran = self.ran.load(Ordering::Acquire);
        let silent = now.0.saturating_sub(ran);
        ran == NEVER || silent <= self.patience.load(Ordering::Acquire)
    }

    /// The engine begins, with this lease.
    pub(super) fn begin(&self, lease: std::time::Duration) {
        let nanos = u64::try_from(lease.as_nanos()).unwrap_or(NEVER);
        self.patience.store(nanos, Ordering::Release);
    }

    /// The engine runs.
    pub(super) fn run(&self, now: Time) {
        self.ran.store(now.0, Ordering::Release);
    }

    /// The application wants the node to end.
    pub(super) fn leave(&self) {
        self.facts.send_modify(|facts| facts.leaves = facts.leaves.saturating_add(1));
    }

    /// The core says this now. The request is read only if it is a new one.
    pub(super) fn tell<'a>(
        &self,
        condition: Condition,
        requested: impl FnOnce() -> Option<&'a ControlRecord>,
    ) {
        self.facts.send_if_modified(|facts| {
            if facts.condition == condition {
                return false;
            }
            if facts.condition.requested != condition.requested {
                facts.requested = requested().cloned();
            }
            facts.condition = condition;
            true
        });
    }
}

const NEVER: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_engine_that_did_not_run_for_a_lease_is_stuck() {
        let (vitals, lease) = (Vitals::new(), Duration::from_secs(6));
        let begun = Time(1_000_000_000);
        assert!(vitals.is_running(begun), "it has not begun");
        vitals.begin(lease);
        vitals.run(begun);
        assert!(vitals.is_running(begun + lease));
        assert!(!vitals.is_running(begun + lease + Duration::from_nanos(1)));
        vitals.run(begun + lease);
        assert!(vitals.is_running(begun + lease * 2));
    }
}
