//! Keys that every node gave up, told without a line for each.

use std::time::Duration;

use crate::key::Key;
use divider_core::time::Time;

/// The keys with nowhere to go that were not told of yet.
#[derive(Debug, Default)]
pub(super) struct Unwanted {
    count: u64,
    key: Option<Key>,
    /// When they were last told of.
    told: Option<Time>,
}

impl Unwanted {
    /// One more.
    pub(super) fn add(&mut self, key: &Key) {
        self.count += 1;
        self.key = Some(key.clone());
    }

    /// Writes a log line if there are any, at most one each [`PAUSE`].
    pub(super) fn tell(&mut self, now: Time) {
        if let Some((key, times)) = self.take(now) {
            tracing::warn!(
                %key, times, "all nodes released the key: idle until a cool-down ends"
            );
        }
    }

    /// The newest of them and their number, where it is time to tell of them.
    fn take(&mut self, now: Time) -> Option<(Key, u64)> {
        if self.told.is_some_and(|told| now.since(told) < PAUSE) {
            return None;
        }
        let key = self.key.take()?;
        self.told = Some(now);
        Some((key, std::mem::take(&mut self.count)))
    }
}

/// The shortest time between two lines: about a cool-down, after which the same keys come again.
const PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::played::key;

    fn at(secs: u64) -> Time {
        Time::default() + Duration::from_secs(100 + secs)
    }

    #[test]
    fn the_first_is_told_at_once_and_the_others_together() {
        let mut unwanted = Unwanted::default();
        assert_eq!(unwanted.take(at(0)), None);
        unwanted.add(&key("a"));
        assert_eq!(unwanted.take(at(1)), Some((key("a"), 1)));
        unwanted.add(&key("b"));
        unwanted.add(&key("c"));
        assert_eq!(unwanted.take(at(30)), None);
        assert_eq!(unwanted.take(at(31)), Some((key("c"), 2)));
        assert_eq!(unwanted.take(at(100)), None);
    }
}
