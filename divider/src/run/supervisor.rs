//! Starts and ends the tasks of the keys.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::select;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tracing::Instrument;

use super::releases::Releases;
use super::work::{Context, work};
use super::{Finish, Settings};
use crate::assignment::Assignment;
use crate::divider::{Divider, Flushed, check_grace};
use crate::engine::clock::Clock;
use crate::error::{Ended, LeaveError, RunError};
use crate::event::{Event, Reason};
use crate::events::Events;
use crate::handoff::Handoff;
use crate::key::Key;
use divider_core::time::Time;

/// The tasks of all keys of a node.
pub(super) struct Supervisor<H> {
    divider: Divider,
    handler: Arc<H>,
    context: Context,
    tasks: JoinSet<()>,
    running: HashMap<Key, Running>,
    keys: HashMap<Id, Key>,
    /// When tasks that have to stop in time are dropped, if they have not ended by then.
    abandon_at: BTreeMap<(Time, Key), Abandoned>,
    /// Keys that were lost since the shutdown began.
    lost: u64,
}

struct Running {
    task: Id,
    abort: AbortHandle,
    /// What is confirmed when the task has ended.
    handoff: Option<Handoff>,
}

/// A task that is dropped if it has not ended in time.
struct Abandoned {
    abort: AbortHandle,
    assignment: Assignment,
    reason: Reason,
}

impl<H, Fut> Supervisor<H>
where
    H: Fn(Assignment) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<Finish>> + Send + 'static,
{
    pub(super) fn new(divider: Divider, handler: Arc<H>, settings: Settings) -> Self {
        Self {
            divider,
            handler,
            context: Context { settings, releases: Arc::new(Mutex::new(Releases::default())) },
            tasks: JoinSet::new(),
            running: HashMap::new(),
            keys: HashMap::new(),
            abandon_at: BTreeMap::new(),
            lost: 0,
        }
    }

    /// Until the node is over and every task has ended.
    pub(super) async fn run<S>(mut self, mut events: Events, shutdown: S) -> Result<(), RunError>
    where
        S: Future<Output = ()>,
    {
        let divider = self.divider.clone();
        let Settings { shutdown_timeout: at_most, restart_grace, .. } = self.context.settings;
        if let Some(Err(error)) = restart_grace.map(check_grace) {
            divider.cancel().await;
            return Err(RunError::RestartGrace(error));
        }
        let begun = AtomicBool::new(false);
        let mut shutdown = pin!(async {
            shutdown.await;
            begun.store(true, Ordering::Relaxed);
            shut_down(&divider, at_most, restart_grace).await
        });
        let (mut open, mut pending, mut timed_out) = (true, true, None);
        // A shutdown that was begun is seen to its end, which it says.
        while open || !self.tasks.is_empty() || pending && begun.load(Ordering::Relaxed) {
            let abandon_at = self.abandon_at.keys().next().map(|(at, _)| *at);
            select! {
                event = events.next(), if open => match event {
                    Some(event) => self.on_event(event, begun.load(Ordering::Relaxed)),
                    None => open = false,
                },
                Some(ended) = self.tasks.join_next_with_id() => self.on_task_ended(ended),
                () = sleep_until(divider.clock(), abandon_at) => self.on_time_over(),
                after = &mut shutdown, if pending => (pending, timed_out) = (false, after),
            }
        }
        let keys = self.lost;
        match (self.divider.ended().await, timed_out) {
            (Ended::Cancelled, Some(after)) => Err(RunError::TimedOut { after, keys }),
            (Ended::Cancelled, None) if keys > 0 => Err(RunError::Lost { keys }),
            (Ended::Cancelled, None) => Ok(()),
            (ended, _) => Err(RunError::Over(ended)),
        }
    }

    fn on_event(&mut self, event: Event, shutting_down: bool) {
        match event {
            Event::Start(assignment) => self.on_start(assignment),
            Event::Stop(handoff) => self.on_stop(handoff),
            Event::Lost(handoff) => {
                self.lost += u64::from(shutting_down);
                self.on_stop(handoff);
            }
        }
    }

    fn on_start(&mut self, assignment: Assignment) {
        let key = assignment.key().clone();
        let handler = Arc::clone(&self.handler);
        // Of the highest level, so that it is there whatever lines are listened to.
        let span = tracing::error_span!("key", %key, token = %assignment.token());
        let work = work(self.divider.clone(), assignment, handler, self.context.clone());
        let abort = self.tasks.spawn(work.instrument(span));
        let task = abort.id();
        self.keys.insert(task, key.clone());
        self.running.insert(key, Running { task, abort, handoff: None });
    }

    /// The assignment is cancelled already; its task's end is what confirms.
    fn on_stop(&mut self, handoff: Handoff) {
        let Some(running) = self.running.get_mut(handoff.key()) else {
            // Its task ended in the moment before.
            return handoff.confirm();
        };
        if let Some(at) = handoff.deadline() {
            let (assignment, reason) = (handoff.assignment().clone(), handoff.reason());
            let abandoned = Abandoned { abort: running.abort.clone(), assignment, reason };
            self.abandon_at.insert((at, handoff.key().clone()), abandoned);
        }
        // A loss may come after a stop: one confirmation is enough.
        running.handoff = Some(handoff);
    }

    fn on_time_over(&mut self) {
        let now = self.divider.clock().time();
        while let Some(entry) = self.abandon_at.first_entry()
            && entry.key().0 <= now
        {
            let ((_, key), Abandoned { abort, assignment, reason }) = entry.remove_entry();
            // One that is over was completed: its handler has ended, and its task waits for the answer.
            if !abort.is_finished() && !assignment.is_over() {
                tracing::warn!(%key, %reason, "handler did not end in time: dropped");
                abort.abort();
            }
        }
    }

    fn on_task_ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let task = match ended {
            Ok((id, ())) => id,
            Err(error) => error.id(),
        };
        let Some(key) = self.keys.remove(&task) else { return };
        // A key that was done or released may have been started again before its task was joined.
        if self.running.get(&key).is_none_or(|running| running.task != task) {
            return;
        }
        let running = self.running.remove(&key);
        if let Some(handoff) = running.and_then(|running| running.handoff) {
            if let Some(at) = handoff.deadline() {
                self.abandon_at.remove(&(at, key));
            }
            handoff.confirm();
        }
    }
}

/// Hands over every key or lets them wait for a restart, then ends the node; after the time-out, which it
/// returns, it ends all the same.
async fn shut_down(
    divider: &Divider,
    at_most: Option<Duration>,
    restart_grace: Option<Duration>,
) -> Option<Duration> {
    match restart_grace {
        None => tracing::info!("shutting down: handing over all keys"),
        Some(grace) => tracing::info!(?grace, "shutting down: the keys wait for the restart"),
    }
    let flush = async {
        match restart_grace {
            None => divider.flush().await.map_err(LeaveError::from),
            Some(grace) => divider.leave_for(grace).await,
        }
    };
    let flushed = match at_most {
        None => Some(flush.await),
        Some(at_most) => tokio::time::timeout(at_most, flush).await.ok(),
    };
    let Some(flushed) = flushed else {
        let left = divider.assigned().len();
        tracing::warn!(left, ?at_most, "shutdown timed out: the remaining keys are lost");
        divider.cancel().await;
        return at_most;
    };
    match flushed {
        Ok(flushed) => {
            divider.cancel().await;
            let Flushed { handed, freed, lost, kept } = flushed;
            if lost == 0 {
                tracing::info!(handed, freed, kept, "node shut down");
            } else {
                tracing::warn!(handed, freed, kept, lost, "node shut down, but had lost keys");
            }
        }
        Err(error) => tracing::warn!(%error, "node ended before all keys were stopped"),
    }
    None
}

async fn sleep_until(clock: &Clock, at: Option<Time>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
