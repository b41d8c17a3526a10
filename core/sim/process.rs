//! Starting and ending processes, and carrying out the actions of their cores.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::app::{App, Ending, Manners};
use super::event::{Event, Message};
use super::faults::Fault;
use super::host::{Clock, Fate, Host, Setting, config};
use super::link::Link;
use super::log::no_answer;
use super::world::World;
use crate::edge::{Action, Command, End, Input, Notice, RequestId};
use crate::id::{NodeId, Revision};
use crate::log::{Change, Outcome};
use crate::node::Node;
use crate::time::Time;

/// The revision of the group's log that an input shows.
fn shown(input: &Input) -> Option<Revision> {
    match input {
        Input::Change(_, Change::Record(record)) if !record.name.starts_with("lease.") => {
            Some(record.revision)
        }
        _ => None,
    }
}

impl World {
    /// Starts a process at a place. It replaces the process before it.
    pub(super) fn start(&mut self, place: usize, id: &NodeId, setting: &Setting, manners: Manners) {
        let clock = Clock::any(&mut self.rng, self.class);
        let before = self.hosts.get(place);
        let core = Node::new(config(id, setting), clock.read(self.now));
        let host = Host {
            core,
            id: id.clone(),
            epoch: before.map_or(0, |h| h.epoch + 1),
            clock,
            paused: None,
            deferred: Vec::new(),
            link: Link::default(),
            wanted: BTreeSet::new(),
            watches: BTreeMap::new(),
            app: App { manners, ..App::default() },
            ended: None,
            fate: Fate::Stays,
            back: None,
            session: None,
            join: setting.join,
            timer: None,
            alarmed: Time(0),
            usurped: None,
            prefixes: setting.prefixes.clone(),
            resume: None,
            resumed: self.now,
        };
        if place == self.hosts.len() {
            self.hosts.push(host);
        } else {
            self.hosts[place] = host;
        }
        self.tell(|| format!("{id}: starts, {clock:?}"));
        self.settle(place);
    }

    /// Crashes a process.
    pub(super) fn crash(&mut self, place: usize) {
        let id = self.hosts[place].id.clone();
        self.tell(|| format!("{id}: crashes"));
        let host = &mut self.hosts[place];
        host.epoch += 1;
        host.app = App::default();
        host.watches.clear();
        host.deferred.clear();
        host.paused = None;
        host.ended = Some(End::Cancelled);
    }

    /// Pauses a process.
    pub(super) fn pause(&mut self, place: usize) {
        self.hosts[place].paused.get_or_insert(self.now);
    }

    /// Resumes a process: everything that it missed arrives at once.
    pub(super) fn resume(&mut self, place: usize) {
        let host = &mut self.hosts[place];
        let Some(since) = host.paused.take() else { return };
        host.resumed = self.now;
        if crate::guard::broken!(ClockInSuspend) {
            host.clock.stop(self.now.since(since));
        }
        for event in std::mem::take(&mut host.deferred) {
            self.at(self.now, event);
        }
        if self.rng.bool() {
            self.break_watches(place);
        }
    }

    pub(super) fn is_up(&self, place: usize) -> bool {
        self.hosts[place].is_up()
    }

    /// An input reaches a process.
    pub(super) fn input(&mut self, place: usize, input: Input) {
        if !self.is_up(place) {
            return;
        }
        self.learn(place, &input);
        if let Input::Confirm(..) = input {
            self.hosts[place].app.stirred = self.now;
        }
        let host = &mut self.hosts[place];
        if host.paused.is_some() {
            return host.deferred.push(Event::Input(place, host.epoch, input));
        }
        if !host.is_up() {
            return;
        }
        let now = host.clock.read(self.now);
        let shown = shown(&input);
        host.core.handle(now, input);
        if let Some(revision) = shown {
            self.check_plan(place, revision);
        }
        // As in the engine, actions may be taken after several inputs.
        if self.rng.u8(..4) == 0 {
            let epoch = self.hosts[place].epoch;
            let wait = Duration::from_micros(self.rng.u64(..200));
            return self.after(wait, Event::Settle(place, epoch));
        }
        self.settle(place);
    }

    /// A core's timer, unless an earlier one has replaced it.
    pub(super) fn timer(&mut self, place: usize, set: Time) {
        let host = &mut self.hosts[place];
        if host.timer != Some(set) {
            return;
        }
        host.timer = None;
        let now = host.clock.read(self.now);
        host.core.handle_timeout(now);
        self.settle(place);
    }

    pub(super) fn command(&mut self, place: usize, command: Command) {
        let epoch = self.hosts[place].epoch;
        let request = RequestId(self.queue.count());
        self.note_asked(place, request, command.clone());
        let input = Input::Command(request, command);
        self.at(self.now, Event::Input(place, epoch, input));
    }

    /// Carries out a core's actions and sets its timer.
    pub(super) fn settle(&mut self, place: usize) {
        let epoch = self.hosts[place].epoch;
        while self.hosts[place].epoch == epoch
            && let Some(action) = self.hosts[place].core.poll_action()
        {
            self.act(place, action);
        }
        if self.hosts[place].epoch != epoch {
            return;
        }
        self.check_queues(place);
        let host = &mut self.hosts[place];
        if let Some(at) = host.core.poll_timeout() {
            let when = host.clock.when(at).max(self.now + Duration::from_nanos(1));
            if host.timer.is_none_or(|set| when < set) {
                host.timer = Some(when);
                self.at(when, Event::Timer(place, epoch, when));
            }
        }
    }

    fn act(&mut self, place: usize, action: Action) {
        let epoch = self.hosts[place].epoch;
        match action {
            Action::Write(number, write, patience) => {
                let late = Input::Wrote(number, Outcome::Unknown(no_answer()));
                self.after(patience, Event::Input(place, epoch, late));
                self.tell_of(place, || {
                    let value = write.value.as_deref().map(String::from_utf8_lossy);
                    let value = value.map(|v| v.trim_end_matches(['-', '"', '}']).to_owned());
                    format!("writes {} over {:?}: {value:?}", write.name, write.expected)
                });
                self.send(place, Message::Write(number, write));
            }
            Action::Read(number, name, patience) => {
                let late = Input::Read(number, Err(no_answer()));
                self.after(patience, Event::Input(place, epoch, late));
                self.send(place, Message::Read(number, name));
            }
            Action::Watch(watch, filter, delay) => {
                self.hosts[place].wanted.insert(watch);
                let wait = delay + self.latency();
                let message = Message::Open(watch, filter);
                self.after(wait, Event::Arrive(place, epoch, message));
            }
            Action::Unwatch(watch) => {
                self.hosts[place].wanted.remove(&watch);
                if let Some(feed) = self.hosts[place].watches.remove(&watch) {
                    self.note_position(place, feed);
                }
            }
            Action::Info => self.send(place, Message::Info),
            // Writes are already in flight.
            Action::Withdraw => {}
            Action::Notice(notice) => self.note(place, &notice),
            Action::Reply(request, reply) => {
                self.tell_of(place, || format!("answers {request:?}: {reply:?}"));
                self.note_answered(place, request);
            }
            action => self.act_on_app(place, action),
        }
    }

    /// Actions for the application.
    fn act_on_app(&mut self, place: usize, action: Action) {
        match action {
            Action::Session(session) => {
                self.tell_of(place, || format!("begins session {session:?}"));
                self.hosts[place].app.until = Time(0);
                self.hosts[place].session = Some(session);
                self.check_session(session);
            }
            Action::Lease { until, start_until } => {
                let app = &mut self.hosts[place].app;
                app.until = until;
                app.start_until = start_until;
                self.check_owners(place);
            }
            Action::Start(key, token) => {
                self.tell_of(place, || format!("is told to start {key} {token:?}"));
                self.told_to_start(place, key, token);
            }
            Action::Stop(key, token, reason, until) => {
                self.counts.stops += 1;
                self.tell_of(place, || format!("is told to stop {key} {token:?}: {reason:?}"));
                self.check_stop(place, &key, reason);
                self.end_run(place, &key, token, Ending::Stop(until));
            }
            Action::Lost(key, token, reason, until) => {
                self.counts.losts += 1;
                self.hosts[place].alarmed = self.now;
                self.tell_of(place, || format!("has lost {key} {token:?}: {reason:?}"));
                self.end_run(place, &key, token, Ending::Lost(until));
            }
            Action::End(end) => {
                self.tell_of(place, || format!("is over: {end:?}"));
                let host = &mut self.hosts[place];
                host.watches.clear();
                host.ended = Some(end);
                if let Some(pause) = host.back.take() {
                    self.after(pause, Event::Fault(Fault::Restart(place, true)));
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, place: usize, notice: &Notice) {
        match notice {
            Notice::Fenced { .. } => self.counts.fences += 1,
            Notice::Killed { .. } => self.counts.kills += 1,
            Notice::HandedOver { .. } => {
                self.counts.handed += 1;
                self.hosts[place].app.stirred = self.now;
            }
            Notice::TakenOver { .. } => self.counts.taken += 1,
            Notice::Resync { .. } => self.counts.resyncs += 1,
            _ => {}
        }
        if let Notice::Fenced { .. } | Notice::Resync { .. } | Notice::LogLost = notice {
            self.hosts[place].alarmed = self.now;
        }
        self.tell_of(place, || format!("{notice:?}"));
    }
}
