//! Checkpoints in memory: the same rules as on NATS.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::{CheckpointRecord, CheckpointWrite, Checkpoints, Outcome, StoreError};
use super::faults::{Fault, unanswered};
#[cfg(any(test, feature = "testing"))]
use super::journal::Journal;
use super::{MemoryStore, REQUEST_TIMEOUT};
use crate::id::Revision;
use crate::key::Key;
use divider_core::log::whole_seconds;

/// The checkpoints of a group, and the faults that wait for their writes.
#[derive(Debug, Default)]
pub(crate) struct SavedStates {
    records: HashMap<Key, Stored>,
    last: u64,
    next: VecDeque<Fault>,
    held: Vec<Held>,
    /// The keys of the newest writes, and what they replaced.
    #[cfg(any(test, feature = "testing"))]
    journal: Journal<(Key, Option<Stored>)>,
}

#[derive(Debug)]
struct Stored {
    record: CheckpointRecord,
    removed_at: Option<Instant>,
}

/// A write that lands later, and who waits for its outcome.
type Held = (CheckpointWrite, Option<oneshot::Sender<Outcome>>);

impl SavedStates {
    fn newest(&mut self, key: &Key) -> Option<&CheckpointRecord> {
        let now = Instant::now();
        let gone = self.records.get(key)?.removed_at.is_some_and(|at| at <= now);
        if gone {
            self.records.remove(key);
        }
        self.records.get(key).map(|stored| &stored.record)
    }

    /// Applies one write, or says why not.
    fn apply(&mut self, write: CheckpointWrite) -> Outcome {
        let newest = self.newest(&write.key).map_or(Revision::NONE, |record| record.revision);
        if newest != write.expected {
            return Outcome::Conflict;
        }
        self.last += 1;
        let revision = Revision(self.last);
        let record = CheckpointRecord::new(revision, write.token, write.content);
        let removed_at = write.ttl.and_then(|ttl| Instant::now().checked_add(whole_seconds(ttl)));
        let key = write.key.clone();
        let replaced = self.records.insert(write.key, Stored { record, removed_at });
        #[cfg(any(test, feature = "testing"))]
        self.journal.push((key, replaced));
        #[cfg(not(any(test, feature = "testing")))]
        drop((key, replaced));
        Outcome::Acked(revision)
    }

    /// The outcome, or where it will come from.
    fn write(
        &mut self,
        frozen: bool,
        write: CheckpointWrite,
    ) -> Result<Outcome, oneshot::Receiver<Outcome>> {
        if frozen {
            let (answer, outcome) = oneshot::channel();
            self.held.push((write, Some(answer)));
            return Err(outcome);
        }
        Ok(match self.next.pop_front() {
            None => self.apply(write),
            Some(Fault::LostWrite) => unanswered(),
            Some(Fault::LostAck) => {
                self.apply(write);
                unanswered()
            }
            Some(Fault::Late) => {
                self.held.push((write, None));
                unanswered()
            }
        })
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn fail_next(&mut self, fault: Fault) {
        self.next.push_back(fault);
    }

    /// Loses what was saved in this last span, at most [`KEPT`](super::journal::KEPT).
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn lose_tail(&mut self, span: Duration) {
        while let Some((key, replaced)) = self.journal.pop_since(span) {
            self.last -= 1;
            match replaced {
                Some(stored) => self.records.insert(key, stored),
                None => self.records.remove(&key),
            };
        }
    }

    /// Lets the writes land that were held back.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn release_held(&mut self) {
        for (write, answer) in std::mem::take(&mut self.held) {
            let outcome = self.apply(write);
            if let Some(answer) = answer {
                // Nobody listens any more once the write has timed out.
                let _ = answer.send(outcome);
            }
        }
    }
}

/// The checkpoints of a group in memory.
#[derive(Debug)]
pub(super) struct MemoryCheckpoints(pub(super) MemoryStore);

impl Checkpoints for MemoryCheckpoints {
    fn request_timeout(&self) -> Duration {
        REQUEST_TIMEOUT
    }

    fn read(&self, key: &Key) -> BoxFuture<'static, Result<Option<CheckpointRecord>, StoreError>> {
        let (this, key) = (self.0.clone(), key.clone());
        Box::pin(async move {
            this.with_log("read a checkpoint", |_| ()).await?;
            Ok(this.shared.lock().checkpoints.newest(&key).cloned())
        })
    }

    fn write(&self, write: CheckpointWrite) -> BoxFuture<'static, Outcome> {
        let this = self.0.clone();
        Box::pin(async move {
            let written = {
                let mut state = this.shared.lock();
                if state.log.is_none() {
                    return Outcome::Unknown(this.no_group());
                }
                let frozen = state.faults.frozen();
                state.checkpoints.write(frozen, write)
            };
            match written {
                Ok(outcome) => outcome,
                Err(answer) => tokio::time::timeout(REQUEST_TIMEOUT, answer).await.map_or_else(
                    |_| unanswered(),
                    |answer| answer.unwrap_or_else(|_| unanswered()),
                ),
            }
        })
    }
}
