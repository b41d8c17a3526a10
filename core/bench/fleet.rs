//! A whole group of real cores in virtual time without faults, to count what each event costs the
//! server.

use std::collections::BTreeMap;
use std::time::Duration;

use super::server::{Server, Traffic};
use crate::config::{Config, JoinPolicy, RebalancePolicy, WORTH};
use crate::edge::{Action, Command, Input, RequestId, WatchId};
use crate::id::{NodeId, Revision, Session};
use crate::log::{Change, Filter, Info, Record, Write};
use crate::node::Node;
use crate::time::{Now, Time};
use crate::wire::Named;

/// How long a message and its answer take.
const ROUND: Duration = Duration::from_millis(1);

/// A group.
#[derive(Debug)]
pub struct Fleet {
    server: Server,
    nodes: BTreeMap<u32, Host>,
    now: Time,
    lease: Duration,
    starts: u64,
    stops: u64,
}

/// One process.
#[derive(Debug)]
struct Host {
    core: Node,
    /// The watches, each with its position in the log.
    watches: BTreeMap<WatchId, Feed>,
    /// What reaches it in the next round.
    answers: Vec<Input>,
    asked: Vec<Ask>,
    /// When its core's timer is due.
    due: Option<Time>,
    held: u64,
    over: bool,
}

#[derive(Debug)]
struct Feed {
    filter: Filter,
    place: usize,
    caught_up: bool,
}

#[derive(Debug)]
enum Ask {
    Write(crate::edge::WriteId, Write),
    Read(crate::edge::ReadId, String),
    Info,
}

/// The cost of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// The traffic of the server.
    pub traffic: Traffic,
    /// How many starts applications received.
    pub starts: u64,
    /// How many stops applications received.
    pub stops: u64,
}

impl Fleet {
    /// Makes a group without nodes and keys. Its nodes will have this lease.
    pub fn new(lease: Duration) -> Self {
        let (server, nodes) = (Server::default(), BTreeMap::new());
        Self { server, nodes, now: Time(1_000_000_000), lease, starts: 0, stops: 0 }
    }

    /// The cost of an event until the group is quiet again, without heartbeats and the audit.
    pub fn cost(&mut self, event: impl FnOnce(&mut Self)) -> Cost {
        let (before, starts, stops) = (self.server.events, self.starts, self.stops);
        event(self);
        self.settle();
        Cost {
            traffic: self.server.events.since(before),
            starts: self.starts - starts,
            stops: self.stops - stops,
        }
    }

    /// Starts the nodes with these numbers.
    pub fn join(&mut self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            let core = Node::new(config(number, self.lease), clock(self.now));
            let host = Host {
                core,
                watches: BTreeMap::new(),
                answers: Vec::new(),
                asked: Vec::new(),
                due: Some(self.now),
                held: 0,
                over: false,
            };
            self.nodes.insert(number, host);
        }
    }

    /// Announces the keys with these numbers, `at_once` in each ms.
    pub fn announce(&mut self, numbers: std::ops::Range<u32>, at_once: u32) {
        for number in numbers {
            let name = Named::Key(super::text(number)).to_string();
            let value = Some(bytes::Bytes::new());
            self.server.write(Write { name, value, expected: None, ttl: None, expires_in: None });
            if number % at_once == at_once - 1 {
                self.round();
            }
        }
    }

    /// Crashes a node.
    pub fn crash(&mut self, number: u32) {
        self.nodes.remove(&number);
    }

    /// A node hands over all its keys and ends.
    pub fn leave(&mut self, number: u32) {
        self.command(number, Command::Flush);
        self.settle();
        self.command(number, Command::Cancel);
    }

    /// Changes a node's affinity.
    pub fn set_affinity(&mut self, number: u32, affinity: u32) {
        self.command(number, Command::SetAffinity(affinity));
    }

    /// Breaks a node's connections, so that it reads the log again.
    pub fn break_watches(&mut self, number: u32) {
        if let Some(host) = self.nodes.get_mut(&number) {
            for id in std::mem::take(&mut host.watches).into_keys() {
                let gap = crate::log::StoreError::Gap { what: "the bench".into() };
                host.answers.push(Input::WatchEnded(id, gap));
            }
        }
    }

    /// The traffic of leases and the audit in this many heartbeats.
    pub fn upkeep(&mut self, heartbeats: u32) -> Traffic {
        let before = self.server.upkeep;
        let end = self.now + self.lease / 6 * heartbeats;
        while self.now < end {
            self.round();
        }
        self.server.upkeep.since(before)
    }

    /// How many keys run.
    pub fn running(&self) -> u64 {
        self.nodes.values().map(|host| host.held).sum()
    }

    /// The fewest and the most keys of a node.
    pub fn spread(&self) -> (u64, u64) {
        let held = || self.nodes.values().map(|host| host.held);
        (held().min().unwrap_or(0), held().max().unwrap_or(0))
    }

    fn command(&mut self, number: u32, command: Command) {
        if let Some(host) = self.nodes.get_mut(&number) {
            host.answers.push(Input::Command(RequestId(0), command));
        }
    }

    /// Runs until only heartbeats were written for two leases and the longest settling time.
    fn settle(&mut self) {
        let span = self.lease * 2 + crate::timing::SETTLE_AT_MOST;
        let mut quiet = Duration::ZERO;
        while quiet < span {
            let (before, at) = (self.server.len(), self.now);
            self.round();
            let written = (before..self.server.len()).filter_map(|at| self.server.at(at));
            let idle = written.into_iter().all(|record| record.name.starts_with("lease."));
            quiet = if idle { quiet + self.now.since(at) } else { Duration::ZERO };
        }
    }

    /// Delivers every message in flight. If there is none, advances to the next timer.
    fn round(&mut self) {
        let end = self.server.len();
        let mut busy = false;
        let now = clock(self.now);
        for host in self.nodes.values_mut() {
            let told = host.hear(now, end, &mut self.server);
            busy |= told;
            if told || host.due.is_some_and(|at| at <= self.now) {
                host.core.handle_timeout(now);
                let (starts, stops) = host.act(now, &mut self.server);
                host.held = host.held + starts - stops;
                host.due = host.core.poll_timeout();
                self.starts += starts;
                self.stops += stops;
            }
        }
        for host in self.nodes.values_mut() {
            busy |= !host.asked.is_empty();
            host.ask(&mut self.server);
        }
        self.nodes.retain(|_, host| !host.over);
        let next = self.nodes.values().filter_map(|host| host.due).min();
        let soon = self.now + ROUND;
        self.now = if busy { soon } else { next.unwrap_or(soon).max(soon) };
    }
}

impl Host {
    /// Handles answers and deliveries.
    fn hear(&mut self, now: Now, end: usize, server: &mut Server) -> bool {
        let mut told = !self.answers.is_empty();
        for answer in std::mem::take(&mut self.answers) {
            self.core.handle(now, answer);
        }
        for (&id, feed) in &mut self.watches {
            for place in feed.place..end {
                let Some(record) = server.at(place) else { continue };
                let record: Record = record.clone();
                // A node's watch receives everything, and the node drops what it does not need.
                server.deliver(&record);
                if feed.filter.covers(&record.name) {
                    self.core.handle(now, Input::Change(id, Change::Record(record)));
                    told = true;
                }
            }
            feed.place = end;
            if !std::mem::replace(&mut feed.caught_up, true) {
                self.core.handle(now, Input::Change(id, Change::CaughtUp));
                told = true;
            }
        }
        told
    }

    /// Carries out the core's actions. Returns how many starts and stops it sent.
    fn act(&mut self, now: Now, server: &mut Server) -> (u64, u64) {
        let (mut starts, mut stops) = (0, 0);
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::Write(id, write, _) => self.asked.push(Ask::Write(id, write)),
                Action::Read(id, name, _) => self.asked.push(Ask::Read(id, name)),
                Action::Info => self.asked.push(Ask::Info),
                Action::Watch(id, filter, _) => {
                    server.open();
                    self.watches.insert(id, Feed { filter, place: 0, caught_up: false });
                }
                Action::Unwatch(id) => {
                    server.close();
                    self.watches.remove(&id);
                }
                Action::Start(..) => starts += 1,
                Action::Stop(key, token, ..) | Action::Lost(key, token, ..) => {
                    stops += 1;
                    self.core.handle(now, Input::Confirm(key, token));
                }
                Action::End(_) => self.over = true,
                Action::Session(_)
                | Action::Lease { .. }
                | Action::Withdraw
                | Action::Reply(..)
                | Action::Notice(_) => {}
            }
        }
        (starts, stops)
    }

    /// Its requests reach the server.
    fn ask(&mut self, server: &mut Server) {
        for ask in std::mem::take(&mut self.asked) {
            self.answers.push(match ask {
                Ask::Write(id, write) => Input::Wrote(id, server.write(write)),
                Ask::Read(id, name) => Input::Read(id, Ok(server.read(&name))),
                Ask::Info => {
                    server.ask();
                    let last: Revision = server.last();
                    let info = Info { created: 1, last, replicas: 1, bytes: 0, max_bytes: None };
                    Input::Info(Ok(info))
                }
            });
        }
    }
}

fn clock(at: Time) -> Now {
    Now { at, unix_us: 1_700_000_000_000_000 + at.0 / 1_000 }
}

fn config(number: u32, lease: Duration) -> Config {
    let mut session = u128::from(number) << 64;
    Config {
        node: NodeId::new(format!("node-{number:04}")).expect("legal"),
        affinity: 100,
        prefixes: Vec::new(),
        lease,
        join: JoinPolicy::Observe,
        rebalance: RebalancePolicy::OnJoin,
        rollout: 0,
        stop_timeout: None,
        cool_down: Duration::from_secs(30),
        worth: WORTH,
        labels: BTreeMap::new(),
        host: "machine".into(),
        build: "divider 0.1.0".into(),
        sessions: Box::new(move || {
            session += 1;
            Session::from_bits(session)
        }),
    }
}
