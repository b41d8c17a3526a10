//! A simulated process: a real core, its clock, its connection, and its application.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Class;
use super::app::{App, Run};
use super::event::Event;
use super::feed::Feed;
use super::link::Link;
use crate::config::{Config, JoinPolicy, RebalancePolicy, WORTH};
use crate::edge::{End, WatchId};
use crate::id::{NodeId, Session};
use crate::key::Key;
use crate::log::Filter;
use crate::node::Node;
use crate::time::{Now, Time};

/// One process.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) core: Node,
    pub(super) id: NodeId,
    /// Which incarnation of this place it is; news for an earlier one is dropped.
    pub(super) epoch: u32,
    pub(super) clock: Clock,
    /// Since when it does nothing.
    pub(super) paused: Option<Time>,
    /// When it last went on after that.
    pub(super) resumed: Time,
    /// What arrived meanwhile.
    pub(super) deferred: Vec<Event>,
    pub(super) link: Link,
    /// The watches that its core wants, be they open or not.
    pub(super) wanted: BTreeSet<WatchId>,
    pub(super) watches: BTreeMap<WatchId, Feed>,
    pub(super) app: App,
    pub(super) ended: Option<End>,
    /// What becomes of it when the faults are over.
    pub(super) fate: Fate,
    /// The session it has now.
    pub(super) session: Option<Session>,
    pub(super) join: JoinPolicy,
    /// The earliest timer that is set, so that it is not set again.
    pub(super) timer: Option<Time>,
    /// When it last said that something is wrong with the log, its lease or a key.
    pub(super) alarmed: Time,
    /// When another process was given its id although it lives: from then on it has no claim to be
    /// the only owner.
    pub(super) usurped: Option<Time>,
    /// Those of the keys that it takes; none: it takes all.
    pub(super) prefixes: Vec<String>,
    /// Where its last watch was, for a node that resumes, as none must.
    pub(super) resume: Option<(Filter, u64)>,
}

/// What becomes of a process when the faults are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on; if it is down, another one takes its place.
    Stays,
    /// It takes nothing any more, so another one takes its place.
    Flushed,
    /// It was one too many, and is not replaced when it is down.
    Twin,
}

/// A clock that runs fast or slow, and a wall clock that is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) offset: u64,
    /// Parts per million that it is fast.
    pub(super) drift: i64,
    /// By how much the wall clock is ahead, in microseconds.
    pub(super) ahead_us: i64,
}

impl Clock {
    /// The clock of a new process, within the rate error that is borne. Where the store forgets, wall
    /// clocks have to be right, since tokens have nothing else to rise by.
    pub(super) fn any(rng: &mut fastrand::Rng, class: Class) -> Self {
        let offset = rng.u64(1_000_000_000_000..2_000_000_000_000);
        let drift = rng.i64(-9_900..=9_900);
        let wrong = rng.u8(..4) == 0 && class != Class::Lossy;
        let ahead_us = if wrong { rng.i64(-3_600_000_000..3_600_000_000) } else { 0 };
        Self { offset, drift, ahead_us }
    }

    pub(super) fn read(self, truth: Time) -> Now {
        let fast = i128::from(truth.0) * i128::from(1_000_000 + self.drift) / 1_000_000;
        let at = Time(self.offset + u64::try_from(fast).expect("time is positive"));
        Now { at, unix_us: unix_us(truth).saturating_add_signed(self.ahead_us) }
    }

    /// When, in truth, this clock shows `at`.
    pub(super) fn when(self, at: Time) -> Time {
        let local = i128::from(at.0.saturating_sub(self.offset));
        let truth = local * 1_000_000 / i128::from(1_000_000 + self.drift);
        Time(u64::try_from(truth).expect("time is positive") + 1)
    }

    /// Does not count a span, as a clock that stops while the machine is suspended.
    pub(super) fn stop(&mut self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).expect("short spans");
        self.offset = self.offset.saturating_sub(nanos);
    }
}

/// What a wall clock shows that is right.
pub(super) fn unix_us(truth: Time) -> u64 {
    1_700_000_000_000_000 + truth.0 / 1_000
}

impl Host {
    pub(super) fn is_up(&self) -> bool {
        self.ended.is_none()
    }

    /// Whether the key is one for it.
    pub(super) fn takes(&self, key: &Key) -> bool {
        let has = |prefix: &String| key.as_str().starts_with(prefix.as_str());
        self.prefixes.is_empty() || self.prefixes.iter().any(has)
    }

    /// Whether the application holds this run at this moment, by its own clock.
    pub(super) fn holds(&self, truth: Time, run: &Run) -> bool {
        let now = self.clock.read(truth).at;
        let until = run.lost_at.unwrap_or(self.app.until);
        now < run.given_at.map_or(until, |given| given.min(until))
    }
}

/// So many tombstones are worth a manifest where there are few keys.
pub(super) const FEW: usize = 3;

/// What a process is started with.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) lease: Duration,
    pub(super) affinity: u32,
    pub(super) prefixes: Vec<String>,
    pub(super) stop_timeout: Option<Duration>,
    pub(super) join: JoinPolicy,
    pub(super) worth: usize,
    pub(super) seed: u64,
}

impl Setting {
    pub(super) fn new(lease: Duration, seed: u64) -> Self {
        let (affinity, prefixes, stop_timeout) = (100, Vec::new(), None);
        Self {
            lease,
            affinity,
            prefixes,
            stop_timeout,
            join: JoinPolicy::Observe,
            worth: WORTH,
            seed,
        }
    }
}

pub(super) fn config(id: &NodeId, setting: &Setting) -> Config {
    let mut rng = fastrand::Rng::with_seed(setting.seed);
    Config {
        node: id.clone(),
        affinity: setting.affinity,
        prefixes: setting.prefixes.clone(),
        lease: setting.lease,
        join: setting.join,
        rebalance: RebalancePolicy::OnJoin,
        stop_timeout: setting.stop_timeout,
        cool_down: Duration::from_secs(2),
        worth: setting.worth,
        labels: BTreeMap::new(),
        host: "sim".into(),
        build: String::new(),
        sessions: Box::new(move || Session::from_bits(rng.u128(..))),
    }
}
