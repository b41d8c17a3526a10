//! The handle of those who are no node: announcers and operators.

mod announce;
mod backoff;
mod control;
mod drain;
mod edit;
mod error;
mod pipeline;
mod read;
mod reconcile;
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
pub use drain::{DrainId, DrainOptions};
pub use error::{AnnounceError, OperateError};
pub use reconcile::{Difference, MaxRetract, ReconcileOptions, Reconciled};
pub use watch::GroupWatch;

/// A group as announcers and operators know it: they make keys exist, say what they want of nodes,
/// and watch. Nothing of the protocol depends on it; dropping it changes nothing.
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
    /// The group whose records the store keeps.
    ///
    /// The store is one itself or an [`Arc`] of one, also of a `dyn Store`.
    pub fn open(store: impl Store) -> Self {
        Self { store: Arc::new(store) }
    }

    /// The group's name.
    pub fn name(&self) -> &GroupName {
        self.store.group()
    }

    /// What the store says of the log as a whole: its newest revision, its size and limit, its
    /// replicas.
    ///
    /// # Errors
    /// [`StoreError`]; it is asked once.
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn info(&self) -> Result<Info, StoreError> {
        self.store.info().await
    }
}

/// The wall clock in Unix milliseconds: what people read, and drains' deadlines. No lease depends on
/// it.
fn unix_ms() -> u64 {
    Clock::of_caller().now().unix_us / 1000
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Group").field(self.name()).finish()
    }
}
