//! What the application has still to do: take its events, and confirm its stops.

use std::collections::BTreeMap;
use std::time::Duration;

use super::reminder::{Remark, Reminder};
use crate::key::Key;
use divider_core::time::Time;

/// The stops without a confirmation, and how many events were taken. The queue keeps it.
#[derive(Debug, Default)]
pub(super) struct Unacked {
    /// Each run that has to end, with the time of its first stop, by the number of that stop: oldest first.
    unconfirmed: BTreeMap<u64, (Key, Time)>,
    /// How many events were taken so far.
    taken: u64,
}

/// What waits for the application at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Backlog {
    /// How many runs have a stop without a confirmation.
    pub(super) unconfirmed: usize,
    /// The key with the oldest of these stops, and the time of the stop.
    pub(super) oldest: Option<(Key, Time)>,
    /// How many events wait for the application.
    pub(super) untaken: usize,
    /// How many events the application took so far.
    pub(super) taken: u64,
}

impl Unacked {
    /// A run has to end. The number is higher than that of every stop before.
    pub(super) fn stop(&mut self, number: u64, key: Key, now: Time) {
        self.unconfirmed.insert(number, (key, now));
    }

    /// The run with this stop is over.
    pub(super) fn over(&mut self, number: u64) {
        self.unconfirmed.remove(&number);
    }

    /// The application took an event.
    pub(super) fn taken(&mut self) {
        self.taken += 1;
    }

    pub(super) fn backlog(&self, untaken: usize) -> Backlog {
        Backlog {
            unconfirmed: self.unconfirmed.len(),
            oldest: self.unconfirmed.first_key_value().map(|(_, oldest)| oldest.clone()),
            untaken,
            taken: self.taken,
        }
    }
}

/// Reports a backlog that lasts too long. Only the application can work it off, so nothing else is done
/// about it.
#[derive(Debug)]
pub(super) struct Collector {
    confirmation: Reminder,
    attention: Reminder,
    /// How many events had been taken when nothing waited or one was taken last, and the time of that look.
    attentive: (u64, Time),
}

impl Collector {
    /// Reports what lasts longer than a lease, or longer than 5 s if the lease is shorter.
    pub(super) fn new(lease: Duration) -> Self {
        let first = lease.max(SHORTEST);
        let (confirmation, attention) = (Reminder::new(first), Reminder::new(first));
        Self { confirmation, attention, attentive: (0, Time::default()) }
    }

    /// Looks at the backlog, and writes a log line if one is due.
    pub(super) fn look(&mut self, now: Time, backlog: &Backlog) {
        let waited = backlog.oldest.as_ref().map_or(Duration::ZERO, |(_, since)| now.since(*since));
        let key = backlog.oldest.as_ref().map_or("", |(key, _)| key.as_str());
        match self.confirmation.look(waited) {
            Remark::Nothing => {}
            Remark::Lasts => tracing::warn!(
                key,
                waited_s = waited.as_secs(),
                unconfirmed = backlog.unconfirmed,
                "the application has not confirmed a stop"
            ),
            Remark::Over => tracing::info!("the late stops are now confirmed"),
        }
        let ignored = self.ignored(now, backlog);
        match self.attention.look(ignored) {
            Remark::Nothing => {}
            Remark::Lasts => tracing::warn!(
                waiting = backlog.untaken,
                waited_s = ignored.as_secs(),
                "the application does not read its events: is its executor blocked?"
            ),
            Remark::Over => tracing::info!("the application reads its events again"),
        }
    }

    /// How long events have waited while none was taken.
    fn ignored(&mut self, now: Time, backlog: &Backlog) -> Duration {
        if backlog.untaken == 0 || backlog.taken != self.attentive.0 {
            self.attentive = (backlog.taken, now);
        }
        now.since(self.attentive.1)
    }
}

/// A shorter wait is never reported, however short the lease is.
const SHORTEST: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::played::key;

    fn at(secs: u64) -> Time {
        Time::default() + Duration::from_secs(100 + secs)
    }

    #[test]
    fn the_oldest_stop_is_the_one_with_the_lowest_number() {
        let mut unacked = Unacked::default();
        assert_eq!(unacked.backlog(0), Backlog::default());
        unacked.stop(1, key("b"), at(1));
        unacked.stop(2, key("a"), at(2));
        assert_eq!(unacked.backlog(0).oldest, Some((key("b"), at(1))));
        unacked.over(1);
        assert_eq!(unacked.backlog(0).oldest, Some((key("a"), at(2))));
        assert_eq!(unacked.backlog(0).unconfirmed, 1);
    }

    #[test]
    fn events_are_ignored_since_one_waited_and_none_was_taken() {
        let mut collector = Collector::new(Duration::from_secs(6));
        let mut ignored = |now: u64, untaken: usize, taken: u64| {
            let backlog = Backlog { untaken, taken, ..Backlog::default() };
            collector.ignored(at(now), &backlog).as_secs()
        };
        assert_eq!(ignored(0, 0, 0), 0);
        assert_eq!(ignored(5, 3, 0), 5);
        assert_eq!(ignored(6, 2, 1), 0);
        assert_eq!(ignored(9, 2, 1), 3);
        assert_eq!(ignored(10, 0, 3), 0);
    }
}
