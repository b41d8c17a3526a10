//! What happened, as this viewer saw it.

use std::collections::VecDeque;

use crate::conditions::Severity;

/// One line of what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its number, from 1 on.
    pub(crate) number: u64,
    /// When, in Unix milliseconds.
    pub(crate) unix_ms: u64,
    pub(crate) kind: EventKind,
    pub(crate) severity: Severity,
    /// What happened. Names in it come from the log.
    pub(crate) text: String,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum EventKind {
    Node,
    Key,
    Wish,
    Link,
    Group,
    Problem,
    /// What was done from this screen.
    Mine,
}

impl EventKind {
    /// One lower-case word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Key => "key",
            Self::Wish => "request",
            Self::Link => "link",
            Self::Group => "group",
            Self::Problem => "problem",
            Self::Mine => "you",
        }
    }
}

/// The newest events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Events {
    ring: VecDeque<Event>,
    /// How many there were.
    count: u64,
}

/// So many events are kept.
pub(crate) const KEPT: usize = 5000;

impl Events {
    pub(crate) fn push(&mut self, unix_ms: u64, kind: EventKind, severity: Severity, text: String) {
        self.count += 1;
        if self.ring.len() == KEPT {
            self.ring.pop_front();
        }
        self.ring.push_back(Event { number: self.count, unix_ms, kind, severity, text });
    }

    /// From the oldest to the newest.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Event> + ExactSizeIterator {
        self.ring.iter()
    }

    /// How many there were, those that are forgotten included.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// One of them, by its number.
    pub(crate) fn get(&self, number: u64) -> Option<&Event> {
        let first = self.ring.front()?.number;
        self.ring.get(usize::try_from(number.checked_sub(first)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_events_are_kept() {
        let mut events = Events::default();
        for n in 0..6000_u64 {
            events.push(n, EventKind::Key, Severity::Note, n.to_string());
        }
        assert_eq!((events.iter().len(), events.count()), (KEPT, 6000));
        assert_eq!(events.get(6000).map(|e| e.text.as_str()), Some("5999"));
        assert_eq!(events.get(1001).map(|e| e.number), Some(1001));
        assert_eq!(events.get(1000), None);
        assert_eq!(events.get(6001), None);
    }
}
