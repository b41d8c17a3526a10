//! The application of a simulated process. It starts and stops runs after a random time, or never.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::event::Event;
use super::traps::Moment;
use super::world::World;
use crate::edge::{Command, Failure, Input};
use crate::id::Token;
use crate::key::Key;
use crate::time::Time;

/// The application.
#[derive(Debug, Default)]
pub(super) struct App {
    /// The deadline of its runs, by the process's clock.
    pub(super) until: Time,
    pub(super) start_until: Time,
    /// Starts that it received and has not taken.
    pub(super) untaken: HashMap<Key, Token>,
    /// The current runs.
    pub(super) runs: BTreeMap<Key, Run>,
    pub(super) manners: Manners,
    /// When it last confirmed a stop, or one of its keys was handed over.
    pub(super) stirred: Time,
}

/// How an application behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manners {
    /// The longest time until it takes a start.
    pub(super) take: Duration,
    /// The longest time until it confirms a stop.
    pub(super) stop: Duration,
    /// Whether it never confirms a stop.
    pub(super) stubborn: bool,
    /// How many of its runs fail, in thousandths.
    pub(super) panics: u16,
    /// Whether it confirms each run twice, the second time later.
    pub(super) repeats: bool,
}

impl Manners {
    /// Fast and reliable.
    pub(super) const GOOD: Self = Self {
        take: Duration::from_millis(3),
        stop: Duration::from_millis(5),
        stubborn: false,
        panics: 0,
        repeats: false,
    };

    /// Random behaviour, mostly tolerable.
    pub(super) fn any(rng: &mut fastrand::Rng, lease: Duration) -> Self {
        let take = [Duration::from_millis(3), lease / 60, lease / 6, lease][rng.usize(..4)];
        let stop = [Duration::from_millis(200), lease / 6, lease / 2, lease * 2];
        let stop = stop[[0, 0, 0, 1, 1, 2, 3][rng.usize(..7)]];
        let panics = if rng.u8(..8) == 0 { 100 } else { 0 };
        Self { take, stop, stubborn: rng.u8(..) < 8, panics, repeats: false }
    }
}

impl Default for Manners {
    fn default() -> Self {
        Self::GOOD
    }
}

/// How a run ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    /// The application stops it when it can. If there is a time, the key is handed over then in any
    /// case.
    Stop(Option<Time>),
    /// The run may go on until this time.
    Lost(Time),
}

/// One run of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) token: Token,
    pub(super) since: Time,
    /// When it was lost. From then on it does not hold the key.
    pub(super) lost_at: Option<Time>,
    /// The time at which the key of a stopped run is handed over in any case.
    pub(super) given_at: Option<Time>,
    /// Whether it received a stop or a loss.
    pub(super) ending: bool,
}

/// Releases a key, or says that its work failed. What is chosen depends on the token alone.
pub(super) fn give_up(key: Key, token: Token) -> Command {
    let draw = token.0 / 7;
    if !draw.is_multiple_of(3) {
        return Command::Release(key, token);
    }
    let limit = u32::try_from(draw / 3 % 4).unwrap_or_default();
    let (reason, goes_on) = ("it failed".to_owned(), !(draw / 12).is_multiple_of(8));
    Command::Fail(key, token, Failure { reason, attempts: 1, goes_on, limit })
}

impl World {
    /// A random span from 1 µs to this one.
    fn within(&mut self, span: Duration) -> Duration {
        let most = u64::try_from(span.as_micros()).expect("short spans").max(1);
        Duration::from_micros(self.rng.u64(1..=most))
    }

    /// The application receives a start, and takes it some time later.
    pub(super) fn told_to_start(&mut self, place: usize, key: Key, token: Token) {
        self.spring(place, Moment::StartTold);
        let host = &mut self.hosts[place];
        let (epoch, take) = (host.epoch, host.app.manners.take);
        host.app.untaken.insert(key.clone(), token);
        let wait = self.within(take);
        self.after(wait, Event::Take(place, epoch, key, token));
    }

    /// The application receives the end of a run. If it has not taken the start, the start is
    /// withdrawn.
    pub(super) fn end_run(&mut self, place: usize, key: &Key, token: Token, ending: Ending) {
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
            match ending {
                Ending::Stop(until) => run.given_at = until.or(run.given_at),
                Ending::Lost(until) => run.lost_at = Some(until),
            }
            run.ending = true;
        }
        let manners = host.app.manners;
        if !manners.stubborn {
            let wait = self.within(manners.stop);
            self.after(wait, stopped);
        }
    }

    /// The application takes a start, unless it was withdrawn or is too old.
    pub(super) fn take(&mut self, place: usize, key: &Key, token: Token) {
        let host = &mut self.hosts[place];
        if host.app.untaken.get(key) != Some(&token) {
            return;
        }
        host.app.untaken.remove(key);
        let now = host.clock.read(self.now).at;
        let epoch = host.epoch;
        if now >= host.app.start_until {
            return self.at(self.now, Event::Stopped(place, epoch, key.clone(), token));
        }
        self.counts.starts += 1;
        self.check_start(place, key);
        let run = Run { token, since: self.now, lost_at: None, given_at: None, ending: false };
        let host = &mut self.hosts[place];
        let before = host.app.runs.insert(key.clone(), run);
        let (id, panics) = (host.id.clone(), host.app.manners.panics);
        self.tell(|| format!("{id}: runs {key} {token:?}"));
        self.check_one_run(place, key, before);
        if self.hosts[place].usurped.is_none() {
            self.check_token(key, token);
        }
        self.check_owner(place, key);
        if self.rng.u16(..1_000) < panics {
            let wait = self.within(self.lease);
            self.after(wait, Event::Panic(place, epoch, key.clone(), token));
        }
    }

    /// The application confirms that its run is over.
    pub(super) fn stopped(&mut self, place: usize, key: &Key, token: Token) {
        let host = &mut self.hosts[place];
        let epoch = host.epoch;
        if host.app.runs.get(key).is_some_and(|run| run.token == token) {
            host.app.runs.remove(key);
        }
        if host.app.manners.repeats {
            let again = Input::Confirm(key.clone(), token);
            let wait = self.within(self.lease * 3);
            self.after(wait, Event::Input(place, epoch, again));
        }
        let host = &self.hosts[place];
        let id = host.id.clone();
        self.tell(|| format!("{id}: confirms {key} {token:?}"));
        self.spring(place, Moment::Confirmed);
        self.at(self.now, Event::Input(place, epoch, Input::Confirm(key.clone(), token)));
    }

    /// The application fails at a key too often, and gives it up.
    pub(super) fn panic(&mut self, place: usize, key: &Key, token: Token) {
        let runs = &mut self.hosts[place].app.runs;
        if runs.get(key).is_some_and(|run| run.token == token && !run.ending) {
            runs.remove(key);
            self.command(place, give_up(key.clone(), token));
        }
    }

    /// The application confirms every stop that it received.
    pub(super) fn confirm_all(&mut self, place: usize) {
        let host = &self.hosts[place];
        let epoch = host.epoch;
        let ending = host.app.runs.iter().filter(|(_, run)| run.ending);
        let ending: Vec<_> = ending.map(|(k, r)| (k.clone(), r.token)).collect();
        for (key, token) in ending {
            let wait = self.latency();
            self.after(wait, Event::Stopped(place, epoch, key, token));
        }
    }
}
