#![doc = include_str!("../../docs/testing.md")]

mod cluster;
pub(crate) mod gate;
mod link;
mod runs;
pub mod store;

use std::time::Duration;

use crate::store::MemoryStore;
use crate::store::memory::new_log;

pub use self::cluster::{Cluster, Handler, Node, NodeSetup};
pub use self::runs::Overlap;
pub use crate::store::memory::Fault;

/// Faults, with the cargo feature `testing`: see [`divider::testing`](crate::testing).
impl MemoryStore {
    /// Has this happen to the next write for which no fault is waiting yet.
    pub fn fail_next(&self, fault: Fault) {
        self.shared.lock().faults.fail_next(fault);
    }

    /// Has this happen to the next write of a checkpoint for which no fault is waiting yet.
    pub fn fail_next_save(&self, fault: Fault) {
        self.shared.lock().checkpoints.fail_next(fault);
    }

    /// Stops answering, as a stopped server does: reads and new watches time out after 2 s, watches
    /// are silent, writes time out and land when the store thaws.
    pub fn freeze(&self) {
        self.shared.lock().faults.freeze();
    }

    /// Answers again; what was written meanwhile lands now, in order.
    pub fn thaw(&self) {
        self.shared.lock().faults.thaw();
        self.release_held();
    }

    /// Lets the writes land that [`Fault::Late`] held back.
    pub fn release_held(&self) {
        let mut state = self.shared.lock();
        state.checkpoints.release_held();
        for (write, answer) in state.faults.take_held() {
            let outcome = self.apply(&mut state, write);
            if let Some(answer) = answer {
                // Nobody listens any more once the write has timed out.
                let _ = answer.send(outcome);
            }
        }
        drop(state);
        self.shared.notify();
    }

    /// Ends every watch with [`StoreError::Gap`](crate::store::StoreError::Gap), as a lost
    /// connection does.
    pub fn break_watches(&self) {
        self.shared.lock().faults.end_epoch();
        self.shared.notify();
    }

    /// Loses what was written in this last span of time, records and checkpoints, although it was
    /// acknowledged; then the connection is lost. That is what a server's machine does whose power
    /// fails before it has synced, at most two minutes with the settings of nats-server. The group
    /// goes on from its older state, with revisions that were used before.
    pub fn lose_tail(&self, span: Duration) {
        let mut state = self.shared.lock();
        if let Some(log) = &mut state.log {
            log.lose_tail(span);
        }
        state.checkpoints.lose_tail(span);
        drop(state);
        self.break_watches();
    }

    /// Deletes the group with its records; every watch ends.
    pub fn delete_group(&self) {
        self.shared.lock().log = None;
        self.break_watches();
    }

    /// Makes the group again, empty: another log, with revisions from 1.
    pub fn create_group(&self) {
        self.shared.lock().log = Some(new_log());
        self.break_watches();
    }
}
