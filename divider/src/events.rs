//! The stream of events.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;

use crate::assignment::Assignment;
use crate::engine::{Shared, Taken, TakenEvent};
use crate::event::Event;
use crate::handoff::Handoff;

/// What the node tells the application, in the order in which each key needs it.
///
/// Stops and losses come before starts. Nothing is lost while the application does not read, and the
/// node keeps its lease; but a start that was not taken when its key has to stop again, or when the
/// lease runs out, is taken back and never seen. It ends (`None`) when the node is over;
/// [`Divider::ended`](crate::Divider::ended) says why.
///
/// Dropping it (both halves, if it was split) cancels the node, since there is nobody left to be
/// told anything: see [`Divider::cancel`](crate::Divider::cancel). Nothing is flushed.
#[derive(Debug)]
pub struct Events {
    starts: Starts,
    stops: Stops,
}

/// The starts alone: one half of [`Events::split`].
#[derive(Debug)]
pub struct Starts {
    listener: Arc<Listener>,
}

/// The stops and losses alone: one half of [`Events::split`].
#[derive(Debug)]
pub struct Stops {
    listener: Arc<Listener>,
}

/// Cancels the node when nobody listens any more.
#[derive(Debug)]
struct Listener {
    shared: Arc<Shared>,
}

impl Events {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let listener = Arc::new(Listener { shared });
        Self { starts: Starts { listener: Arc::clone(&listener) }, stops: Stops { listener } }
    }

    /// The next event; `None` when the node is over.
    ///
    /// # Cancel safety
    /// Cancel safe: an event that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// The starts and the stops as two streams, for two tasks.
    ///
    /// Whoever takes a start hands the key to whoever hears the stops before it takes the next:
    /// between the two streams nothing keeps the order of a key's start and its stop.
    pub fn split(self) -> (Starts, Stops) {
        (self.starts, self.stops)
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let shared = &self.stops.listener.shared;
        shared.poll_event(cx).map(|event| {
            Some(match event? {
                TakenEvent::Start(assignment) => Event::Start(assignment),
                TakenEvent::End(taken) => {
                    let handoff = handoff(taken, shared);
                    let is_loss = handoff.reason().is_loss();
                    if is_loss { Event::Lost(handoff) } else { Event::Stop(handoff) }
                }
            })
        })
    }
}

impl Starts {
    /// The next start; `None` when the node is over.
    ///
    /// # Cancel safety
    /// Cancel safe: a start that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Assignment> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Assignment>> {
        self.listener.shared.poll_start(cx)
    }
}

impl Stops {
    /// The next stop or loss; `None` when the node is over. [`Reason::is_loss`](crate::Reason::is_loss)
    /// of its [reason](Handoff::reason) tells which.
    ///
    /// # Cancel safety
    /// Cancel safe: a stop that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Handoff> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Handoff>> {
        let shared = &self.listener.shared;
        shared.poll_end(cx).map(|taken| Some(handoff(taken?, shared)))
    }
}

fn handoff(taken: Taken, shared: &Arc<Shared>) -> Handoff {
    Handoff::new(taken.assignment, taken.reason, taken.deadline, Arc::clone(shared))
}

impl Stream for Events {
    type Item = Event;
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(cx)
    }
}

impl Stream for Starts {
    type Item = Assignment;
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Assignment>> {
        self.poll(cx)
    }
}

impl Stream for Stops {
    type Item = Handoff;
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Handoff>> {
        self.poll(cx)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.request_cancel();
    }
}
