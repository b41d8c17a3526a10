//! Events at a time, and their queue.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::faults::Fault;
use crate::edge::{Input, ReadId, RequestId, WatchId, WriteId};
use crate::id::Token;
use crate::key::Key;
use crate::log::{Filter, Write};
use crate::time::Time;

/// An event at a time.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// A message reaches the store.
    Arrive(usize, u32, Message),
    /// An input reaches a process.
    Input(usize, u32, Input),
    /// A core's timer, set for this time.
    Timer(usize, u32, Time),
    /// A process carries out the actions of its last inputs.
    Settle(usize, u32),
    /// The store sends the next record of a watch.
    Feed(usize, u32, WatchId),
    /// The application takes a start that it received.
    Take(usize, u32, Key, Token),
    /// The application's run ends, and it confirms.
    Stopped(usize, u32, Key, Token),
    /// The application fails at a key, and releases it.
    Panic(usize, u32, Key, Token),
    /// A fault begins or ends.
    Fault(Fault),
    /// A command to a process must be answered by now.
    Due(usize, u32, RequestId),
    /// Checks whether a key still has two owners.
    Overlap,
}

impl Event {
    /// The process of the event, and its incarnation.
    pub(super) fn host(&self) -> Option<(usize, u32)> {
        match self {
            Self::Input(at, epoch, _)
            | Self::Timer(at, epoch, _)
            | Self::Settle(at, epoch)
            | Self::Take(at, epoch, ..)
            | Self::Stopped(at, epoch, ..)
            | Self::Panic(at, epoch, ..)
            | Self::Due(at, epoch, _) => Some((*at, *epoch)),
            Self::Arrive(..) | Self::Feed(..) | Self::Fault(_) | Self::Overlap => None,
        }
    }

    /// A number for the kind and the process.
    pub(super) fn mark(&self) -> u64 {
        let (kind, at) = match self {
            Self::Arrive(at, _, message) => (message.mark(), *at),
            Self::Input(at, ..) => (5, *at),
            Self::Timer(at, ..) => (6, *at),
            Self::Settle(at, _) => (7, *at),
            Self::Feed(at, ..) => (8, *at),
            Self::Take(at, ..) => (9, *at),
            Self::Stopped(at, ..) => (10, *at),
            Self::Panic(at, ..) => (11, *at),
            Self::Fault(_) => (12, 0),
            Self::Overlap => (13, 0),
            Self::Due(at, ..) => (14, *at),
        };
        kind << 32 | at as u64
    }
}

/// A request of a process to the store.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Write(WriteId, Write),
    Read(ReadId, String),
    Open(WatchId, Filter),
    Info,
}

impl Message {
    fn mark(&self) -> u64 {
        match self {
            Self::Write(..) => 1,
            Self::Read(..) => 2,
            Self::Open(..) => 3,
            Self::Info => 4,
        }
    }
}

/// Future events by time. Events of one time keep the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Queue {
    order: BinaryHeap<Reverse<(Time, u64, usize)>>,
    events: Vec<Option<Event>>,
    free: Vec<usize>,
    next: u64,
}

impl Queue {
    pub(super) fn push(&mut self, when: Time, event: Event) {
        self.next += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.events.push(None);
            self.events.len() - 1
        });
        self.events[slot] = Some(event);
        self.order.push(Reverse((when, self.next, slot)));
    }

    /// The next event, if it is not after `end`.
    pub(super) fn pop(&mut self, end: Time) -> Option<(Time, Event)> {
        let Reverse((when, _, slot)) = *self.order.peek()?;
        if when > end {
            return None;
        }
        self.order.pop();
        self.free.push(slot);
        self.events[slot].take().map(|event| (when, event))
    }

    /// How many events were ever added.
    pub(super) fn count(&self) -> u64 {
        self.next
    }
}
