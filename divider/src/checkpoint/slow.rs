//! Checkpoints that lose answers, let writes land late and show old records, for the simulation.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::task::yield_now;

use crate::key::Key;
use crate::store::{
    CheckpointRecord, CheckpointWrite, Checkpoints, MemoryStore, Outcome, Store, StoreError,
};
use crate::testing::Fault;

/// A rule that a test takes away, to see that the judge notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Without {
    Nothing,
    /// A write lands whatever the newest revision is.
    CompareAndSet,
    /// Opening a checkpoint leaves the record as it is.
    Seal,
}

/// Checkpoints in memory. Every request takes two turns, so that requests of several owners interleave.
#[derive(Debug, Clone)]
pub(super) struct SlowCheckpoints {
    pub(super) memory: MemoryStore,
    pub(super) without: Without,
    /// What the next requests meet: 1 of so many has a fault. 0: none has.
    pub(super) faults: Arc<AtomicU64>,
    /// What was read so far: a read may show an old record, as from a deposed leader.
    pub(super) seen: Arc<Mutex<Vec<Option<CheckpointRecord>>>>,
}

impl SlowCheckpoints {
    pub(super) fn inner(&self) -> Arc<dyn Checkpoints> {
        self.memory.checkpoints().expect("it has them")
    }

    /// Whether the next request has a fault.
    fn fails(&self) -> bool {
        let one_of = self.faults.load(Ordering::Relaxed);
        one_of > 0 && fastrand::u64(..one_of) == 0
    }

    /// What a read answers: what was found, or by a fault one of the last records that were read.
    fn old_or(&self, found: Option<CheckpointRecord>) -> Option<CheckpointRecord> {
        let mut seen = self.seen.lock().expect("no test panics with it");
        seen.push(found.clone());
        let back = fastrand::usize(..seen.len().min(4));
        if self.fails() { seen[seen.len() - 1 - back].clone() } else { found }
    }
}

impl Checkpoints for SlowCheckpoints {
    fn request_timeout(&self) -> Duration {
        self.inner().request_timeout()
    }

    fn read(&self, key: &Key) -> BoxFuture<'static, Result<Option<CheckpointRecord>, StoreError>> {
        let (this, read) = (self.clone(), self.inner().read(key));
        Box::pin(async move {
            yield_now().await;
            let found = read.await?;
            let answer = this.old_or(found);
            yield_now().await;
            Ok(answer)
        })
    }

    fn write(&self, mut write: CheckpointWrite) -> BoxFuture<'static, Outcome> {
        let (this, inner) = (self.clone(), self.inner());
        Box::pin(async move {
            yield_now().await;
            let newest = inner.read(&write.key).await.expect("memory answers");
            this.seen.lock().expect("no test panics with it").push(newest.clone());
            if this.without == Without::CompareAndSet {
                write.expected = newest.as_ref().map_or(write.expected, |newest| newest.revision);
            }
            let old = newest.as_ref().filter(|newest| newest.token < write.token);
            if let (Without::Seal, Some(old)) = (this.without, old)
                && old.content == write.content
            {
                return Outcome::Acked(old.revision);
            }
            if this.fails() {
                let fault = [Fault::LostAck, Fault::LostWrite, Fault::Late][fastrand::usize(..3)];
                this.memory.fail_next_save(fault);
            }
            let outcome = inner.write(write).await;
            yield_now().await;
            outcome
        })
    }
}
