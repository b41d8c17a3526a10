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

use crate::assignment::Assignment;
use crate::divider::Divider;
use crate::error::Ended;
use crate::events::Events;
use supervisor::Supervisor;

/// An error of a handler, of any kind.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How a handler finished with its key.
#[derive(Debug)]
#[non_exhaustive]
pub enum Finish {
    /// The work is done: the key exists no more until it is announced again, on any node.
    Done,
    /// This node cannot go on: another one shall.
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
/// end, and what it returns does not count any more. When it has ended, and only then, the stop is
/// confirmed, so that the next node never starts too early. A handler that has not ended when a lost
/// key's time is over is dropped at its next `await`.
///
/// What a handler returns of its own accord is a [`Finish`], or a `Result<Finish, E>` whose error
/// means [`Finish::Retry`]. A panic is caught and counts as one too. The pauses between attempts
/// double from 100 ms to 30 s ([`backoff`](Run::backoff)), shortened at random by up to a half, and
/// begin anew after an attempt that lasted longer than the longest pause.
///
/// Await the result. It ends when the node does; with
/// [`with_graceful_shutdown`](Run::with_graceful_shutdown), that is when all keys were handed over.
///
/// # Errors
/// [`Ended`], where the node was not just cancelled.
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
        pauses: Pauses { first: Duration::from_millis(100), longest: Duration::from_secs(30) },
    }
}

/// A handler that is to run for each key: see [`run`].
#[must_use = "nothing runs before it is awaited"]
pub struct Run<H, S> {
    divider: Divider,
    events: Events,
    handler: Arc<H>,
    shutdown: S,
    pauses: Pauses,
}

/// The pauses between attempts.
#[derive(Debug, Clone, Copy)]
struct Pauses {
    first: Duration,
    longest: Duration,
}

impl<H, S> Run<H, S> {
    /// Shuts down when the future completes: hands over every key, which cancels and waits for its
    /// handler, then ends the node.
    pub fn with_graceful_shutdown<T>(self, shutdown: T) -> Run<H, T>
    where
        T: Future<Output = ()> + Send,
    {
        let Self { divider, events, handler, pauses, .. } = self;
        Run { divider, events, handler, shutdown, pauses }
    }

    /// The first and the longest pause before a handler that failed is called again.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.pauses = Pauses { first, longest };
        self
    }
}

impl<H, Fut, S> IntoFuture for Run<H, S>
where
    H: Fn(Assignment) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<Finish>> + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    type Output = Result<(), Ended>;
    type IntoFuture = BoxFuture<'static, Result<(), Ended>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { divider, events, handler, shutdown, pauses } = self;
        let supervisor = Supervisor::new(divider, handler, pauses);
        Box::pin(supervisor.run(events, shutdown))
    }
}

impl<H, S> fmt::Debug for Run<H, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("divider", &self.divider).finish_non_exhaustive()
    }
}
