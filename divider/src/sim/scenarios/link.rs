//! The store of a play and the way to it; and what a script puts into the log and reads from it.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;

use super::super::log::no_answer;
use super::fate::{Fate, Message, Rule, Verb, fate_of, refusal};
use super::play::{Event, LATENCY, Play};
use super::player::Feed;
use crate::core::edge::{Action, Input, Notice, Reply, RequestId, WatchId};
use crate::core::time::Time;
use crate::id::Revision;
use crate::key::Key;
use crate::store::{Change, Info, Outcome, Record, StoreError, Write};
use crate::wire::{ClaimRecord, ControlRecord, LeaseRecord, MemberRecord};

impl Play {
    /// A message sets out: whatever rule there is for it decides what becomes of it.
    pub(super) fn send(&mut self, place: usize, message: Message) {
        let player = &mut self.players[place];
        let fate = fate_of(&mut player.rules, &message);
        if player.cut {
            return;
        }
        match (fate, message) {
            (None, message) => self.after(LATENCY, Event::Arrive(place, message)),
            (Some(Fate::Lost), _) => {}
            (Some(Fate::Held), message) => player.held.push(message),
            (Some(Fate::Unanswered), Message::Write(_, write)) => {
                let _ = self.log.write(self.now, &write);
                self.wake();
            }
            (Some(Fate::Refused), Message::Write(id, _)) => {
                let refused = Input::Wrote(id, Outcome::Refused(refusal()));
                self.after(LATENCY * 2, Event::Input(place, refused));
            }
            (Some(Fate::Old(record)), Message::Read(id, _)) => {
                self.after(LATENCY * 2, Event::Input(place, Input::Read(id, Ok(record))));
            }
            (Some(fate), message) => panic!("no such fate for a message: {fate:?} {message:?}"),
        }
    }

    pub(super) fn arrive(&mut self, place: usize, message: Message) {
        let input = match message {
            Message::Write(id, write) => {
                let outcome = self.log.write(self.now, &write);
                self.wake();
                Input::Wrote(id, outcome)
            }
            Message::Read(id, name) => Input::Read(id, Ok(self.log.read(self.now, &name))),
            Message::Info => {
                let (created, last) = (self.log.created, self.log.last());
                let info = Info { created, last, replicas: 1, bytes: 0, max_bytes: None };
                Input::Info(Ok(info))
            }
            Message::Open(id, _) if self.players[place].cut => Input::WatchEnded(id, no_answer()),
            Message::Open(id, filter) => {
                let feed = Feed { filter, position: 0, caught_up: false, stepping: true };
                self.players[place].watches.insert(id, feed);
                return self.after(LATENCY, Event::Feed(place, id));
            }
        };
        if !self.players[place].cut || matches!(input, Input::WatchEnded(..)) {
            self.after(LATENCY, Event::Input(place, input));
        }
    }

    /// What was held back on the way to the store lands now.
    pub(super) fn land(&mut self, place: usize) {
        for message in std::mem::take(&mut self.players[place].held) {
            self.arrive(place, message);
        }
    }

    fn wake(&mut self) {
        for place in 0..self.players.len() {
            let idle = self.players[place].watches.iter_mut().filter(|(_, feed)| !feed.stepping);
            let woken: Vec<_> = idle.map(|(id, feed)| (*id, feed.stepping = true).0).collect();
            for id in woken {
                self.after(LATENCY, Event::Feed(place, id));
            }
        }
    }

    /// The store sends the next record of a watch.
    pub(super) fn feed(&mut self, place: usize, watch: WatchId) {
        let player = &mut self.players[place];
        let Some(feed) = player.watches.get_mut(&watch) else { return };
        if player.silent || player.cut {
            feed.stepping = false;
            return;
        }
        let record = self.log.next(self.now, feed.position, &feed.filter);
        let change = if let Some(record) = record {
            feed.position = record.revision.0;
            let hidden = !feed.caught_up && player.hidden.contains(&record.name);
            (!hidden).then_some(Change::Record(record))
        } else if feed.caught_up {
            feed.stepping = false;
            return;
        } else {
            feed.caught_up = true;
            Some(Change::CaughtUp)
        };
        let pause = player.pace;
        if let Some(change) = change {
            self.at(self.now, Event::Input(place, Input::Change(watch, change)));
        }
        self.after(pause, Event::Feed(place, watch));
    }

    /// Everything that there is for a process's watches reaches it at once.
    pub(super) fn deliver_now(&mut self, place: usize) {
        let ids: Vec<_> = self.players[place].watches.keys().copied().collect();
        for id in ids {
            while let Some(feed) = self.players[place].watches.get_mut(&id)
                && let Some(record) = self.log.next(self.now, feed.position, &feed.filter)
            {
                feed.position = record.revision.0;
                self.input(place, Input::Change(id, Change::Record(record)));
            }
        }
    }

    /// Every watch of a process ends, as when its connection breaks.
    pub(super) fn break_watches(&mut self, place: usize) {
        for (watch, _) in std::mem::take(&mut self.players[place].watches) {
            let gap = StoreError::Gap { what: "scripted".into() };
            self.at(self.now, Event::Input(place, Input::WatchEnded(watch, gap)));
        }
    }

    /// Nothing gets through to or from a process any more.
    pub(super) fn cut(&mut self, place: usize) {
        self.players[place].cut = true;
        self.break_watches(place);
    }

    /// A process is connected again.
    pub(super) fn mend(&mut self, place: usize) {
        self.players[place].cut = false;
        self.players[place].silent = false;
        self.break_watches(place);
    }

    /// From now on that is what becomes of the process's messages about a record.
    pub(super) fn rule(&mut self, place: usize, verb: Verb, name: &str, fate: Fate) {
        self.players[place].rules.push(Rule { verb, name: name.into(), fate, times: None });
    }

    /// That is what becomes of the process's next message about a record.
    pub(super) fn once(&mut self, place: usize, verb: Verb, name: &str, fate: Fate) {
        self.players[place].rules.push(Rule { verb, name: name.into(), fate, times: Some(1) });
    }

    pub(super) fn put(&mut self, name: &str, value: Option<Bytes>, ttl: Option<Duration>) {
        let write = Write { name: name.into(), value, expected: None, ttl };
        let _ = self.log.write(self.now, &write);
        self.wake();
    }

    pub(super) fn announce(&mut self, key: &str) {
        self.put(&format!("key.{key}"), Some(Bytes::new()), None);
    }

    pub(super) fn retract(&mut self, key: &str) {
        self.put(&format!("key.{key}"), None, Some(Duration::from_secs(3_600)));
    }

    pub(super) fn control(&mut self, node: &str, record: &ControlRecord) {
        self.put(&format!("control.{node}"), Some(record.encode()), None);
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

    /// Waits until the keys run, whoever it is that runs them.
    pub(super) fn until_running(&mut self, keys: &[&str]) {
        let limit = Duration::from_secs(30);
        self.until(limit, |play| keys.iter().all(|key| play.runner(key).is_some()));
    }

    /// What a process wrote about a record (or, with a dot at the end, about all below) so far.
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

    /// How often a process asked the leader for a record.
    pub(super) fn reads(&self, place: usize, name: &str) -> usize {
        let is = |(_, action): &&(Time, Action)| matches!(action, Action::Read(_, read, _) if read == name);
        self.players[place].done.iter().filter(is).count()
    }

    /// What a process's application was told about a key: `+` start, `-` stop, `!` lost.
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

    /// Everything that every process did, in order.
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
