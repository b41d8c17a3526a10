//! A log without faults, and the traffic that it would cause on a NATS server.
//!
//! Bytes are those of the client protocol: publishes, deliveries, acknowledgements and requests. TCP,
//! pings, idle heartbeats of consumers and replication are not included.

use std::collections::HashMap;

use crate::id::Revision;
use crate::log::{Outcome, Record, Write};

/// The traffic of the server's connections.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// Written records.
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
    /// The traffic since an earlier count.
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

/// The log: the newest record of each name, by revision.
#[derive(Debug, Default)]
pub(super) struct Server {
    records: Vec<Option<Record>>,
    newest: HashMap<String, usize>,
    /// The traffic of events.
    pub(super) events: Traffic,
    /// The traffic of leases and the audit.
    pub(super) upkeep: Traffic,
}

impl Server {
    fn of(&mut self, name: &str) -> &mut Traffic {
        if name.starts_with("lease.") { &mut self.upkeep } else { &mut self.events }
    }

    pub(super) fn last(&self) -> Revision {
        Revision(self.records.len() as u64)
    }

    /// The record at this position, if it was not superseded.
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
        // The server's API encodes headers and value in base64.
        traffic.give(ANSWER + name.len() + (HEADERS + value) * 4 / 3);
        record
    }

    /// Delivers a record to one watch.
    pub(super) fn deliver(&mut self, record: &Record) {
        let value = record.value.as_ref().map_or(0, bytes::Bytes::len);
        self.of(&record.name).give(DELIVERY + PREFIX + record.name.len() + HEADERS + value);
    }

    /// Opens a watch: makes the consumer, and reads the end of the stream.
    pub(super) fn open(&mut self) {
        for (question, answer) in [(700, 900), (QUESTION, 900)] {
            self.events.take(question);
            self.events.give(answer);
        }
    }

    /// Deletes a consumer.
    pub(super) fn close(&mut self) {
        self.events.take(QUESTION);
        self.events.give(ANSWER);
    }

    /// Reads the state of the log.
    pub(super) fn ask(&mut self) {
        self.upkeep.take(QUESTION);
        self.upkeep.give(ANSWER);
    }
}

/// `$KV.divider_<group>.` with a group name of five letters.
const PREFIX: usize = 18;

/// `HPUB`, an inbox with the number of the acknowledgement, two lengths, line ends.
const PUBLISH: usize = 64;

/// `NATS/1.0`, the expected revision and perhaps a time to live. They are stored and delivered too.
const HEADERS: usize = 66;

/// `MSG`, the inbox, and `{"stream":"KV_divider_group", "seq":123456}`.
const ACK: usize = 100;

/// `HMSG`, the subject of deliveries, the reply subject with the position, two lengths.
const DELIVERY: usize = 130;

/// A request to the server's API, without its content.
const QUESTION: usize = 150;

/// An answer of the server's API, without its content.
const ANSWER: usize = 250;
