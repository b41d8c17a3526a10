//! Failures of the store, told without repeating them.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use super::reminder::{Remark, Reminder};
use crate::store::StoreError;
use divider_core::time::Time;

/// The failures that go on, by what was asked and how it failed.
#[derive(Debug, Default)]
pub(super) struct Failures(HashMap<(&'static str, Discriminant<StoreError>), Failing>);

/// One kind of failure that goes on.
#[derive(Debug)]
struct Failing {
    since: Time,
    last: Time,
    count: u64,
    reminder: Reminder,
}

impl Failures {
    /// One more. The first of its kind is told, then that it goes on.
    pub(super) fn add(&mut self, now: Time, what: &'static str, error: &StoreError) {
        let (failures, remark) = self.count(now, what, error);
        match remark {
            _ if failures == 1 => tracing::warn!(what, %error, "store request failed"),
            Remark::Lasts => tracing::warn!(what, %error, failures, "store requests keep failing"),
            Remark::Nothing | Remark::Over => {
                tracing::debug!(what, %error, "store request failed again");
            }
        }
    }

    /// What was asked was done: its failures are over.
    pub(super) fn over(&mut self, now: Time, what: &'static str) {
        if let Some((failures, since)) = self.remove(what) {
            let after = now.since(since);
            tracing::info!(what, failures, ?after, "the store works again");
        }
    }

    fn count(&mut self, now: Time, what: &'static str, error: &StoreError) -> (u64, Remark) {
        let new = || Failing { since: now, last: now, count: 0, reminder: Reminder::new(FIRST) };
        let failing = self.0.entry((what, discriminant(error))).or_insert_with(new);
        if now.since(failing.last) > FORGOTTEN {
            *failing = new();
        }
        failing.last = now;
        failing.count += 1;
        (failing.count, failing.reminder.look(now.since(failing.since)))
    }

    /// How many there were, and since when.
    fn remove(&mut self, what: &'static str) -> Option<(u64, Time)> {
        let mut removed: Option<(u64, Time)> = None;
        self.0.retain(|(kind, _), failing| {
            if *kind == what {
                let (count, since) = removed.unwrap_or((0, failing.since));
                removed = Some((count + failing.count, since.min(failing.since)));
            }
            *kind != what
        });
        removed
    }
}

/// What goes on failing is told again after this, then at growing intervals.
const FIRST: Duration = Duration::from_secs(10);

/// A failure so long after the last of its kind is a new one.
const FORGOTTEN: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Time {
        Time::default() + Duration::from_secs(secs)
    }

    fn unreachable() -> StoreError {
        StoreError::Unreachable { what: "x".into() }
    }

    #[test]
    fn a_failure_that_goes_on_is_told_at_growing_intervals() {
        let mut failures = Failures::default();
        let mut told = Vec::new();
        for secs in 0..60 {
            let (count, remark) = failures.count(at(secs), "write", &unreachable());
            if count == 1 || remark == Remark::Lasts {
                told.push(secs);
            }
        }
        assert_eq!(told, [0, 10, 20, 40]);
    }

    #[test]
    fn each_kind_is_told_by_itself_and_forgotten_after_a_while() {
        let mut failures = Failures::default();
        let full = StoreError::Full { what: "x".into() };
        assert_eq!(failures.count(at(0), "write", &unreachable()).0, 1);
        assert_eq!(failures.count(at(1), "write", &full).0, 1);
        assert_eq!(failures.count(at(2), "read", &full).0, 1);
        assert_eq!(failures.count(at(50), "write", &full).0, 2);
        assert_eq!(failures.count(at(111), "write", &full).0, 1);
    }

    #[test]
    fn what_works_again_ends_all_its_failures() {
        let mut failures = Failures::default();
        let full = StoreError::Full { what: "x".into() };
        assert_eq!(failures.remove("write"), None);
        failures.count(at(1), "write", &unreachable());
        failures.count(at(2), "write", &full);
        failures.count(at(3), "write", &full);
        failures.count(at(4), "read", &full);
        assert_eq!(failures.remove("write"), Some((3, at(1))));
        assert_eq!(failures.remove("write"), None);
        assert_eq!(failures.remove("read"), Some((1, at(4))));
    }
}
