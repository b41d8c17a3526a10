//! A worker: a node, and a task that does what it is told and writes it down.

use std::sync::Arc;
use std::time::Duration;

use divider::store::Store;
use divider::{Builder, Divider, Ended, Event, Events, Flushed};
use tokio::task::JoinHandle;

use crate::bed::{Cable, in_time};
use crate::ledger::{Ledger, What};

/// The lease of every worker, unless a test says otherwise.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) divider: Divider,
    /// Its connection, to be cut.
    pub(crate) cable: Cable,
    task: JoinHandle<()>,
}

impl Worker {
    pub(crate) async fn start(name: &str, store: Arc<dyn Store>, ledger: &Ledger) -> Self {
        Self::with(name, store, ledger, |builder| builder).await
    }

    pub(crate) async fn with(
        name: &str,
        store: Arc<dyn Store>,
        ledger: &Ledger,
        set: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let cable = Cable::new(store);
        let builder = Divider::builder(cable.clone()).node(name).lease(LEASE);
        let (divider, events) = in_time(set(builder).start()).await.expect("a member");
        let task = tokio::spawn(work(name.to_owned(), events, ledger.clone()));
        Self { name: name.to_owned(), divider, cable, task }
    }

    pub(crate) async fn leave(self) -> Flushed {
        let flushed = in_time(self.divider.flush_and_cancel()).await.expect("it was not over");
        in_time(self.task).await.expect("no panic");
        flushed
    }

    /// Ends for a restart: the keys wait for the next worker with this name.
    pub(crate) async fn leave_for(self, grace: Duration) -> Flushed {
        let stopped = in_time(self.divider.leave_for(grace)).await.expect("it was not over");
        in_time(self.task).await.expect("no panic");
        stopped
    }

    /// Waits until the node is over, and its events with it.
    pub(crate) async fn over(self) -> Ended {
        let ended = in_time(self.divider.ended()).await;
        in_time(self.task).await.expect("no panic");
        ended
    }

    /// Drops the events without a word.
    pub(crate) fn abandon(self) -> Divider {
        self.task.abort();
        self.divider
    }
}

async fn work(node: String, mut events: Events, ledger: Ledger) {
    while let Some(event) = events.next().await {
        match event {
            Event::Start(assignment) => ledger.start(&node, assignment),
            Event::Stop(handoff) => {
                ledger.stop(&node, What::Stop, &handoff);
                handoff.confirm();
            }
            Event::Lost(handoff) => {
                ledger.stop(&node, What::Lost, &handoff);
                handoff.confirm();
            }
        }
    }
}
