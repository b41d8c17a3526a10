//! When keys with a time to live are over.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::KeyIx;
use crate::core::time::Time;
use crate::store::Record;

/// On top of its time to live: how long a key's record may have been on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// The ends of keys that end by themselves unless they are announced again. The log says nothing of
/// such an end; whoever needs to be sure asks the leader.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    by_time: BTreeSet<(Time, KeyIx)>,
    of: HashMap<KeyIx, Time>,
}

impl Expiry {
    /// A key's newest record came in.
    pub(crate) fn note(&mut self, ix: KeyIx, record: &Record, now: Time) {
        let ttl = record.value.as_ref().and(record.ttl);
        self.set(ix, ttl.map(|ttl| now + ttl + ON_ITS_WAY));
    }

    /// The key ends then; none: not by itself.
    pub(crate) fn set(&mut self, ix: KeyIx, at: Option<Time>) {
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

    /// Whether the key ends by itself.
    pub(crate) fn is_set(&self, ix: KeyIx) -> bool {
        self.of.contains_key(&ix)
    }

    /// When the next one ends.
    pub(crate) fn next(&self) -> Option<Time> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// One that has ended by now, once.
    pub(crate) fn pop(&mut self, now: Time) -> Option<KeyIx> {
        let (_, ix) = self.by_time.first().copied().filter(|(at, _)| *at <= now)?;
        self.set(ix, None);
        Some(ix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::view::Keys;
    use crate::id::Revision;

    #[test]
    fn a_key_ends_a_second_after_its_newest_records_time_to_live() {
        let mut keys = Keys::default();
        let (one, other) = (keys.intern("one"), keys.intern("other"));
        let record = |ttl: Option<u64>, value: bool| Record {
            name: "key.one".into(),
            revision: Revision(1),
            value: value.then(bytes::Bytes::new),
            ttl: ttl.map(Duration::from_secs),
        };
        let at = |seconds: u64| Time(seconds * 1_000_000_000);
        let mut expiry = Expiry::default();
        expiry.note(one, &record(Some(10), true), at(0));
        expiry.note(other, &record(Some(5), true), at(0));
        expiry.note(one, &record(Some(20), true), at(1));
        assert_eq!((expiry.is_set(one), expiry.next()), (true, Some(at(6))));
        assert_eq!(expiry.pop(Time(at(6).0 - 1)), None);
        assert_eq!(expiry.pop(at(6)), Some(other));
        assert_eq!((expiry.is_set(other), expiry.next()), (false, Some(at(22))));
        expiry.note(one, &record(None, true), at(2));
        assert_eq!((expiry.is_set(one), expiry.next(), expiry.pop(at(100))), (false, None, None));
        // A tombstone's own end is none of the key.
        expiry.note(one, &record(Some(10), false), at(3));
        assert_eq!((expiry.is_set(one), expiry.next()), (false, None));
    }
}
