//! When a node runs again: one table, with one entry for each thing that it waits for.

use crate::time::Time;

/// What a node waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// Joins and moves that the plan waits for.
    Plan,
    /// The watch is silent, or a snapshot makes no progress.
    Watch,
    /// The time to live of a key ends.
    Expiry,
    /// The timer of one key.
    Key,
    /// The audit of the log or of one of this node's own claims.
    Audit,
    /// The next heartbeat, the fence, or the next step to a session.
    Session,
    /// Another node's lease ends, or its member record is deleted.
    Peers,
    /// This node's own member record is written, or joins settle.
    Member,
    /// The deadline of the drain of this node.
    Drain,
    /// A step of the collection.
    Collection,
    /// A flush makes no progress.
    Flush,
    /// Another node's turn to take an orphan ends.
    Turn,
}

/// The number of [`Timer`]s.
const TIMERS: usize = Timer::Turn as usize + 1;

/// The times of all timers. `None`: the timer is not set.
#[derive(Debug, Default)]
pub(super) struct TimerTable([Option<Time>; TIMERS]);

impl TimerTable {
    pub(super) fn set(&mut self, timer: Timer, at: Option<Time>) {
        self.0[timer as usize] = at;
    }

    pub(super) fn is_due(&self, now: Time) -> bool {
        self.0.iter().flatten().any(|at| *at <= now)
    }

    /// The first time after `driven_at`. Everything due until then has run, and waits for something
    /// else.
    pub(super) fn next_after(&self, driven_at: Time) -> Option<Time> {
        self.0.iter().flatten().filter(|at| **at > driven_at).min().copied()
    }
}
