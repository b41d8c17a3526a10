//! Keys that the handler of this node released again and again.

use std::collections::HashMap;
use std::time::Duration;

use crate::key::Key;
use divider_core::time::Time;

/// How often the handler released each key in the last hour, for as many keys as there is room.
///
/// A key that comes back to a node that releases it gets no work done. The node logs it at its third
/// release within an hour and at each doubling, for one key at a time.
#[derive(Debug, Default)]
pub(super) struct Releases {
    keys: HashMap<Key, Released>,
    /// When the last line was written.
    logged: Option<Time>,
}

#[derive(Debug)]
struct Released {
    times: u32,
    last: Time,
}

impl Releases {
    /// The handler released this key. Writes a log line if that has happened often.
    pub(super) fn add(&mut self, now: Time, key: &Key) {
        if let Some(times) = self.count(now, key) {
            tracing::warn!(%key, times, "key released by its handler on this node again and again");
        }
    }

    /// The number of releases, where it is time for a line.
    fn count(&mut self, now: Time, key: &Key) -> Option<u32> {
        if self.keys.len() >= MAX_KEYS && !self.keys.contains_key(key) {
            self.keys.retain(|_, released| now.since(released.last) <= FORGET);
            if self.keys.len() >= MAX_KEYS {
                return None;
            }
        }
        let released = self.keys.entry(key.clone()).or_insert(Released { times: 0, last: now });
        if now.since(released.last) > FORGET {
            released.times = 0;
        }
        released.times = released.times.saturating_add(1);
        released.last = now;
        let times = released.times;
        let is_due = times.is_multiple_of(OFTEN) && (times / OFTEN).is_power_of_two();
        if !is_due || self.logged.is_some_and(|logged| now.since(logged) < PAUSE) {
            return None;
        }
        self.logged = Some(now);
        Some(times)
    }
}

/// How many releases are often.
const OFTEN: u32 = 3;

/// After this time without a release, the count of a key starts again.
const FORGET: Duration = Duration::from_hours(1);

/// The shortest time between two lines.
const PAUSE: Duration = Duration::from_secs(10);

/// How many keys are counted at most.
const MAX_KEYS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::played::key;

    fn at(secs: u64) -> Time {
        Time::default() + Duration::from_secs(100_000 + secs)
    }

    #[test]
    fn a_key_is_logged_at_its_third_release_and_at_each_doubling() {
        let mut releases = Releases::default();
        let logged: Vec<u32> =
            (0..24).filter_map(|n| releases.count(at(n * 30), &key("a"))).collect();
        assert_eq!(logged, [3, 6, 12, 24]);
    }

    #[test]
    fn many_keys_at_once_are_one_line() {
        let mut releases = Releases::default();
        let all = |releases: &mut Releases, secs| {
            let keys = (0..10).map(|n| key(&format!("k{n}")));
            keys.filter_map(|key| releases.count(at(secs), &key)).count()
        };
        assert_eq!(all(&mut releases, 0) + all(&mut releases, 30), 0);
        assert_eq!(all(&mut releases, 60), 1);
    }

    #[test]
    fn an_hour_without_a_release_starts_the_count_again() {
        let mut releases = Releases::default();
        for secs in [0, 30, 30 + 3601, 30 + 3631] {
            assert_eq!(releases.count(at(secs), &key("a")), None);
        }
        assert_eq!(releases.count(at(30 + 3661), &key("a")), Some(3));
    }

    #[test]
    fn no_more_keys_are_counted_than_there_is_room_for() {
        let mut releases = Releases::default();
        for n in 0..2 * MAX_KEYS {
            releases.count(at(0), &key(&format!("k{n}")));
        }
        assert_eq!(releases.keys.len(), MAX_KEYS);
        releases.count(at(3601), &key("new"));
        assert_eq!(releases.keys.len(), 1, "old counts make room");
    }
}
