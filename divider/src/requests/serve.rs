//! The owner's side.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::closer::{Closing, Job};
use super::error::{ReplyError, ServeError};
use super::gate::{AcceptGuard, Gate, OpenGuard};
use crate::assignment::Assignment;
use crate::engine::Services;
use crate::id::Token;
use crate::key::Key;
use crate::store::{
    AnswerStatus, ReceivedRequest, RequestAnswer, RequestListener, Responder, SendError, StoreError,
};

/// The requests of one key, for its owner: see [`Assignment::requests`](crate::Assignment::requests).
///
/// It ends (`None`) when the key has to stop. Dropping it stops listening at once: what arrived and was
/// not accepted is answered as moved, in the background, and its callers try again.
#[must_use = "requests arrive only while it is polled, and it stops when it is dropped"]
pub struct Requests {
    assignment: Assignment,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
    gate: Arc<Gate>,
    /// `None` once it has stopped.
    open: Option<(Box<dyn RequestListener>, OpenGuard)>,
}

impl Requests {
    /// Listens for the requests of this assignment.
    pub(crate) async fn open(assignment: &Assignment) -> Result<Self, ServeError> {
        let key = || assignment.key().clone();
        let not_owned = || ServeError::NotOwned { key: key() };
        let store = assignment.services().store().ok_or_else(not_owned)?;
        let transport = store.requests().ok_or(ServeError::Unsupported)?;
        let gate = Arc::clone(assignment.gate());
        let Some(guard) = gate.open().await else {
            return Err(ServeError::Served { key: key() });
        };
        assignment.services().closer().start();
        if assignment.is_cancelled() || !assignment.is_valid() {
            return Err(not_owned());
        }
        let listener = transport.listen(assignment.key()).await;
        let listener = listener.map_err(|source| ServeError::Store { key: key(), source })?;
        let cancelled = Box::pin(assignment.cancellation_token().cancelled_owned());
        let assignment = assignment.clone();
        Ok(Self { assignment, cancelled, gate, open: Some((listener, guard)) })
    }

    /// Accepts the next request. `None`: the key has to stop, so that no further one is accepted; or the
    /// connection is closed for ever.
    ///
    /// # Cancel safety
    /// Cancel safe: a request that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Request> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Stops listening, and waits until every request that arrived and was not accepted is answered as
    /// moved; two seconds at most.
    ///
    /// [`run`](crate::run()) waits for that by itself before it confirms a stop. Who handles events
    /// without `run` calls this, answers the requests that it has accepted, and then confirms the
    /// [`Handoff`](crate::Handoff). Otherwise callers whose request arrived in the last moment get
    /// [`RequestError::Unanswered`](super::RequestError::Unanswered) in place of the next owner's reply.
    ///
    /// # Cancel safety
    /// Once polled it stops listening, whether or not this is waited for.
    pub async fn close(mut self) {
        self.stop();
        self.gate.closed().await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Request>> {
        loop {
            if self.cancelled.as_mut().poll(cx).is_ready() || self.assignment.is_cancelled() {
                self.stop();
            }
            let Some((listener, guard)) = &mut self.open else { return Poll::Ready(None) };
            let Some(received) = std::task::ready!(listener.poll_next(cx)) else {
                self.stop();
                return Poll::Ready(None);
            };
            if self.assignment.is_cancelled() {
                self.refuse(received);
            } else if self.assignment.is_valid() {
                let guard = guard.accept();
                return Poll::Ready(Some(Request::new(&self.assignment, received, guard)));
            }
            // The lease is over, and nobody has noticed yet: another owner may have accepted it.
        }
    }

    /// It arrived, and the key has to stop since.
    fn refuse(&self, received: ReceivedRequest) {
        if self.assignment.is_valid() {
            let answer = RequestAnswer::of_status(AnswerStatus::Moved, self.assignment.token());
            // The listener's guard is held until all that arrived is answered.
            self.services().closer().give(Job::Answer(received.responder, answer, None));
        }
    }

    fn stop(&mut self) {
        if let Some((listener, guard)) = self.open.take() {
            guard.begin_to_close();
            let assignment = self.assignment.clone();
            self.services().closer().give(Job::Close(Closing { listener, assignment, guard }));
        }
    }

    fn services(&self) -> &Services {
        self.assignment.services()
    }
}

impl Stream for Requests {
    type Item = Request;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Request>> {
        self.poll(cx)
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("assignment", &self.assignment).finish_non_exhaustive()
    }
}

/// A request that this node has accepted. [`reply`](Self::reply) to it.
///
/// It can be sent to another task. [`run`](crate::run()) does not confirm a stop of the key before it is
/// answered or dropped. Dropping it tells the caller that it was dropped.
#[must_use = "dropping it tells the caller that it was dropped"]
pub struct Request {
    assignment: Assignment,
    payload: Bytes,
    /// `None` once it is answered.
    open: Option<(Box<dyn Responder>, AcceptGuard)>,
}

impl Request {
    fn new(assignment: &Assignment, received: ReceivedRequest, guard: AcceptGuard) -> Self {
        let ReceivedRequest { payload, responder } = received;
        Self { assignment: assignment.clone(), payload, open: Some((responder, guard)) }
    }

    /// What the caller sent.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The key.
    pub fn key(&self) -> &Key {
        self.assignment.key()
    }

    /// The fencing token of the assignment that accepted it. Pass it along where the request writes
    /// something. The reply has it, too, so that the caller sees who answered.
    pub fn token(&self) -> Token {
        self.assignment.token()
    }

    /// Sends the reply. It returns when the reply is on its way to the server.
    ///
    /// # Errors
    /// [`ReplyError`]. The caller is told that the request was dropped, where that can be sent.
    ///
    /// # Cancel safety
    /// Dropped before it has sent the reply, it drops the request.
    pub async fn reply(mut self, payload: impl Into<Bytes>) -> Result<(), ReplyError> {
        let answer = RequestAnswer::replied(self.token(), payload.into());
        let Some((responder, _)) = &self.open else { return Ok(()) };
        match responder.answer(answer).await {
            Ok(()) => {
                self.open = None;
                Ok(())
            }
            Err(SendError::TooLarge { len, most }) => Err(ReplyError::TooLarge { len, most }),
            Err(SendError::NotSent { source } | SendError::AnswerLost { source }) => {
                Err(ReplyError::NotSent { source })
            }
            Err(SendError::NobodyListens) => {
                let what = "nobody waits for the reply".to_owned();
                Err(ReplyError::NotSent { source: StoreError::Other { what } })
            }
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some((responder, guard)) = self.open.take() {
            let answer = RequestAnswer::of_status(AnswerStatus::Dropped, self.token());
            self.assignment.services().closer().give(Job::Answer(responder, answer, Some(guard)));
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("key", self.key())
            .field("token", &self.token())
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}
