//! A log that keeps its rules at once and never fails, and what a NATS server would carry for it.
//!
//! Bytes are those of the client protocol, as the store's publishes, deliveries, acknowledgements and
//! questions have them; not those of TCP, of pings, of the beats of consumers, and of replication.

use std::collections::HashMap;

use crate::id::Revision;
use crate::log::{Outcome, Record, Write};

/// What goes over the server's connections.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// Records that were written.
    pub written: u64,
    /// Messages from clients.
    pub messages_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Messages to clients.
    pub messages_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
}

impl Traffic {
    /// What has come since then.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            written: self.written - before.written,
            messages_in: self.messages_in - before.messages_in,
            bytes_in: self.bytes_in - before.bytes_in,
            messages_out: self.messages_out - before.messages_out,
            bytes_out: self.bytes_out - before.bytes_out,
        }
    }

    fn take(&mut self, bytes: usize) {
        self.messages_in += 1;
        self.bytes_in += bytes as u64;
    }

    fn give(&mut self, bytes: usize) {
        self.messages_out += 1;
        self.bytes_out += bytes as u64;
    }
}

/// The log: the newest record of each name, in the order of their revisions.
#[derive(Debug, Default)]
pub(super) struct Server {
    records: Vec<Option<Record>>,
    newest: HashMap<String, usize>,
    /// What events cost.
    pub(super) events: Traffic,
    /// What leases and the audit cost.
    pub(super) upkeep: Traffic,
}

impl Server {
    fn of(&mut self, name: &str) -> &mut Traffic {
        if name.starts_with("lease.") { &mut self.upkeep } else { &mut self.events }
    }

    pub(super) fn last(&self) -> Revision {
        Revision(self.records.len() as u64)
    }

    /// The record after this many, if it was not superseded.
    pub(super) fn at(&self, place: usize) -> Option<&Record> {
        self.records.get(place)?.as_ref()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn write(&mut self, write: Write) -> Outcome {
        let value = write.value.as_ref().map_or(0, bytes::Bytes::len);
        let traffic = self.of(&write.name);
        traffic.take(PUBLISH + PREFIX + write.name.len() + HEADERS + value);
        traffic.give(ACK);
        let place = self.newest.get(&write.name).copied();
        let revision = place.map_or(0, |place| place as u64 + 1);
        if write.expected.is_some_and(|expected| expected.0 != revision) {
            return Outcome::Conflict;
        }
        if let Some(place) = place {
            self.records[place] = None;
        }
        self.of(&write.name).written += 1;
        self.newest.insert(write.name.clone(), self.records.len());
        let revision = Revision(self.records.len() as u64 + 1);
        let Write { name, value, ttl, .. } = write;
        self.records.push(Some(Record { name, revision, value, ttl, expires_in: None }));
        Outcome::Acked(revision)
    }

    pub(super) fn read(&mut self, name: &str) -> Option<Record> {
        let record = self.newest.get(name).and_then(|place| self.records[*place].clone());
        let value = record.as_ref().and_then(|r| r.value.as_ref()).map_or(0, bytes::Bytes::len);
        let audit = !name.starts_with("lease.");
        let traffic = if audit { &mut self.upkeep } else { &mut self.events };
        traffic.take(QUESTION + name.len());
        // The server's API writes headers and value in base64.
        traffic.give(ANSWER + name.len() + (HEADERS + value) * 4 / 3);
        record
    }

    /// A record goes to one watcher.
    pub(super) fn deliver(&mut self, record: &Record) {
        let value = record.value.as_ref().map_or(0, bytes::Bytes::len);
        self.of(&record.name).give(DELIVERY + PREFIX + record.name.len() + HEADERS + value);
    }

    /// A watch is opened: the consumer is made, and the stream asked for its end.
    pub(super) fn open(&mut self) {
        for (question, answer) in [(700, 900), (QUESTION, 900)] {
            self.events.take(question);
            self.events.give(answer);
        }
    }

    /// A consumer is deleted.
    pub(super) fn close(&mut self) {
        self.events.take(QUESTION);
        self.events.give(ANSWER);
    }

    /// The log is asked about.
    pub(super) fn ask(&mut self) {
        self.upkeep.take(QUESTION);
        self.upkeep.give(ANSWER);
    }
}

/// `$KV.divider_<group>.` with a group's name of five letters.
const PREFIX: usize = 18;

/// `HPUB`, an inbox with the number of the acknowledgement, two lengths, line ends.
const PUBLISH: usize = 64;

/// `NATS/1.0`, the expected revision and perhaps a time to live: they are stored and delivered, too.
const HEADERS: usize = 66;

/// `MSG`, the inbox, and `{"stream":"KV_divider_group", "seq":123456}`.
const ACK: usize = 100;

/// `HMSG`, the deliveries' subject, the reply subject that says where it stands, two lengths.
const DELIVERY: usize = 130;

/// A question to the server's API, without what is asked for.
const QUESTION: usize = 150;

/// An answer of the server's API, without what it says.
const ANSWER: usize = 250;
