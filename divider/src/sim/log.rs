//! The simulated store: one log, as a server keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::core::time::Time;
use crate::id::Revision;
use crate::store::{Filter, Outcome, Record, StoreError, Write};
use crate::wire::ClaimRecord;

/// By how much the server's clock is ahead of the truth when nothing is wrong with it: enough to be
/// set back.
const AHEAD: i128 = 1_000_000_000_000_000_000;

/// The records, newest by name, and what they were before.
#[derive(Debug, Default)]
pub(super) struct Log {
    last: u64,
    by_name: BTreeMap<String, u64>,
    by_revision: BTreeMap<u64, Record>,
    /// When records end by the server's clock: (when, revision).
    ends: BTreeSet<(i128, u64)>,
    /// Everything ever written, for stale reads and for losing the tail: (record, true time).
    written: Vec<(Record, Time)>,
    pub(super) created: i128,
    /// By how much the server's clock is wrong, in nanoseconds.
    skew: i128,
    /// It was set back once: what was to vanish stays for longer than anybody can know.
    pub(super) set_back: bool,
    /// There is no group, for now.
    absent: bool,
}

impl Log {
    pub(super) fn last(&self) -> Revision {
        Revision(self.last)
    }

    pub(super) fn is_absent(&self) -> bool {
        self.absent
    }

    fn server_time(&self, now: Time) -> i128 {
        i128::from(now.0) + AHEAD + self.skew
    }

    /// Sets the server's clock: by how many seconds it is wrong.
    pub(super) fn set_clock(&mut self, seconds: i64) {
        let skew = i128::from(seconds) * 1_000_000_000;
        self.set_back |= skew < self.skew;
        self.skew = skew;
    }

    pub(super) fn write(&mut self, now: Time, write: &Write) -> Outcome {
        self.expire(now);
        let newest = self.by_name.get(&write.name).copied().unwrap_or(0);
        if write.expected.is_some_and(|expected| expected.0 != newest) {
            return Outcome::Conflict;
        }
        self.last += 1;
        let record = Record {
            name: write.name.clone(),
            revision: Revision(self.last),
            value: write.value.clone(),
            ttl: write.ttl,
        };
        self.by_revision.remove(&newest);
        self.put(now, record.clone());
        self.written.push((record, now));
        Outcome::Acked(Revision(self.last))
    }

    fn put(&mut self, now: Time, record: Record) {
        let revision = record.revision.0;
        if let Some(ttl) = record.ttl {
            let ttl = i128::try_from(ttl.as_nanos()).unwrap_or(i128::MAX / 2);
            self.ends.insert((self.server_time(now) + ttl, revision));
        }
        self.by_name.insert(record.name.clone(), revision);
        self.by_revision.insert(revision, record);
    }

    pub(super) fn read(&mut self, now: Time, name: &str) -> Option<Record> {
        self.expire(now);
        let revision = self.by_name.get(name)?;
        self.by_revision.get(revision).cloned()
    }

    /// What a leader of old answers: the newest record as of some time ago.
    pub(super) fn read_stale(&self, as_of: Time, name: &str) -> Option<Record> {
        let old = self.written.iter().rev().find(|(r, at)| *at <= as_of && r.name == name);
        old.map(|(record, _)| record.clone())
    }

    /// The next record after a position that a filter names; superseded ones are not there any more.
    pub(super) fn next(&mut self, now: Time, after: u64, filter: &Filter) -> Option<Record> {
        self.expire(now);
        let later = self.by_revision.range(after + 1..);
        later.map(|(_, record)| record).find(|record| filter.covers(&record.name)).cloned()
    }

    fn expire(&mut self, now: Time) {
        let now = self.server_time(now);
        while let Some(&(at, revision)) = self.ends.first()
            && at <= now
        {
            self.ends.pop_first();
            if let Some(record) = self.by_revision.remove(&revision) {
                self.by_name.remove(&record.name);
            }
        }
    }

    /// Removes a record without a trace, as the end of its time to live does.
    pub(super) fn forget(&mut self, name: &str) {
        if let Some(revision) = self.by_name.remove(name) {
            self.by_revision.remove(&revision);
        }
    }

    /// Loses the newest writes, acknowledged as they were.
    pub(super) fn lose_tail(&mut self, count: usize) {
        let keep = self.written.len().saturating_sub(count);
        self.written.truncate(keep);
        self.by_name.clear();
        self.by_revision.clear();
        self.ends.clear();
        self.last = self.written.last().map_or(0, |(r, _)| r.revision.0);
        for (record, at) in self.written.clone() {
            if let Some(old) = self.by_name.get(&record.name) {
                self.by_revision.remove(&old.clone());
            }
            self.put(at, record);
        }
    }

    /// A record that was written over, deleted or expired is there again, at its old revision. Which
    /// one depends on the number.
    pub(super) fn resurrect(&mut self, number: usize) -> Option<String> {
        let (record, _) = self.written.get(number % self.written.len().max(1))?;
        let (name, revision) = (record.name.clone(), record.revision.0);
        if self.by_revision.contains_key(&revision) {
            return None;
        }
        let record = Record { ttl: None, ..record.clone() };
        if let Some(newer) = self.by_name.insert(name.clone(), revision) {
            self.by_revision.remove(&newer);
        }
        self.by_revision.insert(revision, record);
        Some(name)
    }

    /// There is no group from now on.
    pub(super) fn delete(&mut self) {
        self.absent = true;
    }

    /// Is another, empty log from now on.
    pub(super) fn recreate(&mut self) {
        *self = Self { created: self.created + 1, skew: self.skew, ..Self::default() };
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.by_revision.values()
    }

    /// The claims that can be read.
    pub(super) fn claims(&self) -> impl Iterator<Item = ClaimRecord> {
        let claims = self.records().filter(|record| record.name.starts_with("claim."));
        claims.filter_map(|record| ClaimRecord::decode(record.value.as_deref()?).ok())
    }

    /// When a revision was written, in truth.
    pub(super) fn written_at(&self, revision: Revision) -> Option<Time> {
        let at = self.written.partition_point(|(record, _)| record.revision < revision);
        self.written.get(at).filter(|(r, _)| r.revision == revision).map(|(_, at)| *at)
    }

    /// Whether there is a record of that name, and no tombstone.
    pub(super) fn has_value(&self, name: &str) -> bool {
        let record = self.by_name.get(name).and_then(|revision| self.by_revision.get(revision));
        record.is_some_and(|record| record.value.is_some())
    }

    /// How many records of that kind were ever written.
    pub(super) fn written(&self, kind: &str) -> usize {
        self.written.iter().filter(|(r, _)| r.name.starts_with(kind)).count()
    }
}

pub(super) fn no_answer() -> StoreError {
    StoreError::Timeout { what: "simulated".into(), after: Duration::ZERO }
}
