//! For tests: faults on request, and the contract of a backend as a suite ([`store`]).
//!
//! What can happen to a store happens to a [`MemoryStore`], when a test asks for it.
//!
//! It needs the cargo feature `testing`. Enable it in `[dev-dependencies]` only:
//!
//! ```toml
//! [dev-dependencies]
//! divider = { version = "0.1", features = ["testing"] }
//! ```
//!
//! The faults are methods of [`MemoryStore`]. Every clone of a store has them in common, so a test
//! keeps one and gives the others to its nodes:
//!
//! | fault | method |
//! |---|---|
//! | one write is lost, late or not acknowledged | [`fail_next`](MemoryStore::fail_next), [`release_held`](MemoryStore::release_held) |
//! | the same for one write of a checkpoint | [`fail_next_save`](MemoryStore::fail_next_save) |
//! | the store does not answer | [`freeze`](MemoryStore::freeze), [`thaw`](MemoryStore::thaw) |
//! | the connection is lost | [`break_watches`](MemoryStore::break_watches) |
//! | the group is deleted, or made again | [`delete_group`](MemoryStore::delete_group), [`create_group`](MemoryStore::create_group) |
//!
//! ```
//! # use std::time::Duration;
//! # use divider::{Divider, GroupName, MemoryStore};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! tokio::time::pause(); // the nodes go by the test's clock
//! let store = MemoryStore::new(GroupName::new("orders")?);
//! let (divider, _events) = Divider::builder(store.clone()).start().await?;
//! store.freeze();
//! tokio::time::sleep(Duration::from_secs(6)).await; // an outage of one lease
//! assert!(!divider.is_ready());
//! store.thaw();
//! tokio::time::sleep(Duration::from_secs(6)).await;
//! assert!(divider.is_ready());
//! # Ok(())
//! # }
//! ```

pub mod store;

use crate::store::MemoryStore;
use crate::store::memory::new_log;

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

    /// Ends every watch with [`StoreError::Gap`](crate::store::StoreError::Gap), as a lost connection
    /// does.
    pub fn break_watches(&self) {
        self.shared.lock().faults.end_epoch();
        self.shared.notify();
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
