//! The rules of the log in memory, without waiting and without faults.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::{Filter, Info, Outcome, Record, StoreError, Write};
#[cfg(any(test, feature = "testing"))]
use super::journal::Journal;
use crate::id::Revision;
use divider_core::log::{check_write, whole_seconds};

/// What NATS keeps for a message beyond its subject and value, about.
const OVERHEAD: usize = 64;

/// The newest record of every name, in the order of their revisions.
#[derive(Debug)]
pub(crate) struct Log {
    created: i128,
    last: u64,
    records: BTreeMap<u64, Stored>,
    newest: HashMap<Arc<str>, u64>,
    expiries: BTreeSet<(Instant, u64)>,
    bytes: usize,
    pub(super) max_bytes: Option<u64>,
    #[cfg(any(test, feature = "testing"))]
    journal: Journal<Undo>,
}

/// What undoes a write: its revision, and the record that it replaced.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug)]
struct Undo {
    revision: u64,
    replaced: Option<Stored>,
}

#[derive(Debug)]
struct Stored {
    name: Arc<str>,
    record: Record,
    since: Instant,
    removed_at: Option<Instant>,
}

impl Stored {
    /// The record as it is now.
    fn now(&self) -> Record {
        let left = |span: Duration| span.saturating_sub(self.since.elapsed());
        let mut record = self.record.clone();
        record.expires_in = record.expires_in.map(left);
        record
    }
}

impl Log {
    pub(super) fn new(created: i128) -> Self {
        Self {
            created,
            last: 0,
            records: BTreeMap::new(),
            newest: HashMap::new(),
            expiries: BTreeSet::new(),
            bytes: 0,
            max_bytes: None,
            #[cfg(any(test, feature = "testing"))]
            journal: Journal::default(),
        }
    }

    /// Applies one write, or says why not.
    pub(super) fn write(&mut self, write: Write) -> Outcome {
        if let Err(error) = check_write(&write) {
            return Outcome::Refused(error);
        }
        self.expire();
        let newest = self.newest.get(write.name.as_str()).copied();
        if write.expected.is_some_and(|expected| expected.0 != newest.unwrap_or(0)) {
            return Outcome::Conflict;
        }
        let before = newest.map_or(0, |revision| size(&self.records[&revision].record));
        let revision = Revision(self.last + 1);
        let mut record = Record::new(write.name, revision, write.value);
        record.ttl = write.ttl.map(whole_seconds);
        record.expires_in = write.expires_in.map(whole_seconds);
        let grows = size(&record) > before;
        let bytes = self.bytes - before + size(&record);
        if let Some(max) = self.max_bytes
            && grows
            && bytes as u64 > max
        {
            return Outcome::Refused(StoreError::Full { what: format!("{max} bytes at most") });
        }
        self.last += 1;
        let replaced = newest.map(|revision| self.remove(revision));
        #[cfg(any(test, feature = "testing"))]
        self.journal.push(Undo { revision: revision.0, replaced });
        #[cfg(not(any(test, feature = "testing")))]
        drop(replaced);
        self.insert(record);
        Outcome::Acked(revision)
    }

    /// The newest record of a name.
    pub(super) fn read(&mut self, name: &str) -> Option<Record> {
        self.expire();
        self.newest.get(name).map(|revision| self.records[revision].now())
    }

    /// The first record after a revision that a filter names, or the last revision looked at.
    pub(super) fn next_after(&mut self, after: u64, filter: &Filter) -> Result<Record, u64> {
        self.expire();
        self.records
            .range((Bound::Excluded(after), Bound::Unbounded))
            .find(|(_, stored)| filter.covers(&stored.name))
            .map(|(_, stored)| stored.now())
            .ok_or(self.last.max(after))
    }

    /// How long ago the record of this revision was written, if it is the newest of its name.
    pub(super) fn age(&self, revision: u64) -> Option<Duration> {
        self.records.get(&revision).map(|stored| stored.since.elapsed())
    }

    pub(super) fn info(&mut self) -> Info {
        self.expire();
        let mut info = Info::new(self.created, Revision(self.last));
        info.bytes = self.bytes as u64;
        info.max_bytes = self.max_bytes;
        info
    }

    /// Forgets what has outlived its time; nobody is told, as on NATS without delete markers.
    fn expire(&mut self) {
        let now = Instant::now();
        while let Some(&(at, revision)) = self.expiries.first()
            && at <= now
        {
            self.remove(revision);
        }
    }

    /// Loses what was written in this last span, at most [`KEPT`](super::journal::KEPT). The next
    /// write gets the revision of the first that is lost.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn lose_tail(&mut self, span: Duration) {
        while let Some(Undo { revision, replaced }) = self.journal.pop_since(span) {
            if self.records.contains_key(&revision) {
                self.remove(revision);
            }
            self.last = revision - 1;
            if let Some(stored) = replaced {
                self.put(stored);
            }
        }
    }

    fn insert(&mut self, record: Record) {
        let name: Arc<str> = record.name.as_str().into();
        let since = Instant::now();
        let removed_at = record.ttl.and_then(|ttl| since.checked_add(ttl));
        self.put(Stored { name, record, since, removed_at });
    }

    fn put(&mut self, stored: Stored) {
        let revision = stored.record.revision.0;
        self.bytes += size(&stored.record);
        self.newest.insert(stored.name.clone(), revision);
        self.expiries.extend(stored.removed_at.map(|at| (at, revision)));
        self.records.insert(revision, stored);
    }

    fn remove(&mut self, revision: u64) -> Stored {
        let stored = self.records.remove(&revision).expect("the index names records that are here");
        self.bytes -= size(&stored.record);
        self.newest.remove(&stored.name);
        if let Some(at) = stored.removed_at {
            self.expiries.remove(&(at, revision));
        }
        stored
    }
}

fn size(record: &Record) -> usize {
    record.name.len() + record.value.as_ref().map_or(0, bytes::Bytes::len) + OVERHEAD
}
