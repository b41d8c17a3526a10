//! The simulated store: one log, as a server keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::id::Revision;
use crate::log::{Filter, Outcome, Record, StoreError, Write};
use crate::time::Time;
use crate::wire::ClaimRecord;

/// How far the server's clock is ahead of the true time when it is right: enough to set it back.
const AHEAD: i128 = 1_000_000_000_000_000_000;

/// The newest record of each name, and all earlier ones.
#[derive(Debug, Default)]
pub(super) struct Log {
    last: u64,
    by_name: BTreeMap<String, u64>,
    by_revision: BTreeMap<u64, Record>,
    /// When each was stored, by the server's clock.
    stored: BTreeMap<u64, i128>,
    /// Superseded records that a crash shows again.
    back: BTreeSet<u64>,
    /// When records expire by the server's clock: (time, revision).
    ends: BTreeSet<(i128, u64)>,
    /// Everything ever written, for stale reads and for losing the tail: (record, true time).
    written: Vec<(Record, Time)>,
    pub(super) created: i128,
    /// The error of the server's clock, in ns.
    skew: i128,
    /// Whether the clock was set back. Then records stay longer than any node can know.
    pub(super) set_back: bool,
    /// Whether the group does not exist now.
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

    /// Sets the error of the server's clock, in s.
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
            expires_in: write.expires_in,
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
        self.stored.insert(revision, self.server_time(now));
        self.by_name.insert(record.name.clone(), revision);
        self.by_revision.insert(revision, record);
    }

    /// The record as the server delivers it now.
    fn now(&self, now: Time, record: &Record) -> Record {
        let stored = self.stored.get(&record.revision.0).copied().unwrap_or_default();
        let age = u64::try_from(self.server_time(now) - stored).unwrap_or(0);
        let left = |span: Duration| span.saturating_sub(Duration::from_nanos(age));
        Record { expires_in: record.expires_in.map(left), ..record.clone() }
    }

    pub(super) fn read(&mut self, now: Time, name: &str) -> Option<Record> {
        self.expire(now);
        let revision = self.by_name.get(name)?;
        self.by_revision.get(revision).map(|record| self.now(now, record))
    }

    /// The answer of a deposed leader: the newest record at an earlier time.
    pub(super) fn read_stale(&self, as_of: Time, name: &str) -> Option<Record> {
        let old = self.written.iter().rev().find(|(r, at)| *at <= as_of && r.name == name);
        old.map(|(record, _)| record.clone())
    }

    /// The next record of a filter after a position. Superseded ones are not delivered.
    pub(super) fn next(&mut self, now: Time, after: u64, filter: &Filter) -> Option<Record> {
        self.expire(now);
        let later = self.by_revision.range(after + 1..);
        let next = later.map(|(_, record)| record).find(|record| filter.covers(&record.name));
        next.map(|record| self.now(now, record))
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

    /// Removes a record without a trace, as its time to live does.
    pub(super) fn forget(&mut self, name: &str) {
        if let Some(revision) = self.by_name.remove(name) {
            self.by_revision.remove(&revision);
        }
    }

    /// Skips revisions.
    pub(super) fn skip(&mut self, by: u64) {
        self.last += by;
    }

    /// Loses the newest writes, although they were acknowledged.
    pub(super) fn lose_tail(&mut self, count: usize) {
        let keep = self.written.len().saturating_sub(count);
        self.written.truncate(keep);
        self.by_name.clear();
        self.by_revision.clear();
        self.ends.clear();
        self.back.clear();
        self.last = self.written.last().map_or(0, |(r, _)| r.revision.0);
        for (record, at) in self.written.clone() {
            if let Some(old) = self.by_name.get(&record.name) {
                self.by_revision.remove(&old.clone());
            }
            self.put(at, record);
        }
    }

    /// Shows a record again, at its old revision, that was overwritten, deleted or expired. The number
    /// chooses which.
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

    /// The server crashes. For a name without a record it may show again a record that the last
    /// record had superseded, as NATS does. `pick` chooses one of them, or none. Tombstones that
    /// may expire and are older than the given time are gone.
    pub(super) fn crash(
        &mut self,
        now: Time,
        old: Duration,
        mut pick: impl FnMut(usize) -> Option<usize>,
    ) -> Vec<String> {
        let is_old = |revision: &u64| self.written_at(Revision(*revision)) <= Some(now - old);
        let gone = |(revision, record): &(&u64, &Record)| {
            record.value.is_none() && record.ttl.is_some() && is_old(revision)
        };
        let gone: Vec<_> =
            self.by_revision.iter().filter(gone).map(|(_, r)| r.name.clone()).collect();
        for name in gone {
            self.forget(&name);
        }
        let mut last: BTreeMap<&str, Vec<&(Record, Time)>> = BTreeMap::new();
        for written in self.written.iter().filter(|(r, _)| !self.by_name.contains_key(&r.name)) {
            last.entry(&written.0.name).or_default().push(written);
        }
        let mut back = Vec::new();
        for (_, mut records) in last {
            records.pop();
            // A record with a time to live has reached its end.
            records.retain(|(record, at)| record.ttl.is_none_or(|ttl| *at + ttl > now));
            if !records.is_empty()
                && let Some(picked) = pick(records.len())
            {
                back.push(records[picked].0.clone());
            }
        }
        back.into_iter().map(|record| self.bring_back(record)).collect()
    }

    fn bring_back(&mut self, record: Record) -> String {
        let (name, revision) = (record.name.clone(), record.revision.0);
        self.back.insert(revision);
        self.by_name.insert(name.clone(), revision);
        self.by_revision.insert(revision, record);
        name
    }

    /// Deletes the group.
    pub(super) fn delete(&mut self) {
        self.absent = true;
    }

    /// Replaces the log by another, empty one.
    pub(super) fn recreate(&mut self) {
        *self = Self { created: self.created + 1, skew: self.skew, ..Self::default() };
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.by_revision.values()
    }

    /// Whether a superseded record is shown only because of a crash.
    pub(super) fn is_back(&self, record: &Record) -> bool {
        self.back.contains(&record.revision.0)
    }

    /// Whether the key of a record may have ended for some nodes: it has a time to live that ends soon
    /// or has ended.
    pub(super) fn is_ending(&self, now: Time, name: &str, soon: Duration) -> bool {
        let left = self.newest(name).and_then(|record| self.now(now, record).expires_in);
        left.is_some_and(|left| left <= soon)
    }

    /// The readable claims.
    pub(super) fn claims(&self) -> impl Iterator<Item = ClaimRecord> {
        let claims = self.records().filter(|record| record.name.starts_with("claim."));
        claims.filter_map(|record| ClaimRecord::decode(record.value.as_deref()?).ok())
    }

    /// The true time at which a revision was written.
    pub(super) fn written_at(&self, revision: Revision) -> Option<Time> {
        let at = self.written.partition_point(|(record, _)| record.revision < revision);
        self.written.get(at).filter(|(r, _)| r.revision == revision).map(|(_, at)| *at)
    }

    /// The newest record of this name.
    pub(super) fn newest(&self, name: &str) -> Option<&Record> {
        self.by_revision.get(self.by_name.get(name)?)
    }

    /// Whether the newest record of this name has a value.
    pub(super) fn has_value(&self, name: &str) -> bool {
        self.newest(name).is_some_and(|record| record.value.is_some())
    }

    /// How many records of this kind were ever written.
    pub(super) fn written(&self, kind: &str) -> usize {
        self.written.iter().filter(|(r, _)| r.name.starts_with(kind)).count()
    }
}

pub(super) fn no_answer() -> StoreError {
    StoreError::Timeout { what: "simulated".into(), after: Duration::ZERO }
}
