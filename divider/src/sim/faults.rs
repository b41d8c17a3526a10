//! What goes wrong.

use std::time::Duration;

use super::host::{Setting, unix_us};
use super::world::{Event, World};
use crate::core::edge::Command;
use crate::core::time::Time;
use crate::id::NodeId;
use crate::key::Key;
use crate::store::Write;
use crate::wire::{ControlRecord, Mode, OnDeadline, RebalanceRecord, RecordName};

/// How bad it is all the time, in thousandths.
#[derive(Debug, Default)]
pub(super) struct Weather {
    /// Messages that are lost, or come much later.
    pub(super) lost: u16,
    /// Writes whose outcome nobody knows, and as many false conflicts.
    pub(super) ambiguous: u16,
    /// Reads that a leader of old answers.
    pub(super) stale: u16,
    /// How far watches may lag, in microseconds.
    pub(super) lag: u64,
    pub(super) down_until: Time,
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    Pause(usize, Duration),
    Resume(usize, u32),
    Crash(usize),
    Restart(usize, bool),
    Cut(usize, bool, bool, Duration),
    Heal(usize),
    Outage(Duration),
    BreakWatches(usize),
    SilenceWatches(usize),
    LoseTail(usize),
    Recreate,
    Announce(Key),
    Retract(Key),
    AnnounceFor(Key, Duration),
    Control(usize, Mode),
    Rebalance,
    Command(usize, u8),
    Garbage(Key),
    DeleteMember(usize),
    Calm,
}

impl World {
    pub(super) fn fault(&mut self, fault: Fault) {
        self.tell(|| format!("        fault: {fault:?}"));
        match fault {
            Fault::Pause(at, span) => {
                if self.is_up(at) && !self.hosts[at].paused {
                    self.hosts[at].paused = true;
                    let epoch = self.hosts[at].epoch;
                    self.after(span, Event::Fault(Fault::Resume(at, epoch)));
                }
            }
            Fault::Resume(at, epoch) => {
                if self.hosts[at].epoch == epoch {
                    self.resume(at);
                }
            }
            Fault::Crash(at) => {
                if self.is_up(at) {
                    self.crash(at);
                }
            }
            Fault::Restart(at, same) => self.restart(at, same),
            Fault::Cut(at, cut_out, cut_in, span) => {
                let host = &mut self.hosts[at];
                host.cut_out |= cut_out;
                host.cut_in |= cut_in;
                self.after(span, Event::Fault(Fault::Heal(at)));
            }
            Fault::Heal(at) => {
                let host = &mut self.hosts[at];
                host.cut_out = false;
                host.cut_in = false;
                if self.rng.u8(..4) != 0 {
                    self.break_watches(at);
                }
            }
            Fault::Outage(span) => {
                self.weather.down_until = self.weather.down_until.max(self.now + span);
                for at in 0..self.hosts.len() {
                    if self.rng.bool() {
                        self.break_watches(at);
                    }
                }
            }
            Fault::BreakWatches(at) => self.break_watches(at),
            Fault::SilenceWatches(at) => {
                let some = self.rng.bool();
                for feed in self.hosts[at].watches.values_mut().filter(|_| some) {
                    feed.silent = true;
                }
            }
            Fault::LoseTail(count) => {
                self.lost = Some(self.now);
                self.counts.losses += 1;
                self.log.lose_tail(count);
            }
            Fault::Recreate => {
                self.lost = Some(self.now);
                self.counts.losses += 1;
                self.log.recreate();
                for at in 0..self.hosts.len() {
                    self.break_watches(at);
                }
            }
            Fault::Announce(key) => self.put(&RecordName::Key(key), Some(""), None),
            Fault::AnnounceFor(key, ttl) => self.put(&RecordName::Key(key), Some(""), Some(ttl)),
            Fault::Retract(key) => self.put(&RecordName::Key(key), None, None),
            Fault::Garbage(key) => self.put(&RecordName::Claim(key), Some("{garbage"), None),
            Fault::DeleteMember(at) => {
                self.member_deleted = true;
                let id = self.hosts[at].id.clone();
                self.put(&RecordName::Member(id), None, None);
            }
            Fault::Control(at, mode) => self.control(at, mode),
            Fault::Rebalance => {
                let value = RebalanceRecord::new("sim", "").encode();
                let value = std::str::from_utf8(&value).expect("records are JSON").to_owned();
                self.put(&RecordName::Rebalance, Some(&value), None);
            }
            Fault::Command(at, which) => self.random_command(at, which),
            Fault::Calm => self.calm(),
        }
    }

    pub(super) fn put(&mut self, name: &RecordName, value: Option<&str>, ttl: Option<Duration>) {
        let write = Write {
            name: name.to_string(),
            value: value.map(|v| v.as_bytes().to_vec().into()),
            expected: None,
            ttl: ttl.or(value.is_none().then_some(Duration::from_hours(1))),
        };
        let _ = self.log.write(self.now, &write);
        self.wake_feeds();
    }

    fn control(&mut self, at: usize, mode: Mode) {
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
        let value = record.encode();
        let value = std::str::from_utf8(&value).expect("records are JSON").to_owned();
        let id = self.hosts[at].id.clone();
        self.put(&RecordName::Control(id), Some(&value), None);
    }

    fn random_command(&mut self, at: usize, which: u8) {
        if !self.is_up(at) {
            return;
        }
        let key = self.hosts[at].app.runs.keys().next().cloned();
        let command = match (which % 6, key) {
            (0, Some(key)) => {
                self.hosts[at].app.runs.remove(&key);
                Command::Release(key)
            }
            (1, Some(key)) => {
                self.hosts[at].app.runs.remove(&key);
                Command::Complete(key)
            }
            (2, _) => Command::Flush,
            (3, _) => Command::Cancel,
            (4, _) => Command::SetAffinity(self.rng.u32(..200)),
            _ => Command::AlterAffinity(self.rng.i64(-50..50)),
        };
        self.tell(|| format!("        {at}: {command:?}"));
        self.hosts[at].flushed |= command == Command::Flush;
        self.command(at, command);
    }

    fn resume(&mut self, at: usize) {
        self.hosts[at].paused = false;
        for event in std::mem::take(&mut self.hosts[at].deferred) {
            self.at(self.now, event);
        }
        if self.rng.bool() {
            self.break_watches(at);
        }
    }

    fn restart(&mut self, at: usize, same: bool) {
        if self.is_up(at) {
            return;
        }
        let seed = self.rng.u64(..);
        let id = if same {
            self.hosts[at].id.clone()
        } else {
            NodeId::new(format!("n{at}-{}", seed % 1_000)).expect("a legal id")
        };
        let setting = Setting { lease: self.lease, affinity: 100, prefixes: Vec::new(), seed };
        self.start(at, &id, &setting);
    }

    /// The faults are over: everything works from now on.
    fn calm(&mut self) {
        self.weather = Weather { down_until: self.now, ..Weather::default() };
        let places: Vec<usize> = (0..self.hosts.len()).collect();
        for at in places {
            let host = &mut self.hosts[at];
            host.cut_in = false;
            host.cut_out = false;
            let id = host.id.clone();
            if self.hosts[at].paused {
                self.resume(at);
            }
            self.put(&RecordName::Control(id), None, None);
            self.hosts[at].app.slowness = Duration::from_millis(5);
            self.confirm_all(at);
            if self.hosts[at].flushed && self.is_up(at) {
                self.crash(at);
            }
            self.restart(at, false);
            self.hosts[at].app.stubborn = false;
            self.command(at, Command::SetAffinity(100));
        }
    }

    /// A stubborn application comes to its senses: whatever it was told to stop, it confirms.
    fn confirm_all(&mut self, at: usize) {
        let host = &self.hosts[at];
        let epoch = host.epoch;
        let ending = host.app.runs.iter().filter(|(_, run)| run.ending);
        let ending: Vec<_> = ending.map(|(k, r)| (k.clone(), r.token)).collect();
        for (key, token) in ending {
            let wait = self.latency();
            self.after(wait, Event::Stopped(at, epoch, key, token));
        }
    }
}
