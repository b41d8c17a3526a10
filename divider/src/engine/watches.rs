//! The watches that are open.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, SelectAll, StreamExt, unfold};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::reads::BATCH;
use crate::store::{Filter, Store, StoreError, Watch};
use divider_core::edge::{Input, WatchId};

/// All watches of the node. Each is closed properly, so that nothing of it is left on the server.
pub(super) struct Watches {
    store: Arc<dyn Store>,
    open: SelectAll<BoxStream<'static, Vec<Input>>>,
    closers: HashMap<WatchId, CancellationToken>,
}

impl Watches {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, open: SelectAll::new(), closers: HashMap::new() }
    }

    /// Opens a watch, not before the span has passed.
    pub(super) fn open(&mut self, id: WatchId, filter: Filter, delay: Duration) {
        let closer = CancellationToken::new();
        self.closers.insert(id, closer.clone());
        let follower = Follower { id, store: Arc::clone(&self.store), closer };
        let stage = Stage::Waiting(filter, delay);
        let stream = unfold((follower, stage), |(mut follower, stage)| async move {
            let (batch, stage) = follower.step(stage).await?;
            Some((batch, (follower, stage)))
        });
        self.open.push(stream.boxed());
    }

    /// Closes a watch; what it delivered and was not handed over yet may still come.
    pub(super) fn close(&mut self, id: WatchId) {
        if let Some(closer) = self.closers.remove(&id) {
            closer.cancel();
        }
    }

    /// What the watches delivered, at most [`BATCH`] of one; pending while none is open.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn next_batch(&mut self) -> Vec<Input> {
        let Some(batch) = self.open.next().await else {
            return std::future::pending().await;
        };
        if let Some(Input::WatchEnded(id, _)) = batch.last() {
            self.closers.remove(id);
        }
        batch
    }

    /// Closes them all, for as long as that may take.
    pub(super) async fn close_all(mut self) {
        for closer in self.closers.values() {
            closer.cancel();
        }
        let closed = async { while self.open.next().await.is_some() {} };
        if timeout(CLOSE_DEADLINE, closed).await.is_err() {
            tracing::debug!("watches not closed in time: the server removes them");
        }
    }
}

/// The life of one watch.
struct Follower {
    id: WatchId,
    store: Arc<dyn Store>,
    closer: CancellationToken,
}

enum Stage {
    Waiting(Filter, Duration),
    Opening(Opening),
    Open(Box<dyn Watch>),
    Ended(Option<Box<dyn Watch>>),
}

/// A watch that the store opens, until it has to be open.
struct Opening {
    opened: BoxFuture<'static, Result<Box<dyn Watch>, StoreError>>,
    deadline: Instant,
}

impl Follower {
    /// Goes on to the next batch; `None` when the watch is over and closed.
    async fn step(&mut self, stage: Stage) -> Option<(Vec<Input>, Stage)> {
        match stage {
            Stage::Waiting(filter, delay) => self.begin(filter, delay).await,
            Stage::Opening(opening) => self.open(opening).await,
            Stage::Open(watch) => self.follow(watch).await,
            Stage::Ended(watch) => {
                if let Some(watch) = watch {
                    close(watch).await;
                }
                None
            }
        }
    }

    async fn begin(&mut self, filter: Filter, delay: Duration) -> Option<(Vec<Input>, Stage)> {
        let delay = tokio::time::sleep(delay);
        self.closer.run_until_cancelled(delay).await?;
        let opened = self.store.watch(filter);
        self.open(Opening { opened, deadline: Instant::now() + OPEN_DEADLINE }).await
    }

    /// Waits for it, and says so from time to time. It is not given up half-way: what was opened on
    /// the server has to be closed there.
    async fn open(&mut self, mut opening: Opening) -> Option<(Vec<Input>, Stage)> {
        match timeout(OPEN_NEWS, &mut opening.opened).await {
            Ok(Ok(watch)) => self.follow(watch).await,
            Ok(Err(error)) => Some((vec![self.ended(error)], Stage::Ended(None))),
            Err(_) if opening.deadline <= Instant::now() => {
                let what = "open a watch".to_owned();
                let error = StoreError::Timeout { what, after: OPEN_DEADLINE };
                Some((vec![self.ended(error)], Stage::Ended(None)))
            }
            Err(_) => Some((vec![Input::Opening(self.id)], Stage::Opening(opening))),
        }
    }

    async fn follow(&mut self, mut watch: Box<dyn Watch>) -> Option<(Vec<Input>, Stage)> {
        let Some(first) = self.closer.run_until_cancelled(watch.next()).await else {
            close(watch).await;
            return None;
        };
        let mut batch = Vec::with_capacity(AT_FIRST);
        let mut next = Some(first);
        while let Some(change) = next {
            match change {
                Ok(change) => batch.push(Input::Change(self.id, change)),
                Err(error) => {
                    batch.push(self.ended(error));
                    return Some((batch, Stage::Ended(Some(watch))));
                }
            }
            next = if batch.len() < BATCH { watch.ready() } else { None };
        }
        Some((batch, Stage::Open(watch)))
    }

    fn ended(&self, error: StoreError) -> Input {
        Input::WatchEnded(self.id, error)
    }
}

async fn close(watch: Box<dyn Watch>) {
    // A store that does not answer clears the watch away by itself.
    let _ = timeout(CLOSE_DEADLINE, watch.close()).await;
}

/// Changes that a batch has room for from the beginning: many in a burst, few otherwise.
const AT_FIRST: usize = 32;

/// How long a watch may take to open: longer than a cluster needs to elect a leader, and than a
/// server needs to find the newest of a million records for a hundred watches at once.
const OPEN_DEADLINE: Duration = Duration::from_mins(1);

/// How often a watch that is being opened is told of.
const OPEN_NEWS: Duration = Duration::from_secs(2);

/// How long closing may take.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);
