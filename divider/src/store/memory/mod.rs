//! A log in the memory of one process.

mod checkpoints;
mod faults;
mod history;
#[cfg(any(test, feature = "testing"))]
mod journal;
mod log;
#[cfg(any(test, feature = "testing"))]
mod messages;
mod requests;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::watch as signal;

use self::checkpoints::{MemoryCheckpoints, SavedStates};
use self::faults::Faults;
use self::history::History;
use self::log::Log;
use self::requests::Switchboard;
use self::watch::MemoryWatch;
use super::{
    Checkpoints, Filter, HistoryRecord, HistoryStart, Info, Outcome, Record, RequestTransport,
    Store, StoreError, Watch, Write,
};
use crate::engine::clock::Clock;
use crate::id::GroupName;
use divider_core::log::check_filter;

#[cfg(any(test, feature = "testing"))]
pub use self::faults::Fault;

/// A group's records in the memory of this process.
///
/// It keeps the same rules as `NatsStore` (revisions, compare-and-set, times to
/// live, limits, the order of a watch) and the same bytes, so a service can run without a server on
/// one machine, and its tests anywhere. Clones are the same group: give one to every node.
///
/// Times to live are measured on tokio's clock. A test may pause that before it starts its nodes:
/// then they run on the test's runtime and go by its clock too, so that an hour passes as soon as
/// nothing is left to do, with all heartbeats in it. `tokio::time::advance` by more than a lease is a
/// pause of the whole process, which costs the lease. With the cargo feature `testing` a test can
/// also lose writes, break watches and stop the store for a while.
///
/// ```
/// # use std::time::Duration;
/// # use divider::{Divider, GroupName, MemoryStore};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// tokio::time::pause();
/// let store = MemoryStore::new(GroupName::new("orders")?);
/// let (divider, _events) = Divider::builder(store.clone()).start().await?;
/// tokio::time::sleep(Duration::from_secs(3600)).await; // a blink
/// assert!(divider.is_ready());
/// # Ok(())
/// # }
/// ```
///
/// ```
/// # use divider::{GroupName, MemoryStore, Revision};
/// # use divider::store::{Outcome, Store, Write};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), divider::InvalidId> {
/// let store = MemoryStore::new(GroupName::new("orders")?);
/// let write = Write::put("key.a", "", Some(Revision::NONE));
/// assert_eq!(store.write(write.clone()).await, Outcome::Acked(Revision(1)));
/// assert_eq!(store.write(write).await, Outcome::Conflict);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MemoryStore {
    group: GroupName,
    pub(crate) shared: Arc<Shared>,
}

/// What every clone has in common.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Told of every write and fault; watches wait on it.
    changed: signal::Sender<()>,
    switchboard: Switchboard,
    #[cfg(any(test, feature = "testing"))]
    streams: messages::Streams,
}

/// The log, or `None` for a group that was deleted, and what a test did to it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) log: Option<Log>,
    history: History,
    pub(crate) checkpoints: SavedStates,
    pub(crate) faults: Faults,
}

/// How long a frozen store is waited for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

impl MemoryStore {
    /// A new group without any record.
    pub fn new(group: GroupName) -> Self {
        let state = State {
            log: Some(new_log()),
            history: History::default(),
            checkpoints: SavedStates::default(),
            faults: Faults::default(),
        };
        let shared = Shared {
            state: Mutex::new(state),
            changed: signal::Sender::new(()),
            switchboard: Switchboard::default(),
            #[cfg(any(test, feature = "testing"))]
            streams: messages::Streams::default(),
        };
        Self { group, shared: Arc::new(shared) }
    }

    /// Sets the limit on bytes that [`Info::max_bytes`] reports; what would grow beyond it is
    /// refused as [`StoreError::Full`], what does not grow passes, as on NATS.
    pub fn set_max_bytes(&self, max: Option<u64>) {
        if let Some(log) = &mut self.shared.lock().log {
            log.max_bytes = max;
        }
    }

    /// How many listen for requests at this moment, on all clones together: one for each key whose owner
    /// asked for its requests.
    #[cfg(any(test, feature = "testing"))]
    pub fn listeners(&self) -> usize {
        self.shared.switchboard.len()
    }

    fn no_group(&self) -> StoreError {
        StoreError::NoGroup { group: self.group.to_string() }
    }

    /// Does something with the log once the store is not frozen.
    async fn with_log<T>(
        &self,
        what: &str,
        ask: impl FnOnce(&mut Log) -> T,
    ) -> Result<T, StoreError> {
        let mut changed = self.shared.changed.subscribe();
        let thawed = async {
            while self.shared.lock().faults.frozen() {
                changed.changed().await.expect("the sender is in shared");
            }
        };
        if self.shared.lock().faults.frozen() {
            let timeout = |_| StoreError::Timeout { what: what.to_owned(), after: REQUEST_TIMEOUT };
            tokio::time::timeout(REQUEST_TIMEOUT, thawed).await.map_err(timeout)?;
        }
        self.shared.lock().log.as_mut().map(ask).ok_or_else(|| self.no_group())
    }
}

impl Store for MemoryStore {
    fn group(&self) -> &GroupName {
        &self.group
    }

    fn write(&self, write: Write) -> BoxFuture<'static, Outcome> {
        let this = self.clone();
        Box::pin(async move { this.write_with_faults(write).await })
    }

    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Record>, StoreError>> {
        let (this, name) = (self.clone(), name.to_owned());
        Box::pin(async move {
            divider_core::log::check_name(&name)?;
            this.with_log("read", |log| log.read(&name)).await
        })
    }

    fn watch(&self, filter: Filter) -> BoxFuture<'static, Result<Box<dyn Watch>, StoreError>> {
        let this = self.clone();
        Box::pin(async move {
            check_filter(&filter)?;
            this.with_log("watch", |_| ()).await?;
            Ok(Box::new(MemoryWatch::new(&this.shared, filter)) as Box<dyn Watch>)
        })
    }

    fn info(&self) -> BoxFuture<'static, Result<Info, StoreError>> {
        let this = self.clone();
        Box::pin(async move { this.with_log("info", Log::info).await })
    }

    fn append_history(&self, id: &str, entry: Bytes) -> BoxFuture<'static, Result<(), StoreError>> {
        let (this, id) = (self.clone(), id.to_owned());
        Box::pin(async move {
            this.with_log("append to the history", |_| ()).await?;
            this.shared.lock().history.append(unix_ms(), &id, entry);
            Ok(())
        })
    }

    fn read_history(
        &self,
        from: HistoryStart,
    ) -> BoxFuture<'static, Result<Vec<HistoryRecord>, StoreError>> {
        let this = self.clone();
        Box::pin(async move {
            this.with_log("read the history", |_| ()).await?;
            Ok(this.shared.lock().history.read(unix_ms(), from))
        })
    }

    fn checkpoints(&self) -> Result<Arc<dyn Checkpoints>, StoreError> {
        Ok(Arc::new(MemoryCheckpoints(self.clone())))
    }

    #[cfg(any(test, feature = "testing"))]
    fn messages(&self) -> Result<Arc<dyn super::MessageStreams>, StoreError> {
        Ok(Arc::new(self.clone()))
    }

    fn requests(&self) -> Option<Arc<dyn RequestTransport>> {
        Some(Arc::new(self.clone()))
    }

    /// It is down while a test has frozen the store.
    fn is_connected(&self) -> Option<bool> {
        Some(!self.shared.lock().faults.frozen())
    }

    fn keeps_paused_time(&self) -> bool {
        true
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the store is not frozen.
    async fn thawed(&self) {
        let mut changed = self.changed.subscribe();
        while self.lock().faults.frozen() {
            changed.changed().await.expect("the sender is in self");
        }
    }

    /// Wakes every watch and all that waits for the store to thaw.
    pub(crate) fn notify(&self) {
        self.changed.send_replace(());
    }
}

fn unix_ms() -> u64 {
    Clock::of_caller().now().unix_us / 1000
}

/// A log that no other of this process is mistaken for.
pub(crate) fn new_log() -> Log {
    static MADE: AtomicI64 = AtomicI64::new(1);
    Log::new(i128::from(MADE.fetch_add(1, Ordering::Relaxed)))
}
