//! The task that answers what nobody else answers.

use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::select;
use tokio::sync::mpsc;

use super::gate::{AcceptGuard, OpenGuard};
use crate::assignment::Assignment;
use crate::store::{AnswerStatus, RequestAnswer, RequestListener, Responder};

/// One task for all keys of a node, so that dropping a [`Request`](super::Request) or
/// [`Requests`](super::Requests) can be answered, which takes longer than a drop may. There is none
/// before the first key asks for its requests, and it ends with the node.
#[derive(Debug, Default)]
pub(crate) struct Closer(Mutex<Option<mpsc::UnboundedSender<Job>>>);

/// What is left to do. Not bounded: there is at most one for each listener and each accepted request.
pub(super) enum Job {
    /// Stop listening, and refuse what arrived.
    Close(Closing),
    /// Tell the caller of a request what became of it.
    Answer(Box<dyn Responder>, RequestAnswer, Option<AcceptGuard>),
}

/// A listener that stops.
pub(super) struct Closing {
    pub(super) listener: Box<dyn RequestListener>,
    pub(super) assignment: Assignment,
    pub(super) guard: OpenGuard,
}

impl Closer {
    /// Makes sure that the task runs. The caller's runtime runs it.
    pub(super) fn start(&self) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The runtime that ran it may have ended.
        if jobs.as_ref().is_none_or(mpsc::UnboundedSender::is_closed) {
            let (sender, receiver) = mpsc::unbounded_channel();
            tokio::spawn(run(receiver));
            *jobs = Some(sender);
        }
    }

    /// Has it done. Without the task it is undone: the caller waits for its deadline.
    pub(super) fn give(&self, job: Job) {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = &*jobs {
            let _ = jobs.send(job);
        }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

/// Does what is given, all at the same time, until nobody can give anything any more.
async fn run(mut jobs: mpsc::UnboundedReceiver<Job>) {
    let mut running: FuturesUnordered<BoxFuture<'static, ()>> = FuturesUnordered::new();
    let mut open = true;
    while open || !running.is_empty() {
        select! {
            job = jobs.recv(), if open => match job {
                Some(job) => running.push(Box::pin(run_job(job))),
                None => open = false,
            },
            Some(()) = running.next() => {}
        }
    }
}

async fn run_job(job: Job) {
    let work: BoxFuture<'_, ()> = match job {
        Job::Close(closing) => Box::pin(close(closing)),
        Job::Answer(responder, answer, guard) => Box::pin(async move {
            if let Err(error) = responder.answer(answer).await {
                tracing::debug!(%error, "request not answered");
            }
            drop(guard);
        }),
    };
    if tokio::time::timeout(AT_MOST, work).await.is_err() {
        tracing::debug!("requests not answered in time");
    }
}

async fn close(closing: Closing) {
    let Closing { mut listener, assignment, guard } = closing;
    listener.stop().await;
    while let Some(request) = poll_fn(|cx| listener.poll_next(cx)).await {
        // Only the owner may say that it was not accepted: after that, another one may have accepted
        // the same message.
        if assignment.is_valid() {
            let answer = RequestAnswer::of_status(AnswerStatus::Moved, assignment.token());
            if request.responder.answer(answer).await.is_err() {
                break;
            }
        }
    }
    drop(guard);
}

/// How long one of them may take: longer than a connection that is there, and far below a lease of
/// several servers.
const AT_MOST: Duration = Duration::from_secs(2);
