//! The simulated world: processes, a store, and one time for all.

use std::fmt::Write as _;
use std::time::Duration;

use super::Class;
use super::check::{Check, Checks, Violation};
use super::counts::Counts;
use super::event::{Event, Queue};
use super::host::Host;
use super::link::Weather;
use super::log::Log;
use super::run::Told;
use super::schedule::Schedule;
use super::trace::Trace;
use super::traps::Trap;
use crate::time::Time;

/// More steps than any seed needs.
const MOST_STEPS: u64 = 5_000_000;

/// The whole state of a run.
pub(super) struct World {
    pub(super) now: Time,
    pub(super) rng: fastrand::Rng,
    pub(super) class: Class,
    pub(super) lease: Duration,
    pub(super) log: Log,
    pub(super) hosts: Vec<Host>,
    pub(super) weather: Weather,
    pub(super) traps: Vec<Trap>,
    pub(super) queue: Queue,
    pub(super) steps: u64,
    pub(super) trace: Trace,
    pub(super) counts: Counts,
    /// Claims that were written over a revision that is not the newest.
    pub(super) conflicts: u64,
    pub(super) checks: Checks,
    pub(super) violation: Option<Violation>,
    pub(super) story: Option<String>,
    /// Whether a stranger has deleted a member record.
    pub(super) member_deleted: bool,
    /// When the store last lost a record. `None`: it keeps what it acknowledges.
    pub(super) lost: Option<Time>,
}

impl World {
    pub(super) fn new(schedule: &Schedule, told: Told) -> Self {
        Self {
            now: Time(1_000_000_000),
            rng: fastrand::Rng::with_seed(schedule.seed),
            class: schedule.class,
            lease: schedule.lease,
            log: Log::default(),
            hosts: Vec::new(),
            weather: Weather::default(),
            traps: Vec::new(),
            queue: Queue::default(),
            steps: 0,
            trace: Trace::default(),
            counts: Counts::default(),
            conflicts: 0,
            checks: Checks::default(),
            violation: None,
            story: (told == Told::Yes).then(String::new),
            member_deleted: false,
            lost: None,
        }
    }

    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            let ms = self.now.0 / 1_000;
            let _ = writeln!(story, "{:>9}.{:03} {}", ms / 1_000, ms % 1_000, line());
        }
    }

    /// Adds a line about a process to the story.
    pub(super) fn tell_of(&mut self, place: usize, line: impl FnOnce() -> String) {
        if self.story.is_some() {
            let id = self.hosts[place].id.clone();
            self.tell(|| format!("{id}: {}", line()));
        }
    }

    pub(super) fn violate(&mut self, check: Check, what: String) {
        self.tell(|| format!("VIOLATION of {check:?}: {what}"));
        self.violation.get_or_insert(Violation { check, what });
    }

    pub(super) fn at(&mut self, when: Time, event: Event) {
        self.queue.push(when.max(self.now), event);
    }

    pub(super) fn after(&mut self, span: Duration, event: Event) {
        self.at(self.now + span, event);
    }

    /// Advances by a span of time.
    pub(super) fn run(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }

    /// Runs all events up to a time.
    pub(super) fn run_until(&mut self, end: Time) {
        while self.violation.is_none()
            && let Some((when, event)) = self.queue.pop(end)
        {
            self.now = when;
            self.steps += 1;
            self.trace.note(when.0);
            self.trace.note(event.mark());
            self.step(event);
            if self.steps > MOST_STEPS {
                self.violate(Check::Idle, format!("it spins: {MOST_STEPS} steps"));
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
            if host.paused.is_some() {
                return host.deferred.push(event);
            }
        }
        match event {
            Event::Arrive(place, epoch, message) => self.arrive(place, epoch, message),
            Event::Input(place, _, input) => self.input(place, input),
            Event::Timer(place, _, set) => self.timer(place, set),
            Event::Settle(place, _) => self.settle(place),
            Event::Feed(place, epoch, watch) => self.feed(place, epoch, watch),
            Event::Take(place, _, key, token) => self.take(place, &key, token),
            Event::Stopped(place, _, key, token) => self.stopped(place, &key, token),
            Event::Panic(place, _, key, token) => self.panic(place, &key, token),
            Event::Fault(fault) => self.fault(fault),
            Event::Overlap => self.on_overlap(),
            Event::Due(place, _, request) => self.check_end(place, request),
        }
    }
}
