//! When a node is driven again: one table, with one entry for each thing that it waits for.

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
    /// A time that was set for one key.
    Key,
    /// The log or an own claim is asked for.
    Audit,
    /// The next heartbeat, the fence, or the next step to a session.
    Session,
    /// Another node's lease ends, or its member record is deleted.
    Peers,
    /// The own member record is written, or joins settle.
    Member,
    /// The deadline of the drain of this node.
    Drain,
    /// Something is collected.
    Collection,
    /// A flush makes no progress.
    Flush,
    /// Another node's turn to take an orphan is over.
    Turn,
}

/// The number of [`Timer`]s.
const TIMERS: usize = Timer::Turn as usize + 1;

/// The times of all timers; no time: not set.
#[derive(Debug, Default)]
pub(super) struct TimerTable([Option<Time>; TIMERS]);

impl TimerTable {
    pub(super) fn set(&mut self, timer: Timer, at: Option<Time>) {
        self.0[timer as usize] = at;
    }

    pub(super) fn is_due(&self, now: Time) -> bool {
        self.0.iter().flatten().any(|at| *at <= now)
    }

    /// The first time after `looked`: what was due then was driven, and waits for something else.
    pub(super) fn next_after(&self, looked: Time) -> Option<Time> {
        self.0.iter().flatten().filter(|at| **at > looked).min().copied()
    }
}
