//! What the application owes its node: to take its events, and to confirm its stops.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::reminder::{Remark, Reminder};
use crate::key::Key;
use divider_core::time::Time;

/// Kept with the queue.
#[derive(Debug, Default)]
pub(super) struct Debts {
    /// The runs that were told to end, since when.
    unconfirmed: HashMap<Key, Time>,
    /// The same, oldest first.
    by_age: BTreeSet<(Time, Key)>,
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
    /// A run has to end; one that had to already has had to since then.
    pub(super) fn stop(&mut self, key: &Key, now: Time) {
        if !self.unconfirmed.contains_key(key) {
            self.unconfirmed.insert(key.clone(), now);
            self.by_age.insert((now, key.clone()));
        }
    }

    /// The run is over.
    pub(super) fn over(&mut self, key: &Key) {
        if let Some((key, since)) = self.unconfirmed.remove_entry(key) {
            self.by_age.remove(&(since, key));
        }
    }

    /// The application took an event.
    pub(super) fn taken(&mut self) {
        self.taken += 1;
    }

    pub(super) fn owed(&self, untaken: usize) -> Owed {
        Owed {
            unconfirmed: self.unconfirmed.len(),
            oldest: self.by_age.first().map(|(since, key)| (key.clone(), *since)),
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
    fn the_oldest_stop_counts_from_the_first_time_that_it_was_told() {
        let mut debts = Debts::default();
        assert_eq!(debts.owed(0), Owed::default());
        debts.stop(&key("b"), at(1));
        debts.stop(&key("a"), at(2));
        debts.stop(&key("b"), at(3));
        assert_eq!(debts.owed(0).oldest, Some((key("b"), at(1))));
        debts.over(&key("b"));
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
