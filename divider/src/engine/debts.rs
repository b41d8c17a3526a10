//! What the application owes its node: to take its events, and to confirm its stops.

use std::collections::BTreeMap;
use std::time::Duration;

use super::reminder::{Remark, Reminder};
use crate::key::Key;
use divider_core::time::Time;

/// Kept with the queue.
#[derive(Debug, Default)]
pub(super) struct Debts {
    /// The runs that were told to end, and since when, by the number of their first stop: oldest first.
    unconfirmed: BTreeMap<u64, (Key, Time)>,
    /// How many events were taken so far.
    taken: u64,
}

/// What is owed at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Owed {
    /// Runs that were told to end and are not confirmed.
    pub(super) unconfirmed: usize,
    /// The oldest of them.
    pub(super) oldest: Option<(Key, Time)>,
    /// Events that wait to be taken.
    pub(super) untaken: usize,
    /// How many were taken so far.
    pub(super) taken: u64,
}

impl Debts {
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

    pub(super) fn owed(&self, untaken: usize) -> Owed {
        Owed {
            unconfirmed: self.unconfirmed.len(),
            oldest: self.unconfirmed.first_key_value().map(|(_, oldest)| oldest.clone()),
            untaken,
            taken: self.taken,
        }
    }
}

/// Says what is owed for too long. A debt is the application's to pay: nothing is done about it here.
#[derive(Debug)]
pub(super) struct Collector {
    confirmation: Reminder,
    attention: Reminder,
    /// How many events had been taken when something was last seen to be in order, and when that was.
    attentive: (u64, Time),
}

impl Collector {
    /// What takes longer than a lease is told; where leases are short, what takes longer than 5 s.
    pub(super) fn new(lease: Duration) -> Self {
        let first = lease.max(SHORTEST);
        let (confirmation, attention) = (Reminder::new(first), Reminder::new(first));
        Self { confirmation, attention, attentive: (0, Time::default()) }
    }

    /// Looks at what is owed, and writes a log line where it is due.
    pub(super) fn look(&mut self, now: Time, owed: &Owed) {
        let waited = owed.oldest.as_ref().map_or(Duration::ZERO, |(_, since)| now.since(*since));
        let key = owed.oldest.as_ref().map_or("", |(key, _)| key.as_str());
        match self.confirmation.look(waited) {
            Remark::Nothing => {}
            Remark::Lasts => tracing::warn!(
                key,
                waited_s = waited.as_secs(),
                unconfirmed = owed.unconfirmed,
                "the application has not confirmed a stop"
            ),
            Remark::Over => tracing::info!("the late stops are now confirmed"),
        }
        let ignored = self.ignored(now, owed);
        match self.attention.look(ignored) {
            Remark::Nothing => {}
            Remark::Lasts => tracing::warn!(
                waiting = owed.untaken,
                waited_s = ignored.as_secs(),
                "the application does not read its events: is its executor blocked?"
            ),
            Remark::Over => tracing::info!("the application reads its events again"),
        }
    }

    /// For how long events have waited while none was taken.
    fn ignored(&mut self, now: Time, owed: &Owed) -> Duration {
        if owed.untaken == 0 || owed.taken != self.attentive.0 {
            self.attentive = (owed.taken, now);
        }
        now.since(self.attentive.1)
    }
}

/// Shorter is no debt, however short the lease is.
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
        let mut debts = Debts::default();
        assert_eq!(debts.owed(0), Owed::default());
        debts.stop(1, key("b"), at(1));
        debts.stop(2, key("a"), at(2));
        assert_eq!(debts.owed(0).oldest, Some((key("b"), at(1))));
        debts.over(1);
        assert_eq!(debts.owed(0).oldest, Some((key("a"), at(2))));
        assert_eq!(debts.owed(0).unconfirmed, 1);
    }

    #[test]
    fn events_are_ignored_since_one_waited_and_none_was_taken() {
        let mut collector = Collector::new(Duration::from_secs(6));
        let mut ignored = |now: u64, untaken: usize, taken: u64| {
            let owed = Owed { untaken, taken, ..Owed::default() };
            collector.ignored(at(now), &owed).as_secs()
        };
        assert_eq!(ignored(0, 0, 0), 0);
        assert_eq!(ignored(5, 3, 0), 5);
        assert_eq!(ignored(6, 2, 1), 0);
        assert_eq!(ignored(9, 2, 1), 3);
        assert_eq!(ignored(10, 0, 3), 0);
    }
}
