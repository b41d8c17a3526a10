//! The store of a play, and the connections to it.

use super::super::log::no_answer;
use super::fate::{Fate, Message, Rule, Verb, fate_of, refusal};
use super::play::{Event, LATENCY, Play};
use super::player::Feed;
use crate::edge::{Input, WatchId};
use crate::log::{Change, Info, Outcome, StoreError};

impl Play {
    /// Sends a message. A matching rule decides its fate.
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

    /// Messages that were held back land now.
    pub(super) fn land(&mut self, place: usize) {
        for message in std::mem::take(&mut self.players[place].held) {
            self.arrive(place, message);
        }
    }

    pub(super) fn wake(&mut self) {
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
        } else if feed.caught_up || player.endless {
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

    /// A process's watches deliver everything at once.
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

    /// Ends every watch of a process, as a broken connection does.
    pub(super) fn break_watches(&mut self, place: usize) {
        for (watch, _) in std::mem::take(&mut self.players[place].watches) {
            let gap = StoreError::Gap { what: "scripted".into() };
            self.at(self.now, Event::Input(place, Input::WatchEnded(watch, gap)));
        }
    }

    /// Cuts a process off in both directions.
    pub(super) fn cut(&mut self, place: usize) {
        self.players[place].cut = true;
        self.break_watches(place);
    }

    /// Connects a process again.
    pub(super) fn mend(&mut self, place: usize) {
        self.players[place].cut = false;
        self.players[place].silent = false;
        self.break_watches(place);
    }

    /// Sets the fate of a process's messages about a record from now on.
    pub(super) fn rule(&mut self, place: usize, verb: Verb, name: &str, fate: Fate) {
        self.players[place].rules.push(Rule { verb, name: name.into(), fate, times: None });
    }

    /// Sets the fate of a process's next message about a record.
    pub(super) fn once(&mut self, place: usize, verb: Verb, name: &str, fate: Fate) {
        self.players[place].rules.push(Rule { verb, name: name.into(), fate, times: Some(1) });
    }
}
