//! The words of a script: records that it writes and reads, and facts about processes.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;

use super::play::Play;
use crate::edge::{Action, Notice, Reply, RequestId};
use crate::id::Revision;
use crate::key::Key;
use crate::log::{Record, Write};
use crate::time::Time;
use crate::wire::{ClaimRecord, ControlRecord, LeaseRecord, MemberRecord, Mode};

impl Play {
    /// Another client writes a record, over any revision.
    pub(super) fn put(&mut self, name: &str, value: Option<Bytes>, expires_in: Option<Duration>) {
        let write = Write { name: name.into(), value, expected: None, ttl: None, expires_in };
        let _ = self.log.write(self.now, &write);
        self.wake();
    }

    pub(super) fn announce(&mut self, key: &str) {
        self.put(&format!("key.{key}"), Some(Bytes::new()), None);
    }

    pub(super) fn announce_all(&mut self, keys: &[impl AsRef<str>]) {
        for key in keys {
            self.announce(key.as_ref());
        }
    }

    pub(super) fn retract(&mut self, key: &str) {
        self.put(&format!("key.{key}"), None, None);
    }

    pub(super) fn control(&mut self, node: &str, record: &ControlRecord) {
        self.put(&format!("control.{node}"), Some(record.encode()), None);
    }

    /// An operator drains a process.
    pub(super) fn drain(&mut self, place: usize) {
        let id = self.players[place].id.to_string();
        self.control(&id, &ControlRecord::new(Mode::Drain));
    }

    pub(super) fn record(&mut self, name: &str) -> Option<Record> {
        self.log.read(self.now, name)
    }

    pub(super) fn revision(&mut self, name: &str) -> Revision {
        self.record(name).map(|record| record.revision).unwrap_or_default()
    }

    pub(super) fn claim(&mut self, key: &str) -> Option<ClaimRecord> {
        let value = self.record(&format!("claim.{key}"))?.value?;
        ClaimRecord::decode(&value).ok()
    }

    pub(super) fn lease(&mut self, node: &str) -> Option<LeaseRecord> {
        let value = self.record(&format!("lease.{node}"))?.value?;
        LeaseRecord::decode(&value).ok()
    }

    pub(super) fn member(&mut self, node: &str) -> Option<MemberRecord> {
        let value = self.record(&format!("member.{node}"))?.value?;
        MemberRecord::decode(&value).ok()
    }

    /// Whether the process runs the key.
    pub(super) fn runs(&self, place: usize, key: &str) -> bool {
        self.players[place].holds(self.now, &Key::new(key).expect("a legal key"))
    }

    /// The process that runs the key.
    pub(super) fn runner(&self, key: &str) -> Option<usize> {
        (0..self.players.len()).find(|at| self.runs(*at, key))
    }

    /// Waits until the keys run, on any process.
    pub(super) fn until_running(&mut self, keys: &[&str]) {
        let limit = Duration::from_secs(30);
        self.until(limit, |play| keys.iter().all(|key| play.runner(key).is_some()));
    }

    /// The writes of a process for a record, or for all records below a name that ends in a dot.
    pub(super) fn writes(&self, place: usize, name: &str) -> Vec<(Time, Write)> {
        let about = |write: &Write| {
            write.name == name || name.ends_with('.') && write.name.starts_with(name)
        };
        let write = |(at, action): &(Time, Action)| match action {
            Action::Write(_, write, _) if about(write) => Some((*at, write.clone())),
            _ => None,
        };
        self.players[place].done.iter().filter_map(write).collect()
    }

    /// How many times a process read a record from the leader.
    pub(super) fn reads(&self, place: usize, name: &str) -> usize {
        let is = |(_, action): &&(Time, Action)| matches!(action, Action::Read(_, read, _) if read == name);
        self.players[place].done.iter().filter(is).count()
    }

    /// What the application of a process received for a key: `+` start, `-` stop, `!` lost.
    pub(super) fn told(&self, place: usize, key: &str) -> String {
        let told = |(_, action): &(Time, Action)| match action {
            Action::Start(k, _) if k.as_str() == key => Some('+'),
            Action::Stop(k, ..) if k.as_str() == key => Some('-'),
            Action::Lost(k, ..) if k.as_str() == key => Some('!'),
            _ => None,
        };
        self.players[place].done.iter().filter_map(told).collect()
    }

    pub(super) fn notices(&self, place: usize) -> impl Iterator<Item = &Notice> {
        self.players[place].done.iter().filter_map(|(_, action)| match action {
            Action::Notice(notice) => Some(notice),
            _ => None,
        })
    }

    pub(super) fn is_fenced(&self, place: usize) -> bool {
        self.notices(place).any(|notice| matches!(notice, Notice::Fenced { .. }))
    }

    pub(super) fn resyncs(&self, place: usize) -> usize {
        self.notices(place).filter(|notice| matches!(notice, Notice::Resync { .. })).count()
    }

    pub(super) fn reply(&self, place: usize, request: RequestId) -> Option<&Reply> {
        self.players[place].done.iter().find_map(|(_, action)| match action {
            Action::Reply(id, reply) if *id == request => Some(reply),
            _ => None,
        })
    }

    /// All actions of all processes, in order.
    pub(super) fn story(&self) -> String {
        let mut lines: Vec<_> = self
            .players
            .iter()
            .flat_map(|p| p.done.iter().map(move |(at, action)| (*at, &p.id, action)))
            .collect();
        lines.sort_by_key(|(at, ..)| *at);
        let mut story = String::new();
        for (at, id, action) in lines {
            let _ = writeln!(story, "{:>8} {id}: {action:?}", at.0 / 1_000_000);
        }
        story
    }
}
