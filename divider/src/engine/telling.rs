//! What the application is told, several things at a time.

use std::sync::Arc;

use super::queue::Queue;
use super::shared::Shared;
use crate::event::Reason;
use crate::id::Token;
use crate::key::Key;
use divider_core::time::Time;

/// How many are put into the queue under one lock, and wake the application once.
const AT_ONCE: usize = 64;

/// One thing to tell.
#[derive(Debug)]
pub(super) enum Told {
    Start(Key, Token),
    Stop(Key, Token, Reason, Option<Time>),
    Lost(Key, Token, Reason, Time),
}

impl Told {
    fn put(self, queue: &mut Queue) {
        match self {
            Self::Start(key, token) => queue.start(key, token),
            Self::Stop(key, token, reason, until) => queue.stop(key, token, reason, until),
            Self::Lost(key, token, reason, until) => queue.lose(key, token, reason, until),
        }
    }
}

/// Collects what one round of the engine tells, so that a thousand keys that stop together do not
/// wake the application a thousand times. Nothing stays here when the round is over.
#[derive(Debug)]
pub(super) struct Telling {
    shared: Arc<Shared>,
    collected: Vec<Told>,
}

impl Telling {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, collected: Vec::with_capacity(AT_ONCE) }
    }

    pub(super) fn add(&mut self, told: Told) {
        self.collected.push(told);
        if self.collected.len() == AT_ONCE {
            self.tell();
        }
    }

    /// Tells what was collected, in order.
    pub(super) fn tell(&mut self) {
        if !self.collected.is_empty() {
            let collected = &mut self.collected;
            self.shared.queue(|queue| collected.drain(..).for_each(|told| told.put(queue)));
        }
    }
}
