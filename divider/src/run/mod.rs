//! Runs an async handler in one task for each key.

#[cfg(test)]
mod attempt_tests;
mod releases;
mod supervisor;
#[cfg(test)]
mod tests;
mod work;

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, IntoFuture, Pending, pending};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tracing::Instrument;

use crate::assignment::Assignment;
use crate::divider::Divider;
use crate::error::RunError;
use crate::events::Events;
use supervisor::Supervisor;

/// Any error of a handler.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How a handler finished with its key.
#[derive(Debug)]
#[non_exhaustive]
pub enum Finish {
    /// The work is done: the key no longer exists, on any node, until it is announced again.
    ///
    /// If the handler returns `Done` after a stop, the key ends, too, and does not move to another
    /// node. So return `Done` only if the work is done. If the work only stops because it was
    /// cancelled, return [`Release`](Self::Release).
    Done,
    /// This node cannot continue, so another node gets the key. After a cancellation, `Release`
    /// means only that the work has stopped.
    Release,
    /// The work failed. The handler is called again on this node, after a pause.
    Retry(BoxError),
    /// No node can do the work: the key goes into quarantine, and no node works on it until an operator
    /// retries it. See [`Divider::quarantine`]. After a cancellation it does the same, if this node
    /// still owns the key.
    Quarantine(BoxError),
}

/// An error becomes [`Finish::Retry`].
impl<E: Into<BoxError>> From<Result<Self, E>> for Finish {
    fn from(result: Result<Self, E>) -> Self {
        result.unwrap_or_else(|error| Self::Retry(error.into()))
    }
}

/// For a handler whose type states that it never returns. Such a handler ends only when it is
/// dropped.
impl From<Infallible> for Finish {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Runs a handler for each key of the node, until the node has ended.
///
/// Each start spawns one task on the current Tokio runtime, which calls the handler. After a stop
/// or a loss, the assignment's [`cancelled`](Assignment::cancelled) completes, and the handler must
/// return. `run` confirms the stop only when the handler has ended and every
/// [request](crate::requests) that it accepted is answered or dropped, so the next node never
/// starts too early. After a cancellation, only the return values [`Finish::Done`] and
/// [`Finish::Quarantine`] have an effect: if the node still owns the key, the key ends and does not
/// move.
///
/// After a loss, or with a [`stop_timeout`](crate::Builder::stop_timeout), a handler has a limited
/// time to end ([`Handoff::remaining`](crate::Handoff::remaining)). When this time has passed, the
/// handler is dropped at its next `await`, and a log line reports it.
///
/// [`Finish::Release`] moves the key to another node. If every node releases a key, the key is idle
/// until a [cool-down](crate::Builder::cool_down) ends. Then the nodes try it again. A log line and
/// the metric `divider_unowned_keys` report this. If the work failed and this node can try it
/// again, return [`Finish::Retry`] instead.
///
/// A handler returns a [`Finish`], or a `Result<Finish, E>` whose error means [`Finish::Retry`]. A
/// panic is caught and also means [`Finish::Retry`]. The pauses between attempts double from 100 ms
/// to 30 s ([`backoff`](Run::backoff)). Each pause is shortened at random by up to a half. After an
/// attempt that lasted longer than the longest pause, the pauses start with the shortest one again.
/// With [`max_attempts`](Run::max_attempts), the key is released after that many failures in a row, and
/// a key that fails on node after node goes into [quarantine](Run::quarantine_after).
/// [`Assignment::attempt`] counts the calls.
///
/// Await the returned [`Run`]. It completes when the node and every handler have ended. With
/// [`with_graceful_shutdown`](Run::with_graceful_shutdown), it completes with `Ok` if all keys were
/// handed over, and with an error otherwise.
///
/// ```no_run
/// # use std::time::Duration;
/// # use divider::{Assignment, BoxError, Divider, Events, Finish};
/// # struct Table;
/// # impl Table {
/// #     async fn append(&self, key: &divider::Key, token: u64) -> Result<(), BoxError> { Ok(()) }
/// # }
/// # static TABLE: Table = Table;
/// async fn work(mine: Assignment) -> Result<Finish, BoxError> {
///     loop {
///         tokio::select! {
///             () = mine.cancelled() => return Ok(Finish::Release),
///             () = tokio::time::sleep(Duration::from_secs(1)) => {
///                 // The table refuses a token that is lower than the highest it has seen of the key.
///                 TABLE.append(mine.key(), mine.token().0).await?;
///             }
///         }
///     }
/// }
///
/// # async fn example(divider: Divider, events: Events) -> Result<(), BoxError> {
/// use tokio::signal::unix::{SignalKind, signal};
///
/// let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
/// let shutdown = async move {
///     tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
/// };
/// divider::run(divider, events, work)
///     .with_graceful_shutdown(shutdown)
///     .shutdown_timeout(Duration::from_secs(20))
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// # What a handler must not do
/// - **Block its thread.** A blocked handler can be neither cancelled nor dropped, so its key stays
///   on this node. If all threads of the runtime are blocked, nothing else of the application runs,
///   and no stop is read; the node still keeps its lease. Run blocking code with
///   `tokio::task::spawn_blocking`, and wait for it.
/// - **Leave work behind.** A task that the handler spawned, also with `spawn_blocking`, continues
///   after the handler has returned or was dropped, while the next node starts the key. End such
///   tasks first, or let them write only with the [`token`](Assignment::token).
/// - **Ignore its cancellation.** The key then stays on this node. A log line reports it after one
///   lease, and then repeatedly. A shutdown waits for the handler, unless a
///   [`shutdown_timeout`](Run::shutdown_timeout) is set.
///
/// Log lines of a handler are in a span `key` with the key and its token.
///
/// # Errors
/// [`RunError`]: the node ended without being cancelled, or a shutdown lost keys instead of handing
/// them over. In both cases, let the process end. In the first case, whatever supervises the
/// process must start it again.
///
/// # Panics
/// If the [`Run`] is awaited outside a Tokio runtime, or in a runtime whose timers are disabled.
///
/// # Cancel safety
/// Dropping the [`Run`] aborts all handlers and cancels the node: no key is handed over.
pub fn run<H, Fut>(divider: Divider, events: Events, handler: H) -> Run<H, Pending<()>>
where
    H: Fn(Assignment) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<Finish>> + Send + 'static,
{
    Run {
        divider,
        events,
        handler: Arc::new(handler),
        shutdown: pending(),
        settings: Settings {
            pauses: Pauses { first: Duration::from_millis(100), longest: Duration::from_secs(30) },
            max_attempts: None,
            quarantine_after: Some(QUARANTINE_AFTER),
            shutdown_timeout: None,
            restart_grace: None,
        },
    }
}

/// The run of a handler for each key: see [`run`].
#[must_use = "nothing runs before it is awaited"]
pub struct Run<H, S> {
    divider: Divider,
    events: Events,
    handler: Arc<H>,
    shutdown: S,
    settings: Settings,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    pauses: Pauses,
    /// After how many failures in a row the key is released.
    max_attempts: Option<u32>,
    /// After how many such releases in a row the key goes into quarantine.
    quarantine_after: Option<u32>,
    /// How long a shutdown waits for the stops.
    shutdown_timeout: Option<Duration>,
    /// How long the keys wait for the return of the node, if a shutdown hands none over.
    restart_grace: Option<Duration>,
}

/// Unless the application says otherwise. As many nodes may cool down for a key: every node of a small
/// group has tried more than once, with a cool-down in between.
const QUARANTINE_AFTER: u32 = 8;

/// The pauses between attempts.
#[derive(Debug, Clone, Copy)]
struct Pauses {
    first: Duration,
    longest: Duration,
}

impl<H, S> Run<H, S> {
    /// Shuts down when the future completes. The shutdown cancels and waits for every handler,
    /// hands over every key, and then ends the node. Without this, the run ends only when the node
    /// ends.
    pub fn with_graceful_shutdown<T>(self, shutdown: T) -> Run<H, T>
    where
        T: Future<Output = ()> + Send,
    {
        let Self { divider, events, handler, settings, .. } = self;
        Run { divider, events, handler, shutdown, settings }
    }

    /// How long a graceful shutdown waits for handlers to end. By default there is no limit.
    ///
    /// After this time the node is [cancelled](Divider::cancel). The keys that were not handed over
    /// are lost. Their handlers are dropped at their next `await` when the lease has ended; after
    /// that, other nodes start the keys. The run ends with [`RunError::TimedOut`].
    ///
    /// Choose the time that your platform allows a process between SIGTERM and SIGKILL, minus one
    /// lease. If the platform kills the process, its keys are also idle for one lease, until other
    /// nodes have observed that it is dead.
    pub fn shutdown_timeout(mut self, after: Duration) -> Self {
        self.settings.shutdown_timeout = Some(after);
        self
    }

    /// Makes a graceful shutdown a restart: it stops the keys and hands none over. They wait for
    /// the next node with this id for `grace`, which is from 1 ms to one hour. See
    /// [`Divider::leave_for`]. By default, a shutdown hands the keys over.
    ///
    /// A value out of range ends the run at its start, with [`RunError::RestartGrace`].
    pub fn restart_grace(mut self, grace: Duration) -> Self {
        self.settings.restart_grace = Some(grace);
        self
    }

    /// The first and the longest pause before a failed handler is called again. Each pause is twice
    /// the one before, shortened at random by up to a half. The defaults are 100 ms and 30 s: a
    /// short fault costs little time, and a lasting fault does not overload the systems that the
    /// handler uses. If `first` is above `longest`, it counts as `longest`.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.pauses = Pauses { first, longest };
        self
    }

    /// Releases a key whose handler has failed this many times in a row, so that another node tries
    /// it. A log line reports this. By default, this node tries for ever. 0 counts as 1.
    ///
    /// Failures are errors and panics. An attempt that lasted longer than the longest pause of
    /// [`backoff`](Self::backoff) begins a new row. The key does not come back to this node during
    /// the [cool-down](crate::Builder::cool_down). A key that fails on every node goes into
    /// [quarantine](Self::quarantine_after).
    ///
    /// Set it where a failure can be a fault of the node: its disk, its network, its memory. A
    /// fault of the key itself is the same on every node, and moving the key does not cure it.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = Some(attempts.max(1));
        self
    }

    /// Puts a key into quarantine when this many nodes in a row have given it up, each after
    /// [`max_attempts`](Self::max_attempts) failures: no node works on the key until an operator retries
    /// it with `divider retry` or [`Group::retry`](crate::Group::retry), or retracts it. The same node
    /// may count several times. 8 unless set; `None`: never, so that the key moves from node to node for
    /// ever; 0 counts as 1. Without `max_attempts` it has no effect.
    ///
    /// The claim of the key carries the count, so it goes on across nodes and restarts. An attempt that
    /// lasted longer than the longest pause of [`backoff`](Self::backoff) begins a new row, and so does a
    /// stop or the end of a node in between.
    ///
    /// A fault that all keys share, such as a database that is down, can put all of them into quarantine.
    /// Choose `max_attempts` and this number so that a usual outage is over before that: until then a key
    /// has failed for the pauses of all its attempts, and for a cool-down each time that every node has
    /// had it. `divider retry --all` retries all keys afterwards.
    pub fn quarantine_after(mut self, nodes: impl Into<Option<u32>>) -> Self {
        self.settings.quarantine_after = nodes.into();
        self
    }
}

impl<H, Fut, S> IntoFuture for Run<H, S>
where
    H: Fn(Assignment) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<Finish>> + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    type Output = Result<(), RunError>;
    type IntoFuture = BoxFuture<'static, Result<(), RunError>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { divider, events, handler, shutdown, settings } = self;
        let (group, node) = (divider.group(), divider.node());
        // Of the highest level, so that it is there whatever lines are listened to.
        let span = tracing::error_span!("divider", %group, %node);
        let supervisor = Supervisor::new(divider, handler, settings);
        Box::pin(supervisor.run(events, shutdown).instrument(span))
    }
}

impl<H, S> fmt::Debug for Run<H, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("divider", &self.divider).finish_non_exhaustive()
    }
}
