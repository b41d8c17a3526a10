//! What happened, as this viewer saw it.

use std::collections::VecDeque;

use crate::conditions::Severity;

/// One line of what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its number, which grows from event to event.
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
    Request,
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
            Self::Request => "request",
            Self::Link => "link",
            Self::Group => "group",
            Self::Problem => "problem",
            Self::Mine => "you",
        }
    }
}

/// An event that has no number yet.
#[derive(Debug, Clone)]
pub(crate) struct NewEvent {
    pub(crate) unix_ms: u64,
    pub(crate) kind: EventKind,
    pub(crate) severity: Severity,
    pub(crate) text: String,
}

/// The newest events.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    ring: VecDeque<Event>,
    /// How many there were.
    count: u64,
    /// The number of the newest.
    newest: u64,
}

impl Default for Events {
    fn default() -> Self {
        // Below it there is room for what happened before.
        Self { ring: VecDeque::new(), count: 0, newest: KEPT as u64 }
    }
}

/// So many events are kept.
pub(crate) const KEPT: usize = 5000;

impl Events {
    pub(crate) fn push(&mut self, unix_ms: u64, kind: EventKind, severity: Severity, text: String) {
        self.count += 1;
        self.newest += 1;
        if self.ring.len() == KEPT {
            self.ring.pop_front();
        }
        self.ring.push_back(Event { number: self.newest, unix_ms, kind, severity, text });
    }

    /// Puts in what happened before, the oldest first: as much of it as there is room for.
    pub(crate) fn prepend(&mut self, past: Vec<NewEvent>) {
        for event in past.into_iter().rev().take(KEPT - self.ring.len()) {
            let number = self.ring.front().map_or(self.newest, |first| first.number - 1);
            let NewEvent { unix_ms, kind, severity, text } = event;
            self.ring.push_front(Event { number, unix_ms, kind, severity, text });
            self.count += 1;
        }
    }

    /// Says something else in the place of an event; gives its number. Without one there it is a new one.
    pub(crate) fn push_or_replace(&mut self, number: Option<u64>, event: NewEvent) -> u64 {
        let first = self.ring.front().map_or(0, |event| event.number);
        let at = number.and_then(|number| usize::try_from(number.checked_sub(first)?).ok());
        if let Some(known) = at.and_then(|at| self.ring.get_mut(at)) {
            (known.severity, known.text) = (event.severity, event.text);
            return known.number;
        }
        self.push(event.unix_ms, event.kind, event.severity, event.text);
        self.newest
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
        let kept = KEPT as u64;
        assert_eq!(events.get(kept + 6000).map(|e| e.text.as_str()), Some("5999"));
        assert_eq!(events.get(kept + 1001).map(|e| e.number), Some(kept + 1001));
        assert_eq!(events.get(kept + 1000), None);
        assert_eq!(events.get(kept + 6001), None);
    }

    #[test]
    fn what_happened_before_comes_first() {
        let mut events = Events::default();
        let past = |n: u64| NewEvent {
            unix_ms: n,
            kind: EventKind::Node,
            severity: Severity::Note,
            text: n.to_string(),
        };
        events.push(10, EventKind::Node, Severity::Note, "10".to_owned());
        events.prepend((1..=3).map(past).collect());
        let texts: Vec<&str> = events.iter().map(|event| event.text.as_str()).collect();
        assert_eq!(texts, ["1", "2", "3", "10"]);
        let numbers: Vec<u64> = events.iter().map(|event| event.number).collect();
        assert!(numbers.is_sorted_by(|a, b| a + 1 == *b), "{numbers:?}");
        events.prepend((0..6000).map(past).collect());
        assert_eq!(events.iter().len(), KEPT);
        assert_eq!(events.iter().next_back().map(|event| event.text.as_str()), Some("10"));
    }
}
