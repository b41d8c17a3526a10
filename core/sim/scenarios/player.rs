//! One process of a scenario: a real core, its watches, and an application that follows the script.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fate::{Message, Rule};
use super::play::Event;
use crate::edge::{Action, End, WatchId};
use crate::id::{NodeId, Token};
use crate::key::Key;
use crate::log::Filter;
use crate::node::Node;
use crate::time::{Now, Time};

/// One process.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own, in any combination")]
pub(super) struct Player {
    pub(super) core: Node,
    pub(super) id: NodeId,
    pub(super) up: bool,
    /// Whether it is frozen. What arrives waits.
    pub(super) frozen: bool,
    pub(super) deferred: Vec<Event>,
    /// Whether it is cut off in both directions.
    pub(super) cut: bool,
    /// Whether its watches, also new ones, deliver nothing without ending.
    pub(super) silent: bool,
    /// Whether its snapshots never end.
    pub(super) endless: bool,
    /// Records that a snapshot does not show.
    pub(super) hidden: BTreeSet<String>,
    /// The time between two records of a watch.
    pub(super) pace: Duration,
    pub(super) rules: Vec<Rule>,
    pub(super) held: Vec<Message>,
    pub(super) watches: BTreeMap<WatchId, Feed>,
    /// How far its wall clock is ahead, in µs.
    pub(super) ahead_us: u64,
    /// Every action of the core, with its time.
    pub(super) done: Vec<(Time, Action)>,
    pub(super) timer: Option<Time>,
    pub(super) app: App,
    pub(super) end: Option<End>,
}

/// A watch on the server.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) filter: Filter,
    pub(super) position: u64,
    pub(super) caught_up: bool,
    pub(super) stepping: bool,
}

/// The application.
#[derive(Debug)]
pub(super) struct App {
    pub(super) until: Time,
    pub(super) start_until: Time,
    pub(super) runs: BTreeMap<Key, Run>,
    /// Whether it confirms stops.
    pub(super) confirms: bool,
}

/// One run of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) token: Token,
    /// When it was lost. From then on it does not hold the key.
    pub(super) lost_at: Option<Time>,
}

impl Player {
    pub(super) fn new(core: Node, id: NodeId, ahead_us: u64) -> Self {
        Self {
            core,
            id,
            up: true,
            frozen: false,
            deferred: Vec::new(),
            cut: false,
            silent: false,
            endless: false,
            hidden: BTreeSet::new(),
            pace: Duration::from_micros(10),
            rules: Vec::new(),
            held: Vec::new(),
            watches: BTreeMap::new(),
            ahead_us,
            done: Vec::new(),
            timer: None,
            app: App {
                until: Time(0),
                start_until: Time(0),
                runs: BTreeMap::new(),
                confirms: true,
            },
            end: None,
        }
    }

    pub(super) fn clock(&self, truth: Time) -> Now {
        clock(truth, self.ahead_us)
    }

    /// Whether the application holds this key now.
    pub(super) fn holds(&self, truth: Time, key: &Key) -> bool {
        let Some(run) = self.app.runs.get(key).filter(|_| self.up) else { return false };
        truth < run.lost_at.unwrap_or(self.app.until)
    }
}

pub(super) fn clock(truth: Time, ahead_us: u64) -> Now {
    Now { at: truth, unix_us: 1_700_000_000_000_000 + truth.0 / 1_000 + ahead_us }
}
