//! Actions of announcers, operators and the application.

use std::time::Duration;

use super::Fault;
use crate::edge::Command;
use crate::id::{NodeId, Revision};
use crate::key::Key;
use crate::log::Write;
use crate::sim::app::give_up;
use crate::sim::event::Event;
use crate::sim::host::{Fate, unix_us};
use crate::sim::world::World;
use crate::wire::{
    ClaimRecord, ControlRecord, KeyMove, Mode, OnDeadline, RebalanceRecord, RecordName, RetryRecord,
};

impl World {
    /// Some client writes a record, over any revision.
    pub(super) fn put(
        &mut self,
        name: &RecordName,
        value: Option<&[u8]>,
        expires_in: Option<Duration>,
    ) {
        self.put_named(name.to_string(), value, expires_in);
    }

    pub(super) fn put_named(
        &mut self,
        name: String,
        value: Option<&[u8]>,
        expires_in: Option<Duration>,
    ) {
        if self.log.is_absent() {
            return;
        }
        let write = Write {
            name,
            value: value.map(|v| v.to_vec().into()),
            expected: None,
            ttl: None,
            expires_in,
        };
        self.note_token(&write);
        let _ = self.log.write(self.now, &write);
        self.wake_feeds();
    }

    pub(super) fn announce(&mut self, key: Key, ttl: Option<Duration>) {
        self.note_announced(&key, ttl);
        self.put(&RecordName::Key(key), Some(b""), ttl);
    }

    pub(super) fn retract(&mut self, key: Key) {
        self.note_retracted(&key);
        self.put(&RecordName::Key(key), None, None);
    }

    /// Retracts a key or announces it again, and continues soon after.
    pub(super) fn churn(&mut self, key: Key, times: u8) {
        let name = RecordName::Key(key.clone()).to_string();
        if self.log.read(self.now, &name).is_some_and(|record| record.value.is_some()) {
            self.retract(key.clone());
        } else {
            self.announce(key.clone(), None);
        }
        if let Some(times) = times.checked_sub(1) {
            let wait = self.lease.mul_f64(self.rng.f64() / 4.0);
            self.after(wait, Event::Fault(Fault::Churn(key, times)));
        }
    }

    /// An operator retries keys that are in quarantine.
    pub(super) fn retry(&mut self, which: impl Fn(&Key) -> bool) {
        for key in self.quarantined().into_iter().filter(which) {
            let name = RecordName::Claim(key.clone()).to_string();
            let Some(record) = self.log.read(self.now, &name) else { continue };
            let claim = record.value.as_deref().map(ClaimRecord::decode);
            let Some(Ok(claim)) = claim else { continue };
            self.note_retried(&key, claim.token);
            let value = RetryRecord::new(claim.token, "sim", "").encode();
            self.put(&RecordName::Retry(key), Some(&value), None);
        }
    }

    pub(super) fn rebalance(&mut self) {
        let value = RebalanceRecord::new("sim", "").encode();
        self.put(&RecordName::Rebalance, Some(&value), None);
    }

    pub(super) fn control(&mut self, at: usize, mode: Mode) {
        let mut record = ControlRecord::new(mode);
        record.parallel = self.rng.u32(0..4);
        if self.rng.u8(..4) == 0 {
            record.affinity = Some(self.rng.u32(0..300));
        }
        if self.rng.u8(..8) == 0 {
            record.on_deadline = OnDeadline::Free;
            let ms = unix_us(self.now) / 1_000;
            record.deadline_ms = Some(ms + self.rng.u64(..3_000));
        }
        let id = self.hosts[at].id.clone();
        if mode == Mode::Drain {
            self.note_drained(&id);
        }
        record.moves = self.some_moves(&id);
        self.put(&RecordName::Control(id), Some(&record.encode()), None);
    }

    /// Moves of some keys of the node to another one. What is drawn depends on the log alone.
    fn some_moves(&self, from: &NodeId) -> Vec<KeyMove> {
        let last = usize::try_from(self.log.last().0).unwrap_or_default();
        let to = self.hosts[last % self.hosts.len()].id.to_string();
        let claims = self.log.records().filter_map(|record| {
            let Ok(RecordName::Claim(key)) = RecordName::parse(&record.name) else { return None };
            let claim = ClaimRecord::decode(record.value.as_deref()?).ok()?;
            claim.owner.is_some_and(|owner| owner.node == *from).then_some((key, record.revision))
        });
        let request = |(key, claim): (Key, Revision)| KeyMove {
            key: key.to_string(),
            claim: claim.0,
            to: to.clone(),
        };
        claims.map(request).take(2).collect()
    }

    /// Deletes a node's control record.
    pub(super) fn uncontrol(&mut self, id: &NodeId) {
        self.put(&RecordName::Control(id.clone()), None, None);
    }

    pub(super) fn random_command(&mut self, at: usize, which: u8) {
        if !self.is_up(at) {
            return;
        }
        let run = self.hosts[at].app.runs.first_key_value();
        let run = run.map(|(key, run)| (key.clone(), run.token));
        let command = match (which % 6, run) {
            (0, Some((key, token))) => {
                self.hosts[at].app.runs.remove(&key);
                give_up(key, token)
            }
            (1, Some((key, token))) => {
                self.hosts[at].app.runs.remove(&key);
                if self.rng.bool() {
                    // More retractions follow.
                    let wait = self.latency() * 2;
                    self.after(wait, Event::Fault(Fault::Announce(key.clone())));
                }
                Command::Complete(key, token)
            }
            (2, _) => Command::Flush,
            (3, _) => Command::Cancel,
            (4, _) => Command::SetAffinity(self.rng.u32(..200)),
            _ => Command::AlterAffinity(self.rng.i64(-50..50)),
        };
        self.tell(|| format!("        {at}: {command:?}"));
        if command == Command::Flush && self.hosts[at].fate == Fate::Stays {
            self.hosts[at].fate = Fate::Flushed;
        }
        self.command(at, command);
    }
}
