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

/// The requests of the node to the application. The events of one key come in the order in which
/// the application must handle them. If events of several keys wait, stops and losses come first.
///
/// If the application does not read its events, the node keeps its lease, and the events wait. Only
/// a start may be withdrawn: if its key has to stop again, or the lease ends, before the
/// application has read the start. Then the application does not see it. The stream ends (`None`)
/// when the node has ended; [`Divider::ended`](crate::Divider::ended) returns the reason.
///
/// Dropping the stream cancels the node, because the application gets no more requests: see
/// [`Divider::cancel`](crate::Divider::cancel). After a [`split`](Self::split), dropping both
/// halves cancels the node. No key is handed over.
#[derive(Debug)]
pub struct Events {
    starts: Starts,
    stops: Stops,
}

/// Only the starts: one half of [`Events::split`].
#[derive(Debug)]
pub struct Starts {
    listener: Arc<Listener>,
}

/// Only the stops and losses: one half of [`Events::split`].
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

    /// The next event; `None` when the node has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: the next call returns an event that this call did not return.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// The starts and the stops as two streams, for two tasks.
    ///
    /// The two streams do not keep the order between a key's start and its stop. So the task that
    /// reads the starts must pass each key to the task that reads the stops, before it reads the
    /// next start.
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
    /// The next start; `None` when the node has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: the next call returns a start that this call did not return.
    pub async fn next(&mut self) -> Option<Assignment> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Assignment>> {
        self.listener.shared.poll_start(cx)
    }
}

impl Stops {
    /// The next stop or loss; `None` when the node has ended. To find out which of the two it is,
    /// call [`Reason::is_loss`](crate::Reason::is_loss) on its [reason](Handoff::reason).
    ///
    /// # Cancel safety
    /// Cancel safe: the next call returns a stop that this call did not return.
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
