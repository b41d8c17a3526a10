//! The simulated world: processes, a store, messages between them, and one time for all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::fmt::Write as _;
use std::ops::AddAssign;
use std::time::Duration;

use super::faults::{Fault, Weather};
use super::host::{App, Clock, Feed, Host, Run, Setting, config, unix_us};
use super::log::{Log, no_answer};
use super::overlap::Overlap;
use crate::core::edge::{Action, Command, Input, ReadId, RequestId, WatchId, WriteId};
use crate::core::node::Node;
use crate::core::time::Time;
use crate::id::{NodeId, Token};
use crate::key::Key;
use crate::store::{Change, Filter, Info, Outcome, StoreError, Write};

/// More steps than any seed needs.
const MOST_STEPS: u64 = 5_000_000;

/// Something that happens at a moment.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// A message reaches the store.
    Arrive(usize, u32, Message),
    /// Something reaches a process.
    Input(usize, u32, Input),
    /// A core's timer, set for this moment.
    Timer(usize, u32, Time),
    /// A process takes the actions of what reached it.
    Settle(usize, u32),
    /// The store sends a watch's next record.
    Feed(usize, u32, WatchId),
    /// The application takes a start that it was told.
    Take(usize, u32, Key, Token),
    /// The application's run ends: it confirms.
    Stopped(usize, u32, Key, Token),
    /// Something goes wrong, or right again.
    Fault(Fault),
    /// Two owners at a time: are they still?
    Overlap,
}

impl Event {
    fn host(&self) -> Option<(usize, u32)> {
        match self {
            Self::Input(at, epoch, _)
            | Self::Timer(at, epoch, _)
            | Self::Settle(at, epoch)
            | Self::Take(at, epoch, ..)
            | Self::Stopped(at, epoch, ..) => Some((*at, *epoch)),
            Self::Arrive(..) | Self::Feed(..) | Self::Fault(_) | Self::Overlap => None,
        }
    }
}

/// What a process asks of the store.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Write(WriteId, Write),
    Read(ReadId, String),
    Open(WatchId, Filter),
    Info,
}

/// All there is.
pub(super) struct World {
    pub(super) now: Time,
    pub(super) rng: fastrand::Rng,
    pub(super) log: Log,
    pub(super) hosts: Vec<Host>,
    pub(super) weather: Weather,
    pub(super) lease: Duration,
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    events: HashMap<u64, Event>,
    next: u64,
    pub(super) steps: u64,
    pub(super) highest: BTreeMap<Key, Token>,
    pub(super) story: Option<String>,
    pub(super) violation: Option<String>,
    pub(super) counts: Counts,
    pub(super) member_deleted: bool,
    /// Two owners at a time, which only a store that loses something may bring about.
    pub(super) overlaps: Vec<Overlap>,
    /// When the store lost something last; none: it keeps what it acknowledges.
    pub(super) lost: Option<Time>,
    /// How long the longest lasted, in leases.
    pub(super) longest_overlap_seen: f64,
}

/// What happened, so that a run that shows nothing is noticed.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) starts: u64,
    pub(super) stops: u64,
    pub(super) losts: u64,
    pub(super) fences: u64,
    pub(super) kills: u64,
    pub(super) handed: u64,
    pub(super) resyncs: u64,
    pub(super) losses: u64,
    pub(super) overlaps: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.starts += other.starts;
        self.stops += other.stops;
        self.losts += other.losts;
        self.fences += other.fences;
        self.kills += other.kills;
        self.handed += other.handed;
        self.resyncs += other.resyncs;
        self.losses += other.losses;
        self.overlaps += other.overlaps;
    }
}

impl World {
    pub(super) fn new(seed: u64, lease: Duration, told: bool) -> Self {
        Self {
            now: Time(1_000_000_000),
            rng: fastrand::Rng::with_seed(seed),
            log: Log::default(),
            hosts: Vec::new(),
            weather: Weather::default(),
            lease,
            queue: BinaryHeap::new(),
            events: HashMap::new(),
            next: 0,
            steps: 0,
            highest: BTreeMap::new(),
            story: told.then(String::new),
            violation: None,
            counts: Counts::default(),
            member_deleted: false,
            overlaps: Vec::new(),
            lost: None,
            longest_overlap_seen: 0.0,
        }
    }

    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            let ms = self.now.0 / 1_000;
            let _ = writeln!(story, "{:>9}.{:03} {}", ms / 1_000, ms % 1_000, line());
        }
    }

    pub(super) fn violate(&mut self, what: String) {
        self.tell(|| format!("VIOLATION {what}"));
        self.violation.get_or_insert(what);
    }

    pub(super) fn at(&mut self, when: Time, event: Event) {
        self.next += 1;
        self.events.insert(self.next, event);
        self.queue.push(Reverse((when.max(self.now), self.next)));
    }

    pub(super) fn after(&mut self, span: Duration, event: Event) {
        self.at(self.now + span, event);
    }

    /// Starts a process at a place, instead of the one that was there.
    pub(super) fn start(&mut self, place: usize, id: &NodeId, setting: &Setting) {
        let clock = Clock {
            offset: self.rng.u64(..1_000_000_000_000),
            drift: self.rng.i64(-9_900..=9_900),
        };
        let epoch = self.hosts.get(place).map_or(0, |h| h.epoch + 1);
        let core = Node::new(config(id, setting), clock.read(self.now));
        let slowness = Duration::from_micros(self.rng.u64(10..200_000));
        let app = App { slowness, stubborn: self.rng.u8(..) < 8, ..App::default() };
        let host = Host {
            core,
            id: id.clone(),
            epoch,
            clock,
            paused: false,
            deferred: Vec::new(),
            cut_out: false,
            cut_in: false,
            last_arrival: self.now,
            last_answer: self.now,
            watches: BTreeMap::new(),
            app,
            ended: None,
            flushed: false,
            timer: None,
            alarmed: Time(0),
        };
        if place == self.hosts.len() {
            self.hosts.push(host);
        } else {
            self.hosts[place] = host;
        }
        self.tell(|| format!("{id}: starts, drift {} ppm", clock.drift));
        self.settle(place);
    }

    /// Ends a process without a word.
    pub(super) fn crash(&mut self, place: usize) {
        let id = self.hosts[place].id.clone();
        self.tell(|| format!("{id}: crashes"));
        let host = &mut self.hosts[place];
        host.epoch += 1;
        host.app = App::default();
        host.watches.clear();
        host.deferred.clear();
        host.paused = false;
        host.ended = Some(crate::core::edge::End::Cancelled);
    }

    pub(super) fn is_up(&self, place: usize) -> bool {
        self.hosts[place].ended.is_none()
    }

    /// Lets everything happen up to a moment.
    pub(super) fn run_until(&mut self, end: Time) {
        while self.violation.is_none()
            && let Some(&Reverse((when, number))) = self.queue.peek()
            && when <= end
        {
            self.queue.pop();
            let Some(event) = self.events.remove(&number) else { continue };
            self.now = when;
            self.steps += 1;
            self.step(event);
            if self.steps > MOST_STEPS {
                self.violate(format!("it spins: {MOST_STEPS} steps"));
            }
        }
        self.now = self.now.max(end);
    }

    fn step(&mut self, event: Event) {
        if let Some((place, epoch)) = event.host() {
            let host = &mut self.hosts[place];
            if host.epoch != epoch {
                return;
            }
            if host.paused {
                return host.deferred.push(event);
            }
        }
        match event {
            Event::Arrive(place, epoch, message) => self.arrive(place, epoch, message),
            Event::Input(place, _, input) => self.input(place, input),
            Event::Timer(place, _, set) => {
                let host = &mut self.hosts[place];
                if host.timer != Some(set) {
                    // An earlier one has come instead; it has set the next.
                    return;
                }
                host.timer = None;
                let now = host.clock.read(self.now);
                host.core.handle_timeout(now);
                self.settle(place);
            }
            Event::Settle(place, _) => self.settle(place),
            Event::Feed(place, epoch, watch) => self.feed(place, epoch, watch),
            Event::Take(place, _, key, token) => self.take(place, &key, token),
            Event::Stopped(place, _, key, token) => self.stopped(place, &key, token),
            Event::Fault(fault) => self.fault(fault),
            Event::Overlap => self.on_overlap(),
        }
    }

    pub(super) fn input(&mut self, place: usize, input: Input) {
        let host = &mut self.hosts[place];
        if host.ended.is_some() {
            return;
        }
        let now = host.clock.read(self.now);
        host.core.handle(now, input);
        // As in the engine, actions may be taken only after several inputs.
        if self.rng.u8(..4) == 0 {
            let epoch = self.hosts[place].epoch;
            let wait = Duration::from_micros(self.rng.u64(..200));
            return self.after(wait, Event::Settle(place, epoch));
        }
        self.settle(place);
    }

    pub(super) fn command(&mut self, place: usize, command: Command) {
        let epoch = self.hosts[place].epoch;
        let input = Input::Command(RequestId(self.next), command);
        self.at(self.now, Event::Input(place, epoch, input));
    }

    /// Carries a core's actions out and sets its timer.
    fn settle(&mut self, place: usize) {
        while let Some(action) = self.hosts[place].core.poll_action() {
            self.act(place, action);
        }
        if self.story.is_some()
            && let Some(wrong) = self.hosts[place].core.wrong_counts()
        {
            let id = self.hosts[place].id.clone();
            self.violate(format!("{id} counts wrong: {wrong}"));
        }
        let host = &mut self.hosts[place];
        if let Some(at) = host.core.poll_timeout() {
            let when = host.clock.when(at).max(self.now + Duration::from_nanos(1));
            if host.timer.is_none_or(|set| when < set) {
                host.timer = Some(when);
                let epoch = host.epoch;
                self.at(when, Event::Timer(place, epoch, when));
            }
        }
    }

    fn act(&mut self, place: usize, action: Action) {
        let id = self.hosts[place].id.clone();
        let epoch = self.hosts[place].epoch;
        match action {
            Action::Write(number, write, patience) => {
                self.tell(|| {
                    let value = write.value.as_deref().map(String::from_utf8_lossy);
                    let value = value.map(|v| v.trim_end_matches(['-', '"', '}']).to_owned());
                    format!("{id}: writes {} over {:?}: {value:?}", write.name, write.expected)
                });
                let late = Input::Wrote(number, Outcome::Unknown(no_answer()));
                self.after(patience, Event::Input(place, epoch, late));
                self.send(place, Message::Write(number, write));
            }
            Action::Read(number, name, patience) => {
                let late = Input::Read(number, Err(no_answer()));
                self.after(patience, Event::Input(place, epoch, late));
                self.send(place, Message::Read(number, name));
            }
            Action::Watch(watch, filter, delay) => {
                let wait = delay + self.latency();
                let message = Message::Open(watch, filter);
                self.after(wait, Event::Arrive(place, epoch, message));
            }
            Action::Unwatch(watch) => {
                self.hosts[place].watches.remove(&watch);
            }
            Action::Info => self.send(place, Message::Info),
            Action::Session(session) => {
                self.tell(|| format!("{id}: begins session {session:?}"));
                self.hosts[place].app.until = Time(0);
            }
            Action::Lease { until, start_until } => {
                let app = &mut self.hosts[place].app;
                app.until = until;
                app.start_until = start_until;
                self.check_owners(place);
            }
            Action::Start(key, token) => {
                self.tell(|| format!("{id}: is told to start {key} {token:?}"));
                self.hosts[place].app.untaken.insert(key.clone(), token);
                let wait = Duration::from_micros(self.rng.u64(1..3_000));
                self.after(wait, Event::Take(place, epoch, key, token));
            }
            Action::Stop(key, token, reason) => {
                self.counts.stops += 1;
                self.tell(|| format!("{id}: is told to stop {key} {token:?}: {reason:?}"));
                self.end_run(place, &key, token, None);
            }
            Action::Lost(key, token, reason, until) => {
                self.counts.losts += 1;
                self.hosts[place].alarmed = self.now;
                self.tell(|| format!("{id}: has lost {key} {token:?}: {reason:?}"));
                self.end_run(place, &key, token, Some(until));
            }
            Action::Reply(..) => {}
            Action::Notice(notice) => self.note(place, &notice),
            Action::End(end) => {
                self.tell(|| format!("{id}: is over: {end:?}"));
                let host = &mut self.hosts[place];
                host.watches.clear();
                host.ended = Some(end);
            }
        }
    }

    fn note(&mut self, place: usize, notice: &crate::core::edge::Notice) {
        use crate::core::edge::Notice;
        match notice {
            Notice::Fenced { .. } => self.counts.fences += 1,
            Notice::Killed { .. } => self.counts.kills += 1,
            Notice::HandedOver { .. } => self.counts.handed += 1,
            Notice::Resync { .. } => self.counts.resyncs += 1,
            _ => {}
        }
        if let Notice::Fenced { .. } | Notice::Resync { .. } | Notice::LogLost = notice {
            self.hosts[place].alarmed = self.now;
        }
        let id = self.hosts[place].id.clone();
        self.tell(|| format!("{id}: {notice:?}"));
    }

    /// The application is told that a run is to end. One that it has not taken is withdrawn.
    fn end_run(&mut self, place: usize, key: &Key, token: Token, lost: Option<Time>) {
        let host = &mut self.hosts[place];
        let epoch = host.epoch;
        let stopped = Event::Stopped(place, epoch, key.clone(), token);
        if host.app.untaken.get(key) == Some(&token) {
            host.app.untaken.remove(key);
            return self.at(self.now, stopped);
        }
        if let Some(run) = host.app.runs.get_mut(key)
            && run.token == token
        {
            run.lost_at = lost.or(run.lost_at);
            run.ending = true;
        }
        let slowness = host.app.slowness;
        if !host.app.stubborn {
            let wait = Duration::from_micros(
                self.rng.u64(1..=u64::try_from(slowness.as_micros()).unwrap_or(1).max(1)),
            );
            self.after(wait, stopped);
        }
    }

    /// The application takes a start, unless it was withdrawn or is too old.
    fn take(&mut self, place: usize, key: &Key, token: Token) {
        let host = &mut self.hosts[place];
        if host.app.untaken.get(key) != Some(&token) {
            return;
        }
        host.app.untaken.remove(key);
        let now = host.clock.read(self.now).at;
        if now >= host.app.start_until {
            let epoch = host.epoch;
            return self.at(self.now, Event::Stopped(place, epoch, key.clone(), token));
        }
        self.counts.starts += 1;
        let run = Run { token, lost_at: None, ending: false };
        let before = host.app.runs.insert(key.clone(), run);
        let id = host.id.clone();
        self.tell(|| format!("{id}: runs {key} {token:?}"));
        if before.is_some() {
            self.violate(format!("{id} starts {key} while an earlier run is not confirmed over"));
        }
        self.check_rises(key, token);
        self.check_owner(place, key);
    }

    /// Tokens rise from start to start.
    ///
    /// An acknowledgement may be slow, and the store may lose what it acknowledged meanwhile: then the
    /// start comes after one with a higher token, and what the tokens guard refuses it.
    fn check_rises(&mut self, key: &Key, token: Token) {
        let highest = self.highest.entry(key.clone()).or_default();
        let was = std::mem::replace(highest, token.max(*highest));
        let lost = self.lost.is_some_and(|lost| token.0 <= unix_us(lost));
        if token == was || token < was && !lost {
            self.violate(format!("{key} starts with {token:?}, no higher than {was:?}"));
        }
    }

    fn stopped(&mut self, place: usize, key: &Key, token: Token) {
        let host = &mut self.hosts[place];
        if host.app.runs.get(key).is_some_and(|run| run.token == token) {
            host.app.runs.remove(key);
        }
        let id = host.id.clone();
        self.tell(|| format!("{id}: confirms {key} {token:?}"));
        self.input(place, Input::Confirm(key.clone(), token));
    }

    // Between processes and the store.

    pub(super) fn latency(&mut self) -> Duration {
        Duration::from_micros(self.rng.u64(50..2_000))
    }

    /// Sends a message on the process's connection: in order, or lost, or much later.
    fn send(&mut self, place: usize, message: Message) {
        let wait = self.latency();
        let (cut, epoch, last) =
            (self.hosts[place].cut_out, self.hosts[place].epoch, self.hosts[place].last_arrival);
        let dice = self.rng.u16(..1_000);
        if cut || dice < self.weather.lost {
            // What a broken connection held may get through long after.
            if self.rng.bool() {
                let later = self.lease.mul_f64(self.rng.f64() * 4.0);
                self.after(wait + later, Event::Arrive(place, epoch, message));
            }
            return;
        }
        let when = (self.now + wait).max(last);
        self.hosts[place].last_arrival = when;
        self.at(when, Event::Arrive(place, epoch, message));
    }

    fn arrive(&mut self, place: usize, epoch: u32, message: Message) {
        if self.weather.down_until > self.now {
            if self.rng.bool() {
                let when = self.weather.down_until + self.latency();
                self.at(when, Event::Arrive(place, epoch, message));
            } else if let Message::Open(watch, _) = message {
                let ended = Input::WatchEnded(watch, no_answer());
                self.after(Duration::from_secs(2), Event::Input(place, epoch, ended));
            }
            return;
        }
        match message {
            Message::Write(number, write) => {
                let dice = self.rng.u16(..1_000);
                let outcome = if dice < self.weather.ambiguous {
                    Outcome::Unknown(no_answer())
                } else if dice < self.weather.ambiguous * 2 {
                    // Says conflict, as a busy replica may, though the revision was right.
                    Outcome::Conflict
                } else {
                    self.log.write(self.now, &write)
                };
                let name = &write.name;
                let line = format!("        log: {name} from {place}: {outcome:?}");
                self.tell(|| line);
                self.answer(place, epoch, Input::Wrote(number, outcome.clone()));
                if let Outcome::Acked(_) = outcome {
                    self.wake_feeds();
                }
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

    fn answer(&mut self, place: usize, epoch: u32, input: Input) {
        let wait = self.latency();
        let dice = self.rng.u16(..1_000);
        if self.hosts[place].cut_in || dice < self.weather.lost {
            if self.rng.u8(..4) == 0 {
                let later = self.lease.mul_f64(self.rng.f64() * 2.0);
                self.after(wait + later, Event::Input(place, epoch, input));
            }
            return;
        }
        let when = (self.now + wait).max(self.hosts[place].last_answer);
        self.hosts[place].last_answer = when;
        self.at(when, Event::Input(place, epoch, input));
    }

    fn open(&mut self, place: usize, epoch: u32, watch: WatchId, filter: Filter) {
        let host = &self.hosts[place];
        if host.epoch != epoch || host.ended.is_some() {
            return;
        }
        if host.cut_out || host.cut_in {
            let gap = StoreError::Gap { what: "simulated".into() };
            return self
                .after(self.lease / 6, Event::Input(place, epoch, Input::WatchEnded(watch, gap)));
        }
        let end = self.log.last().0;
        let feed = Feed {
            filter,
            position: 0,
            end,
            caught_up: false,
            silent: false,
            stepping: true,
            created: self.log.created,
        };
        self.hosts[place].watches.insert(watch, feed);
        let wait = self.latency();
        self.after(wait, Event::Feed(place, epoch, watch));
    }

    /// Something was written: every watch has a next record, maybe.
    pub(super) fn wake_feeds(&mut self) {
        for place in 0..self.hosts.len() {
            let host = &mut self.hosts[place];
            let epoch = host.epoch;
            let mut woken = Vec::new();
            for (id, feed) in host.watches.iter_mut().filter(|(_, f)| !f.stepping && !f.silent) {
                feed.stepping = true;
                woken.push(*id);
            }
            for id in woken {
                let lag = self.weather.lag;
                let wait = self.latency() + Duration::from_micros(self.rng.u64(..=lag));
                self.after(wait, Event::Feed(place, epoch, id));
            }
        }
    }

    /// The store sends the next record of a watch.
    fn feed(&mut self, place: usize, epoch: u32, watch: WatchId) {
        let (created, now) = (self.log.created, self.now);
        let host = &mut self.hosts[place];
        if host.epoch != epoch {
            return;
        }
        let (cut, paused) = (host.cut_in || host.cut_out, host.paused);
        let Some(feed) = host.watches.get_mut(&watch) else { return };
        if cut || paused && self.rng.u8(..8) != 0 {
            // Nothing gets through now; the watch breaks, or goes on when it does.
            return self.after(self.lease / 10, Event::Feed(place, epoch, watch));
        }
        if feed.silent || feed.created != created {
            feed.stepping = false;
            return;
        }
        let record = self.log.next(now, feed.position, &feed.filter);
        let change = if let Some(record) = record {
            feed.position = record.revision.0;
            Some(Change::Record(record))
        } else if feed.caught_up {
            feed.stepping = false;
            None
        } else {
            feed.caught_up = true;
            Some(Change::CaughtUp)
        };
        let _ = feed.end;
        let Some(change) = change else { return };
        let input = Input::Change(watch, change);
        let wait = Duration::from_micros(self.rng.u64(1..300));
        let when = (self.now + wait).max(self.hosts[place].last_answer);
        self.at(when, Event::Input(place, epoch, input));
        self.at(when, Event::Feed(place, epoch, watch));
    }

    /// Every watch of a process ends, as when its connection breaks.
    pub(super) fn break_watches(&mut self, place: usize) {
        let epoch = self.hosts[place].epoch;
        for (watch, _) in std::mem::take(&mut self.hosts[place].watches) {
            let gap = StoreError::Gap { what: "simulated".into() };
            let wait = self.latency();
            self.after(wait, Event::Input(place, epoch, Input::WatchEnded(watch, gap)));
        }
    }
}
