//! A key that has to stop, until the application says that it has.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::assignment::Assignment;
use crate::engine::Shared;
use crate::event::Reason;
use crate::id::Token;
use crate::key::Key;
use divider_core::time::Time;

/// A key that has to stop on this node. [`confirm`](Self::confirm) it when the work has stopped.
///
/// A loss may follow a stop of the same assignment, with a hand-off of its own; confirming either is
/// enough.
///
/// Dropping it confirms nothing: the key stays unconfirmed, visibly (in `divider_dropped_handoffs_total`,
/// in the log and in the group's view), and can still be confirmed with
/// [`Divider::confirm_stop`](crate::Divider::confirm_stop).
#[must_use = "the key is handed over only after `confirm()`"]
pub struct Handoff {
    assignment: Assignment,
    reason: Reason,
    deadline: Option<Time>,
    shared: Arc<Shared>,
    confirmed: bool,
}

impl Handoff {
    pub(crate) fn new(
        assignment: Assignment,
        reason: Reason,
        deadline: Option<Time>,
        shared: Arc<Shared>,
    ) -> Self {
        Self { assignment, reason, deadline, shared, confirmed: false }
    }

    /// The key.
    pub fn key(&self) -> &Key {
        self.assignment.key()
    }

    /// The token of the assignment that has to stop.
    pub fn token(&self) -> Token {
        self.assignment.token()
    }

    /// The assignment that has to stop.
    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// How long there is to stop; zero when that time is over.
    ///
    /// After a loss: until the key may run elsewhere. For a stop it is `None` ("as long as it
    /// takes"), unless [`Builder::stop_timeout`](crate::Builder::stop_timeout) is set.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.since(self.shared.clock().time()))
    }

    /// Says that the work on the key has stopped here. Never blocks; confirming what was confirmed
    /// already, or is over since, does nothing.
    pub fn confirm(mut self) {
        self.confirmed = true;
        self.shared.confirm(self.assignment.key(), self.assignment.token());
    }

    /// When there is no more time to stop.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.deadline
    }
}

impl Drop for Handoff {
    fn drop(&mut self) {
        if !self.confirmed {
            self.shared.handoff_dropped(self.key(), self.token(), self.reason);
        }
    }
}

impl fmt::Debug for Handoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handoff")
            .field("key", self.key())
            .field("token", &self.token())
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}
