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
