//! A handle for announcers and operators, which are not nodes.

mod announce;
mod backoff;
mod control;
mod drain;
mod edit;
mod error;
mod history;
mod key_move;
mod pipeline;
mod read;
mod reconcile;
mod retry;
#[cfg(test)]
mod tests;
mod watch;
mod whole;

use std::fmt;
use std::sync::Arc;

use crate::engine::clock::Clock;
use crate::id::GroupName;
use crate::store::{Info, Store, StoreError};

pub use announce::Announcer;
pub use control::{AfterResume, Requester, WriteResult};
pub use divider_core::wire::OnDeadline;
pub use divider_core::wire::{HistoryEntry, HistoryKind};
pub use drain::{DrainId, DrainOptions};
pub use error::{AnnounceError, OperateError};
pub use history::History;
pub use key_move::RequestedMove;
pub use reconcile::{Difference, MaxRetract, ReconcileOptions, Reconciled};
pub use watch::GroupWatch;

/// The handle on a group for announcers and operators: it announces keys, requests changes to
/// nodes, and follows the state of the group. Nodes do not depend on this handle, and dropping it
/// changes nothing.
///
/// Cheap to clone. Its futures need a tokio runtime with its timers enabled.
///
/// ```
/// # use divider::{Group, GroupName, Key, MemoryStore};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let group = Group::open(MemoryStore::new(GroupName::new("orders")?));
/// group.announce(&Key::new("/process/me/1234")?).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Group {
    store: Arc<dyn Store>,
}

impl Group {
    /// Opens the group whose records are in the store.
    ///
    /// `store` can be a store, an [`Arc`] of a store, or an `Arc<dyn Store>`.
    pub fn open(store: impl Store) -> Self {
        Self { store: Arc::new(store) }
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The group's name.
    pub fn name(&self) -> &GroupName {
        self.store.group()
    }

    /// The state of the log, which stores the group's records: its newest revision, its size and
    /// limit in bytes, its replicas.
    ///
    /// # Errors
    /// [`StoreError`]. There are no retries.
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn info(&self) -> Result<Info, StoreError> {
        self.store.info().await
    }
}

/// The wall clock in Unix ms, for display and for deadlines of drains. No lease depends on it.
fn unix_ms() -> u64 {
    Clock::of_caller().now().unix_us / 1000
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Group").field(self.name()).finish()
    }
}
