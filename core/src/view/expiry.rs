//! The expiry times of keys with a time to live.

use std::collections::{BTreeSet, HashMap};

use super::KeyIx;
use crate::log::Record;
use crate::time::Time;

/// When keys expire, unless they are announced again.
#[derive(Debug, Default)]
pub struct Expiry {
    by_time: BTreeSet<(Time, KeyIx)>,
    of: HashMap<KeyIx, Time>,
}

impl Expiry {
    /// Follows the newest record of a key.
    pub fn note(&mut self, ix: KeyIx, record: &Record, now: Time) {
        let left = record.value.as_ref().and(record.expires_in);
        self.set(ix, left.map(|left| now + left));
    }

    /// Sets the time at which the key expires. `None`: the key does not expire.
    pub fn set(&mut self, ix: KeyIx, at: Option<Time>) {
        if !self.of.is_empty()
            && let Some(old) = self.of.remove(&ix)
        {
            self.by_time.remove(&(old, ix));
        }
        if let Some(at) = at {
            self.of.insert(ix, at);
            self.by_time.insert((at, ix));
        }
    }

    /// The time of the next expiry.
    pub fn next(&self) -> Option<Time> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Removes and returns one key that has expired by now.
    pub fn pop(&mut self, now: Time) -> Option<KeyIx> {
        let (_, ix) = self.by_time.first().copied().filter(|(at, _)| *at <= now)?;
        self.set(ix, None);
        Some(ix)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::id::Revision;
    use crate::view::Keys;

    #[test]
    fn a_key_expires_at_the_time_of_its_newest_record() {
        let mut keys = Keys::default();
        let (one, other) = (keys.intern("one"), keys.intern("other"));
        let record = |left: Option<u64>, value: bool| Record {
            name: "key.one".into(),
            revision: Revision(1),
            value: value.then(bytes::Bytes::new),
            ttl: None,
            expires_in: left.map(Duration::from_secs),
        };
        let at = |seconds: u64| Time(seconds * 1_000_000_000);
        let mut expiry = Expiry::default();
        expiry.note(one, &record(Some(10), true), at(0));
        expiry.note(other, &record(Some(5), true), at(0));
        expiry.note(one, &record(Some(20), true), at(1));
        assert_eq!((expiry.of.contains_key(&one), expiry.next()), (true, Some(at(5))));
        assert_eq!(expiry.pop(Time(at(5).0 - 1)), None);
        assert_eq!(expiry.pop(at(5)), Some(other));
        assert_eq!((expiry.of.contains_key(&other), expiry.next()), (false, Some(at(21))));
        expiry.note(one, &record(None, true), at(2));
        assert_eq!(
            (expiry.of.contains_key(&one), expiry.next(), expiry.pop(at(100))),
            (false, None, None)
        );
        // A deleted key has no expiry.
        expiry.note(one, &record(Some(10), false), at(3));
        assert_eq!((expiry.of.contains_key(&one), expiry.next()), (false, None));
    }
}
