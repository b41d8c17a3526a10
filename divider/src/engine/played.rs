//! An engine played by a test: it says what a real one would, without a store.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::clock::Clock;
use super::requests::{QUEUE, Request};
use super::{Services, Shared};
use crate::divider::Divider;
use crate::error::Ended;
use crate::event::Reason;
use crate::events::Events;
use crate::id::{GroupName, NodeId, Session, Token};
use crate::key::Key;
use crate::store::Store;
use divider_core::edge::{Command, Reply};

/// The engine's side of one node.
pub(crate) struct Played {
    shared: Arc<Shared>,
    requests: mpsc::Receiver<Request>,
}

fn group() -> GroupName {
    GroupName::new("g").expect("legal")
}

impl Played {
    /// A node with a session and an hour of lease.
    pub(crate) fn new() -> (Self, Divider, Events) {
        Self::with_services(Services::unused(&group()))
    }

    /// The same on a store, for what assignments do with it.
    pub(crate) fn on(store: &Arc<dyn Store>) -> (Self, Divider, Events) {
        Self::with_services(Services::new(store, HOUR))
    }

    fn with_services(services: Services) -> (Self, Divider, Events) {
        let node = NodeId::new("n").expect("legal");
        let shared = Shared::with_services(group(), node, 100, Clock::of_caller(), services);
        let shared = Arc::new(shared);
        let (commands, requests) = mpsc::channel(QUEUE);
        let divider = Divider::new(Arc::clone(&shared), commands);
        let events = Events::new(Arc::clone(&shared));
        let played = Self { shared, requests };
        played.begin(1);
        played.extend(HOUR, HOUR);
        (played, divider, events)
    }

    pub(crate) fn begin(&self, session: u128) {
        self.shared.queue(|queue| queue.begin(Session::from_bits(session)));
    }

    /// The session becomes a member's.
    pub(crate) fn join(&self) {
        self.shared.queue(|queue| queue.set_member(true));
    }

    /// The session is given up.
    pub(crate) fn fence(&self) {
        self.shared.queue(|queue| queue.set_member(false));
    }

    /// Sets what is left of the lease, and of the time for starts.
    pub(crate) fn extend(&self, lease: Duration, start: Duration) {
        let now = self.shared.clock().time();
        self.shared.queue(|queue| queue.extend(now + lease, now + start));
    }

    pub(crate) fn start(&self, key: &str, token: u64) {
        self.shared.queue(|queue| queue.start(self::key(key), Token(token)));
    }

    pub(crate) fn stop(&self, key: &str, token: u64) {
        self.shared.queue(|queue| queue.stop(self::key(key), Token(token), Reason::Drain, None));
    }

    /// Tells a stop that ends by itself after that span.
    pub(crate) fn stop_within(&self, key: &str, token: u64, span: Duration) {
        let until = Some(self.shared.clock().time() + span);
        self.shared.queue(|queue| queue.stop(self::key(key), Token(token), Reason::Drain, until));
    }

    /// Loses a key after that span.
    pub(crate) fn lose(&self, key: &str, token: u64, after: Duration) {
        let until = self.shared.clock().time() + after;
        self.shared.queue(|queue| queue.lose(self::key(key), Token(token), Reason::Fenced, until));
    }

    /// What the application confirmed since the last call.
    pub(crate) fn take_confirmed(&self) -> Vec<(String, u64)> {
        let confirmed = self.shared.queue(super::queue::Queue::take_confirmed);
        confirmed.into_iter().map(|(key, token)| (key.to_string(), token.0)).collect()
    }

    /// Waits until the application has confirmed something.
    pub(crate) async fn confirmed(&self) -> Vec<(String, u64)> {
        loop {
            let confirmed = self.take_confirmed();
            if !confirmed.is_empty() {
                return confirmed;
            }
            self.shared.wake.notified().await;
        }
    }

    /// Whether the start of the key was not taken.
    pub(crate) fn is_untold(&self, key: &str) -> bool {
        let assigned = self.shared.assigned();
        !assigned.iter().any(|assignment| assignment.key().as_str() == key)
    }

    /// Waits for the application's next command.
    pub(crate) async fn request(&mut self) -> Request {
        self.requests.recv().await.expect("the application has its handle")
    }

    /// The application's next command, if it has sent one.
    pub(crate) fn try_request(&mut self) -> Option<Request> {
        self.requests.try_recv().ok()
    }

    /// Waits for the application's next command and answers it.
    pub(crate) async fn answer(&mut self, reply: Reply) -> Command {
        let request = self.request().await;
        // Whoever asked may have stopped waiting.
        let _ = request.answer.send(reply);
        request.command
    }

    /// Waits for the application to cancel the node.
    pub(crate) async fn cancelled(&self) {
        self.shared.cancel_requested().await;
    }

    pub(crate) fn end(&self, ended: Ended) {
        self.shared.end(ended);
    }
}

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).expect("legal")
}

const HOUR: Duration = Duration::from_hours(1);
