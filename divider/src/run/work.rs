//! The task of one key.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::FutureExt;

use super::releases::Releases;
use super::{Finish, Settings};
use crate::assignment::Assignment;
use crate::backoff::Backoff;
use crate::divider::Divider;
use crate::error::KeyError;
use crate::report::chain;
use divider_core::edge::Failure;

/// What the tasks of all keys of a node have in common.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) settings: Settings,
    pub(super) releases: Arc<Mutex<Releases>>,
}

impl Context {
    fn count_release(&self, divider: &Divider, assignment: &Assignment) {
        let mut releases = self.releases.lock().unwrap_or_else(PoisonError::into_inner);
        releases.add(divider.clock().time(), assignment.key());
    }
}

/// The failures of a handler in a row.
#[derive(Debug, Clone, Copy)]
struct Row {
    failures: u32,
    /// Whether every attempt of this run failed.
    goes_on: bool,
}

impl Row {
    /// Why the key is given up, for a quarantine at once.
    fn failure(self, error: &(dyn std::error::Error + 'static)) -> Failure {
        let Self { failures: attempts, goes_on } = self;
        Failure { reason: chain(error).to_string(), attempts, goes_on, limit: 0 }
    }
}

/// Calls the handler until the key is done, released, or has to stop.
pub(super) async fn work<H, Fut>(
    divider: Divider,
    assignment: Assignment,
    handler: Arc<H>,
    context: Context,
) where
    H: Fn(Assignment) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<Finish>> + Send + 'static,
{
    let settings = context.settings;
    let (finish, row) = attempt_until_finished(&divider, &assignment, &*handler, settings).await;
    // What it accepted is answered before the key goes elsewhere. Whoever has to stop in time is dropped
    // here at the deadline, too.
    assignment.requests_settled().await;
    let result = match finish {
        // After a stop as well: until that is confirmed the key is this node's, and none other may do
        // the work once more. The core refuses it where the key was lost.
        Finish::Done => divider.complete(&assignment).await,
        Finish::Release if !assignment.is_cancelled() => {
            let result = divider.release(&assignment).await;
            if result.is_ok() {
                context.count_release(&divider, &assignment);
            }
            result
        }
        Finish::Retry(error) if !assignment.is_cancelled() => {
            let failed = |limit| Failure { limit, ..row.failure(&*error) };
            let result = match settings.quarantine_after {
                Some(limit) => divider.fail(&assignment, failed(limit)).await,
                None => divider.release(&assignment).await,
            };
            if result.is_ok() {
                context.count_release(&divider, &assignment);
            }
            result
        }
        // After a stop as well: the next node could not do the work either.
        Finish::Quarantine(error) => divider.fail(&assignment, row.failure(&*error)).await,
        // It has to stop: the supervisor confirms.
        Finish::Release | Finish::Retry(_) => return,
    };
    match result {
        // Announced again: it is started again, here or elsewhere.
        Ok(()) | Err(KeyError::AnnouncedAgain { .. }) => {}
        // Not deleted: it is started again elsewhere. The node has told what its store refused.
        Err(error) => tracing::debug!(%error, "key not deleted"),
    }
}

/// Returns [`Finish::Retry`] only where the key has to stop, or where the handler failed too often.
async fn attempt_until_finished<H, Fut>(
    divider: &Divider,
    assignment: &Assignment,
    handler: &H,
    settings: Settings,
) -> (Finish, Row)
where
    H: Fn(Assignment) -> Fut,
    Fut: Future<Output: Into<Finish>>,
{
    let pauses = settings.pauses;
    let mut backoff = Backoff::new(pauses.first, pauses.longest);
    let mut row = Row { failures: 0, goes_on: true };
    loop {
        let begun = divider.clock().time();
        let error = match attempt(assignment, handler).await {
            Finish::Retry(error) => error,
            Finish::Quarantine(error) => {
                divider.handler_failed();
                row.failures = row.failures.saturating_add(1);
                return (Finish::Quarantine(error), row);
            }
            finish => return (finish, row),
        };
        if assignment.is_cancelled() {
            return (Finish::Retry(error), row);
        }
        if divider.clock().time().since(begun) > pauses.longest {
            backoff.reset();
            row = Row { failures: 0, goes_on: false };
        }
        divider.handler_failed();
        row.failures = row.failures.saturating_add(1);
        if settings.max_attempts.is_some_and(|most| row.failures >= most) {
            let failures = row.failures;
            tracing::warn!(error = %chain(&*error), failures, "handler failed too often; key released");
            return (Finish::Retry(error), row);
        }
        let pause = backoff.next(getrandom::u32().unwrap_or(0));
        tracing::warn!(error = %chain(&*error), ?pause, "handler failed; retrying");
        let pause = tokio::time::sleep(pause);
        if assignment.cancellation_token().run_until_cancelled(pause).await.is_none() {
            return (Finish::Retry(error), row);
        }
        assignment.count_attempt();
    }
}

async fn attempt<H, Fut>(assignment: &Assignment, handler: &H) -> Finish
where
    H: Fn(Assignment) -> Fut,
    Fut: Future<Output: Into<Finish>>,
{
    // The call is inside the future, so that a handler that panics before its first await is caught
    // too. Nothing of a handler that panicked is used again but what it shares by itself.
    let attempt = AssertUnwindSafe(async { handler(assignment.clone()).await.into() });
    attempt.catch_unwind().await.unwrap_or_else(|panic| {
        let words = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Finish::Retry(format!("handler panicked: {words}").into())
    })
}
