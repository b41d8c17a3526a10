//! One task for each key, from an async handler.

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

/// An error of a handler, of any kind.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How a handler finished with its key.
#[derive(Debug)]
#[non_exhaustive]
pub enum Finish {
    /// The work is done: the key exists no more until it is announced again, on any node.
    ///
    /// It counts after a stop too, as long as the key is this node's: return it only for work that is
    /// done, and [`Release`](Self::Release) for work that gives way.
    Done,
    /// This node cannot go on: another one shall. After a cancellation: the work has stopped.
    Release,
    /// It failed: the handler is called again, on this node, after a pause.
    Retry(BoxError),
}

/// An error is a reason to try again.
impl<E: Into<BoxError>> From<Result<Self, E>> for Finish {
    fn from(result: Result<Self, E>) -> Self {
        result.unwrap_or_else(|error| Self::Retry(error.into()))
    }
}

/// For handlers that never return by themselves.
impl From<Infallible> for Finish {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Runs a handler for each key of the node, until the node is over.
///
/// Each start spawns one task on the current Tokio runtime, which calls the handler. A stop or loss
/// fires the assignment's [`cancelled`](Assignment::cancelled); the handler then has to come to an
/// end. When it has ended, and only then, the stop is confirmed, so that the next node never starts too
/// early. What it returns after a cancellation makes no difference, but for [`Finish::Done`]: that ends
/// the key instead of moving it, unless it was lost before. A handler that has not ended when its time
/// is over ([`Handoff::remaining`](crate::Handoff::remaining): after a loss, or with
/// [`stop_timeout`](crate::Builder::stop_timeout)) is dropped at its next `await`, and a log line says
/// so.
///
/// [`Finish::Release`] moves the key to another node. One that every node releases is idle until a
/// [cool-down](crate::Builder::cool_down) ends, is tried again by each of them, and so on; a log line
/// and `divider_unowned_keys` tell. For work that failed, and that this node can try again,
/// [`Finish::Retry`] is the right answer.
///
/// What a handler returns of its own accord is a [`Finish`], or a `Result<Finish, E>` whose error
/// means [`Finish::Retry`]. A panic is caught and counts as one too. The pauses between attempts
/// double from 100 ms to 30 s ([`backoff`](Run::backoff)), shortened at random by up to a half, and
/// begin anew after an attempt that lasted longer than the longest pause.
///
/// Await the result. It ends when the node does and every handler has; with
/// [`with_graceful_shutdown`](Run::with_graceful_shutdown), that is when all keys were handed over, or
/// with an error when they were not.
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
/// - **Block its thread.** It can then be neither cancelled nor dropped, its key stays here, and on a
///   few blocked threads nothing else of the application runs: no stop is seen, though the lease is
///   kept. Put what blocks on `tokio::task::spawn_blocking` and wait for it.
/// - **Leave work behind.** What it spawned (also on `spawn_blocking`) goes on when the handler has
///   returned or was dropped, while the next node starts. End it first, or have it write with the
///   [`token`](Assignment::token) only.
/// - **Ignore its cancellation.** The key stays on this node, a log line says so after a lease and
///   then again and again, and a shutdown waits for it
///   ([`shutdown_timeout`](Run::shutdown_timeout)).
///
/// Log lines of a handler are in a span `key` with the key and its token.
///
/// # Errors
/// [`RunError`]: the node was over without being cancelled, or a shutdown lost keys instead of handing
/// them over. Either way let the process end; in the first case its supervisor has to start it again.
///
/// # Panics
/// Outside a Tokio runtime with its timers enabled.
///
/// # Cancel safety
/// Dropping it aborts all handlers and cancels the node: nothing is handed over.
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
            shutdown_timeout: None,
        },
    }
}

/// A handler that is to run for each key: see [`run`].
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
    /// How long a shutdown waits for the stops.
    shutdown_timeout: Option<Duration>,
}

/// The pauses between attempts.
#[derive(Debug, Clone, Copy)]
struct Pauses {
    first: Duration,
    longest: Duration,
}

impl<H, S> Run<H, S> {
    /// Shuts down when the future completes: hands over every key, which cancels and waits for its
    /// handler, then ends the node. Unless set, the run ends with the node alone.
    pub fn with_graceful_shutdown<T>(self, shutdown: T) -> Run<H, T>
    where
        T: Future<Output = ()> + Send,
    {
        let Self { divider, events, handler, settings, .. } = self;
        Run { divider, events, handler, shutdown, settings }
    }

    /// How long a graceful shutdown waits for handlers to end: for ever unless set.
    ///
    /// After it the node is [cancelled](Divider::cancel): what was not handed over is lost, its
    /// handlers are dropped at their next `await` when the lease is over, other nodes start the keys
    /// after that, and the run ends with [`RunError::TimedOut`]. Take what your platform gives a process from SIGTERM to SIGKILL, less a lease.
    /// A process that is killed instead costs its keys a lease, too, and the others find it dead.
    pub fn shutdown_timeout(mut self, after: Duration) -> Self {
        self.settings.shutdown_timeout = Some(after);
        self
    }

    /// The first and the longest pause before a handler that failed is called again; each is twice the
    /// one before, shortened at random by up to a half. 100 ms and 30 s unless set: a fault that passes
    /// costs little, and one that stays does not keep what the handler works with busy. A first pause
    /// above the longest counts as the longest.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.pauses = Pauses { first, longest };
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
