//! A key whose work has to stop, until the application confirms the stop.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::assignment::Assignment;
use crate::engine::Shared;
use crate::event::Reason;
use crate::id::Token;
use crate::key::Key;
use divider_core::time::Time;

/// A key whose work has to stop on this node. Call [`confirm`](Self::confirm) when the work has
/// stopped.
///
/// A loss may follow a stop of the same assignment. It comes with its own `Handoff`; confirming
/// either of the two is enough.
///
/// Dropping a `Handoff` confirms nothing: the key stays unconfirmed. The metric
/// `divider_dropped_handoffs_total`, the log lines and the snapshots of the group show this. The
/// stop can still be confirmed with [`Divider::confirm_stop`](crate::Divider::confirm_stop).
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

    /// Why the work has to stop.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The time that is left for stopping; zero when it has passed.
    ///
    /// After a loss, the time ends when another node may start the key. For a stop, the value is
    /// `None` (there is no limit), unless [`Builder::stop_timeout`](crate::Builder::stop_timeout)
    /// is set.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.since(self.shared.clock().time()))
    }

    /// Confirms that the work on the key has stopped on this node. This method never blocks. It
    /// does nothing if the stop was confirmed before, or if the run has ended in another way since.
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
