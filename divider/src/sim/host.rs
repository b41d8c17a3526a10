//! A simulated process: a real core, its clock, and an application that does as it is told, sooner or
//! later.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::core::config::{Config, JoinPolicy, RebalancePolicy};
use crate::core::edge::{End, WatchId};
use crate::core::node::Node;
use crate::core::time::{Now, Time};
use crate::id::{NodeId, Session, Token};
use crate::key::Key;
use crate::store::Filter;

/// One process.
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
#[derive(Debug)]
pub(super) struct Host {
    pub(super) core: Node,
    pub(super) id: NodeId,
    /// Which incarnation of this place it is; news for an earlier one is dropped.
    pub(super) epoch: u32,
    pub(super) clock: Clock,
    pub(super) paused: bool,
    /// What arrived while it was paused.
    pub(super) deferred: Vec<super::world::Event>,
    /// Messages to and from the store do not get through.
    pub(super) cut_out: bool,
    pub(super) cut_in: bool,
    /// The store handles its messages in the order they were sent.
    pub(super) last_arrival: Time,
    pub(super) last_answer: Time,
    pub(super) watches: BTreeMap<WatchId, Feed>,
    pub(super) app: App,
    pub(super) ended: Option<End>,
    /// It takes nothing any more.
    pub(super) flushed: bool,
    /// The earliest timer that is set, so that it is not set again.
    pub(super) timer: Option<Time>,
    /// When it last said that something is wrong with the log, its lease or a key.
    pub(super) alarmed: Time,
}

/// A watch on the server's side.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) filter: Filter,
    pub(super) position: u64,
    /// The log's end when it was opened: beyond it, everything has been delivered once.
    pub(super) end: u64,
    pub(super) caught_up: bool,
    /// It delivers nothing any more, and does not say so.
    pub(super) silent: bool,
    pub(super) stepping: bool,
    pub(super) created: i128,
}

/// The application.
#[derive(Debug, Default)]
pub(super) struct App {
    /// Until when assignments are valid, by the process's clock.
    pub(super) until: Time,
    pub(super) start_until: Time,
    /// Starts that are told and not taken.
    pub(super) untaken: HashMap<Key, Token>,
    /// What runs.
    pub(super) runs: BTreeMap<Key, Run>,
    /// It never confirms a stop.
    pub(super) stubborn: bool,
    pub(super) slowness: Duration,
}

/// One run of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) token: Token,
    /// It was told `Lost`: it is held no longer than that.
    pub(super) lost_at: Option<Time>,
    /// It was told to end.
    pub(super) ending: bool,
}

/// A clock that runs fast or slow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) offset: u64,
    /// Parts per million that it is fast.
    pub(super) drift: i64,
}

impl Clock {
    pub(super) fn read(self, truth: Time) -> Now {
        let fast = i128::from(truth.0) * i128::from(1_000_000 + self.drift) / 1_000_000;
        let at = Time(self.offset + u64::try_from(fast).expect("time is positive"));
        Now { at, unix_us: unix_us(truth) }
    }

    /// When, in truth, this clock shows `at`.
    pub(super) fn when(self, at: Time) -> Time {
        let local = i128::from(at.0.saturating_sub(self.offset));
        let truth = local * 1_000_000 / i128::from(1_000_000 + self.drift);
        Time(u64::try_from(truth).expect("time is positive") + 1)
    }
}

/// The wall clock, which all of them share.
pub(super) fn unix_us(truth: Time) -> u64 {
    1_700_000_000_000_000 + truth.0 / 1_000
}

impl Host {
    /// Whether the application holds this run at this moment, by its own clock.
    pub(super) fn holds(&self, truth: Time, run: &Run) -> bool {
        let now = self.clock.read(truth).at;
        run.lost_at.map_or(now < self.app.until, |lost| now < lost)
    }
}

pub(super) struct Setting {
    pub(super) lease: Duration,
    pub(super) affinity: u32,
    pub(super) prefixes: Vec<String>,
    pub(super) seed: u64,
}

pub(super) fn config(id: &NodeId, setting: &Setting) -> Config {
    let mut rng = fastrand::Rng::with_seed(setting.seed);
    Config {
        node: id.clone(),
        affinity: setting.affinity,
        prefixes: setting.prefixes.clone(),
        lease: setting.lease,
        join: JoinPolicy::Observe,
        rebalance: RebalancePolicy::OnJoin,
        stop_timeout: None,
        cool_down: Duration::from_secs(2),
        labels: BTreeMap::new(),
        host: "sim".into(),
        build: String::new(),
        sessions: Box::new(move || Session::from_bits(rng.u128(..))),
    }
}
