//! Messages between processes and the store.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::event::{Event, Message};
use super::log::no_answer;
use super::traps::Moment;
use super::world::World;
use crate::edge::{Input, WriteId};
use crate::log::{Info, Outcome, StoreError, Write};
use crate::time::Time;
use crate::timing::Timing;

/// The connection of a process. Its messages arrive in order, and so do the answers. Messages of
/// different processes overtake each other.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Whether nothing that the process sends gets through.
    pub(super) cut_out: bool,
    /// Whether nothing reaches the process.
    pub(super) cut_in: bool,
    /// Messages that are lost or come much later, in thousandths.
    pub(super) lost: u16,
    /// Answers that take up to the acknowledgement time-out, in thousandths.
    pub(super) slow: u16,
    /// How far its watches may lag, in µs.
    pub(super) lag: u64,
    /// Its writes of records with these prefixes are refused.
    pub(super) denied: BTreeSet<&'static str>,
    /// Whether watches that it opens deliver nothing, without ending.
    pub(super) silent: bool,
    /// Writes for whose acknowledgement a trap may wait.
    awaited: HashMap<WriteId, Moment>,
    last_arrival: Time,
    pub(super) last_answer: Time,
}

impl Link {
    /// Repairs the connection.
    pub(super) fn heal(&mut self) {
        let (last_arrival, last_answer) = (self.last_arrival, self.last_answer);
        *self = Self { last_arrival, last_answer, ..Self::default() };
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut_out || self.cut_in
    }
}

/// The permanent faults of the store, in thousandths.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Weather {
    /// Writes of unknown outcome, and as many false conflicts.
    pub(super) ambiguous: u16,
    /// Reads that a deposed leader answers.
    pub(super) stale: u16,
    /// Until when the store has no leader.
    pub(super) down_until: Time,
}

/// The moments of a write for traps.
fn moments(write: &Write) -> Option<(Moment, Moment, Moment)> {
    match write.name.split_once('.')?.0 {
        "lease" => Some((Moment::LeaseSent, Moment::LeaseLanded, Moment::LeaseAcked)),
        "claim" => Some((Moment::ClaimSent, Moment::ClaimLanded, Moment::ClaimAcked)),
        _ => None,
    }
}

impl World {
    pub(super) fn latency(&mut self) -> Duration {
        Duration::from_micros(self.rng.u64(50..2_000))
    }

    /// Sends a message on the process's connection: in order, lost, or much later.
    pub(super) fn send(&mut self, place: usize, message: Message) {
        if let Message::Write(number, write) = &message
            && let Some((sent, _, acked)) = moments(write)
        {
            self.hosts[place].link.awaited.insert(*number, acked);
            self.spring(place, sent);
        }
        let wait = self.latency();
        let host = &self.hosts[place];
        let (epoch, lost) = (host.epoch, host.link.lost);
        let dice = self.rng.u16(..1_000);
        if self.hosts[place].link.cut_out || dice < lost {
            // Messages that a broken connection held may arrive much later.
            if self.rng.bool() {
                let later = self.lease.mul_f64(self.rng.f64() * 4.0);
                self.after(wait + later, Event::Arrive(place, epoch, message));
            }
            return;
        }
        let link = &mut self.hosts[place].link;
        let when = (self.now + wait).max(link.last_arrival);
        link.last_arrival = when;
        self.at(when, Event::Arrive(place, epoch, message));
    }

    /// A message has reached the store.
    pub(super) fn arrive(&mut self, place: usize, epoch: u32, message: Message) {
        if self.weather.down_until > self.now {
            return self.arrive_late(place, epoch, message);
        }
        if self.log.is_absent() {
            return self.refuse(place, epoch, &message);
        }
        match message {
            Message::Write(number, write) => {
                let outcome = self.written(place, epoch, &write);
                self.answer(place, epoch, Input::Wrote(number, outcome));
            }
            Message::Read(number, name) => {
                let stale = self.rng.u16(..1_000) < self.weather.stale;
                let record = if stale {
                    let age = Duration::from_millis(self.rng.u64(1..3_000));
                    self.log.read_stale(self.now - age, &name)
                } else {
                    self.log.read(self.now, &name)
                };
                self.answer(place, epoch, Input::Read(number, Ok(record)));
            }
            Message::Open(watch, filter) => self.open(place, epoch, watch, filter),
            Message::Info => {
                let (created, last) = (self.log.created, self.log.last());
                let info = Info { created, last, replicas: 1, bytes: 0, max_bytes: None };
                self.answer(place, epoch, Input::Info(Ok(info)));
            }
        }
    }

    /// The store has no leader: the message waits for the next one, or is lost.
    fn arrive_late(&mut self, place: usize, epoch: u32, message: Message) {
        if self.rng.bool() {
            let when = self.weather.down_until + self.latency();
            self.at(when, Event::Arrive(place, epoch, message));
        } else if let Message::Open(watch, _) = message {
            let ended = Input::WatchEnded(watch, no_answer());
            self.after(Duration::from_secs(2), Event::Input(place, epoch, ended));
        }
    }

    /// The group does not exist.
    fn refuse(&mut self, place: usize, epoch: u32, message: &Message) {
        let error = StoreError::NoGroup { group: "simulated".into() };
        let input = match message {
            Message::Write(number, _) => Input::Wrote(*number, Outcome::Refused(error)),
            Message::Read(number, _) => Input::Read(*number, Err(error)),
            Message::Open(watch, _) => Input::WatchEnded(*watch, error),
            Message::Info => Input::Info(Err(error)),
        };
        self.answer(place, epoch, input);
    }

    fn written(&mut self, place: usize, epoch: u32, write: &Write) -> Outcome {
        let dice = self.rng.u16(..1_000);
        let denied = &self.hosts[place].link.denied;
        let outcome = if denied.iter().any(|kind| write.name.starts_with(kind)) {
            Outcome::Refused(StoreError::Denied { what: "simulated".into() })
        } else if dice < self.weather.ambiguous {
            Outcome::Unknown(no_answer())
        } else if dice < self.weather.ambiguous * 2 {
            // Reports a conflict although the revision was right, as a busy replica may.
            Outcome::Conflict
        } else {
            self.put_down(place, epoch, write)
        };
        let line = format!("        log: {} from {place}: {outcome:?}", write.name);
        self.tell(|| line);
        outcome
    }

    /// Writes into the log for an incarnation of a process.
    fn put_down(&mut self, place: usize, epoch: u32, write: &Write) -> Outcome {
        let before = self.log.read(self.now, &write.name);
        let outcome = self.log.write(self.now, write);
        self.trace.note_text(&write.name);
        match &outcome {
            Outcome::Acked(revision) => {
                self.trace.note(revision.0);
                self.check_write(place, epoch, write, before.as_ref());
                self.wake_feeds();
                let landed = moments(write).filter(|_| self.hosts[place].epoch == epoch);
                if let Some((_, landed, _)) = landed {
                    self.spring(place, landed);
                }
            }
            Outcome::Conflict if write.name.starts_with("claim.") => self.conflicts += 1,
            _ => {}
        }
        outcome
    }

    /// Sends an answer: in order, late, or never.
    pub(super) fn answer(&mut self, place: usize, epoch: u32, input: Input) {
        let mut wait = self.latency();
        let (lost, slow) = (self.hosts[place].link.lost, self.hosts[place].link.slow);
        if self.hosts[place].link.cut_in || self.rng.u16(..1_000) < lost {
            if self.rng.u8(..4) == 0 {
                let later = self.lease.mul_f64(self.rng.f64() * 2.0);
                self.after(wait + later, Event::Input(place, epoch, input));
            }
            return;
        }
        if self.rng.u16(..1_000) < slow {
            wait += Timing::of(self.lease).ack.mul_f64(self.rng.f64());
        }
        let link = &mut self.hosts[place].link;
        let when = (self.now + wait).max(link.last_answer);
        link.last_answer = when;
        self.at(when, Event::Input(place, epoch, input));
    }

    /// A process learns that its write landed. Springs traps for that.
    pub(super) fn learn(&mut self, place: usize, input: &Input) {
        let Input::Wrote(number, outcome) = input else { return };
        let moment = self.hosts[place].link.awaited.remove(number);
        if let (Some(moment), Outcome::Acked(_)) = (moment, outcome) {
            self.spring(place, moment);
        }
    }
}
