//! The simulated store: one log, as a server keeps it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::core::time::Time;
use crate::id::Revision;
use crate::store::{Filter, Outcome, Record, StoreError, Write};

/// The records, newest by name, and what they were before.
#[derive(Debug, Default)]
pub(super) struct Log {
    last: u64,
    by_name: BTreeMap<String, u64>,
    by_revision: BTreeMap<u64, (Record, Time)>,
    /// Everything ever written, for stale reads and for losing the tail: (revision, record, when).
    written: Vec<(Record, Time)>,
    pub(super) created: i128,
}

impl Log {
    pub(super) fn last(&self) -> Revision {
        Revision(self.last)
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
        self.by_name.insert(write.name.clone(), self.last);
        self.by_revision.insert(self.last, (record.clone(), now));
        self.written.push((record, now));
        Outcome::Acked(Revision(self.last))
    }

    pub(super) fn read(&mut self, now: Time, name: &str) -> Option<Record> {
        self.expire(now);
        let revision = self.by_name.get(name)?;
        self.by_revision.get(revision).map(|(record, _)| record.clone())
    }

    /// What a leader of old answers: the newest record as of some time ago.
    pub(super) fn read_stale(&self, as_of: Time, name: &str) -> Option<Record> {
        let old = self.written.iter().rev().find(|(r, at)| r.name == name && *at <= as_of);
        old.map(|(record, _)| record.clone())
    }

    /// The next record after a position that a filter names; superseded ones are not there any more.
    pub(super) fn next(&mut self, now: Time, after: u64, filter: &Filter) -> Option<Record> {
        self.expire(now);
        self.by_revision
            .range(after + 1..)
            .map(|(_, (r, _))| r)
            .find(|r| matches(filter, r))
            .cloned()
    }

    fn expire(&mut self, now: Time) {
        let over = |(record, at): &(Record, Time)| record.ttl.is_some_and(|ttl| *at + ttl <= now);
        let gone: Vec<u64> =
            self.by_revision.iter().filter(|(_, r)| over(r)).map(|(rev, _)| *rev).collect();
        for revision in gone {
            if let Some((record, _)) = self.by_revision.remove(&revision) {
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
        self.last = self.written.last().map_or(0, |(r, _)| r.revision.0);
        for (record, at) in &self.written {
            if let Some(old) = self.by_name.insert(record.name.clone(), record.revision.0) {
                self.by_revision.remove(&old);
            }
            self.by_revision.insert(record.revision.0, (record.clone(), *at));
        }
    }

    /// Is another, empty log from now on.
    pub(super) fn recreate(&mut self) {
        *self = Self { created: self.created + 1, ..Self::default() };
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.by_revision.values().map(|(record, _)| record)
    }

    /// How many claims were ever written.
    pub(super) fn claims_written(&self) -> usize {
        self.written.iter().filter(|(r, _)| r.name.starts_with("claim.")).count()
    }
}

fn matches(filter: &Filter, record: &Record) -> bool {
    filter.names.iter().any(|name| match name.strip_suffix('>') {
        Some(prefix) => record.name.starts_with(prefix),
        None => *name == record.name,
    })
}

pub(super) fn no_answer() -> StoreError {
    StoreError::Timeout { what: "simulated".into(), after: Duration::ZERO }
}
