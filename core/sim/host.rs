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
    /// The incarnation of this place. Events for earlier ones are dropped.
    pub(super) epoch: u32,
    pub(super) clock: Clock,
    /// Since when it is paused.
    pub(super) paused: Option<Time>,
    /// When the last pause ended.
    pub(super) resumed: Time,
    /// What arrived during the pause.
    pub(super) deferred: Vec<Event>,
    pub(super) link: Link,
    /// The watches that its core has opened, also those that are not open yet.
    pub(super) wanted: BTreeSet<WatchId>,
    pub(super) watches: BTreeMap<WatchId, Feed>,
    pub(super) app: App,
    pub(super) ended: Option<End>,
    /// What happens to it when the faults are over.
    pub(super) fate: Fate,
    /// How long after its end another process replaces it, if it restarts.
    pub(super) back: Option<Duration>,
    /// Its current session.
    pub(super) session: Option<Session>,
    pub(super) join: JoinPolicy,
    /// The earliest timer that is set, so that it is not set twice.
    pub(super) timer: Option<Time>,
    /// When it last reported a problem with the log, its lease or a key.
    pub(super) alarmed: Time,
    /// When another process took over its id although it lives. From then on it may share its keys
    /// with the new owner.
    pub(super) usurped: Option<Time>,
    /// It takes keys that begin with one of these. Empty: all keys.
    pub(super) prefixes: Vec<String>,
    /// The position of its last watch, for a broken node that resumes.
    pub(super) resume: Option<(Filter, u64)>,
}

/// What happens to a process when the faults are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It continues. If it is down, another process replaces it.
    Stays,
    /// It takes no keys any more, so another process replaces it.
    Flushed,
    /// It is a second process of one id, and is not replaced.
    Twin,
}

/// A clock with a wrong rate, and a wrong wall clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) offset: u64,
    /// How much too fast it is, in parts per million.
    pub(super) drift: i64,
    /// How far the wall clock is ahead, in µs.
    pub(super) ahead_us: i64,
}

impl Clock {
    /// The clock of a new process, within the tolerated rate error. If the store may lose records, wall
    /// clocks must be right, because tokens have nothing else to rise by.
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

    /// The true time at which this clock shows `at`.
    pub(super) fn when(self, at: Time) -> Time {
        let local = i128::from(at.0.saturating_sub(self.offset));
        let truth = local * 1_000_000 / i128::from(1_000_000 + self.drift);
        Time(u64::try_from(truth).expect("time is positive") + 1)
    }

    /// Leaves out a span, as a clock does that stops during suspend.
    pub(super) fn stop(&mut self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).expect("short spans");
        self.offset = self.offset.saturating_sub(nanos);
    }
}

/// The time of a correct wall clock.
pub(super) fn unix_us(truth: Time) -> u64 {
    1_700_000_000_000_000 + truth.0 / 1_000
}

impl Host {
    pub(super) fn is_up(&self) -> bool {
        self.ended.is_none()
    }

    /// Whether one of its prefixes matches the key.
    pub(super) fn takes(&self, key: &Key) -> bool {
        let has = |prefix: &String| key.as_str().starts_with(prefix.as_str());
        self.prefixes.is_empty() || self.prefixes.iter().any(has)
    }

    /// Whether the application holds this run now, by its own clock.
    pub(super) fn holds(&self, truth: Time, run: &Run) -> bool {
        let now = self.clock.read(truth).at;
        let until = run.lost_at.unwrap_or(self.app.until);
        now < run.given_at.map_or(until, |given| given.min(until))
    }
}

/// The number of tombstones that make a manifest worth its write in a run with few keys.
pub(super) const FEW: usize = 3;

/// The settings of a process.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) lease: Duration,
    pub(super) affinity: u32,
    pub(super) prefixes: Vec<String>,
    pub(super) stop_timeout: Option<Duration>,
    pub(super) join: JoinPolicy,
    pub(super) worth: usize,
    pub(super) rollout: u64,
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
            rollout: 0,
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
        rollout: setting.rollout,
        stop_timeout: setting.stop_timeout,
        cool_down: Duration::from_secs(2),
        worth: setting.worth,
        labels: BTreeMap::new(),
        host: "sim".into(),
        build: String::new(),
        sessions: Box::new(move || Session::from_bits(rng.u128(..))),
    }
}
