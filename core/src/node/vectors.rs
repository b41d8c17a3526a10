//! The conformance vectors of one node: its inputs, and its actions after each step.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Node;
use super::io::ReadFor;
use crate::config::{Config, JoinPolicy, RebalancePolicy, WORTH};
use crate::edge::{
    Action, Command, End, Failure, Input, ReadId, Reply, RequestId, WatchId, WriteId,
};
use crate::id::{NodeId, Revision, Session, Token};
use crate::key::Key;
use crate::log::{Change, Outcome, Record, StoreError, Write};
use crate::time::{Now, Time};
use crate::vectors::check;

#[derive(Deserialize)]
struct Given {
    #[expect(dead_code, reason = "for those who read the file")]
    about: String,
    node: String,
    lease_ms: u64,
    /// What the node does if its id may be in use: `observe`, `claim` or `give up`.
    #[serde(default)]
    in_use: Option<String>,
    /// Heartbeats that no step answers are recorded immediately, and not shown.
    #[serde(default)]
    heartbeats: bool,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    at_ms: u64,
    /// The process did not run since the previous step.
    #[serde(default)]
    asleep: bool,
    #[serde(flatten)]
    what: What,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// A new watch shows these records, and is complete.
    Snapshot(Vec<Delivery>),
    /// The watch ended.
    Gap {},
    /// The watch delivers a record.
    Record(Delivery),
    /// The newest write of this name is acknowledged, and the watch delivers it.
    Recorded { name: String, revision: u64 },
    /// The outcome of the newest write of this name, without a delivery.
    Outcome { name: String, outcome: GivenOutcome },
    /// The leader's answer to the newest read of this name.
    Answer { name: String, record: Option<Delivery> },
    /// The newest read of this name gets no answer.
    NoAnswer { name: String },
    /// The application confirms a run.
    Confirm { key: String, token: u64 },
    /// The application releases a key.
    Release { key: String, token: u64 },
    /// The application gives a key up: its work failed this often.
    Fail { key: String, token: u64, attempts: u32, limit: u32 },
    /// The application has completed a key's work.
    Complete { key: String, token: u64 },
    /// The application requests to leave, and to hand over every key.
    Leave {},
    /// The application restarts. Its keys wait for it for this long.
    LeaveFor { ms: u64 },
    /// The application ends the node immediately.
    Cancel {},
    /// Time passes.
    Time {},
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum GivenOutcome {
    Acknowledged(u64),
    Conflict,
    Refused,
    NoRight,
    Unknown,
}

/// A record: a value, a text that is not a value, or a tombstone if it has neither.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delivery {
    /// If it is left out, the name is the same as in the step.
    #[serde(default)]
    name: String,
    revision: u64,
    value: Option<Value>,
    text: Option<String>,
}

impl Delivery {
    fn record(&self, name: &str) -> Record {
        let value = self.value.as_ref().map(ToString::to_string);
        Record {
            name: if self.name.is_empty() { name } else { &self.name }.to_owned(),
            revision: Revision(self.revision),
            value: value.or_else(|| self.text.clone()).map(Bytes::from),
            ttl: None,
            expires_in: None,
        }
    }
}

/// A node and the requests that it waits for.
struct Stage {
    node: Node,
    lease: String,
    heartbeats: bool,
    watch: Option<WatchId>,
    writes: BTreeMap<String, (WriteId, Write)>,
    reads: BTreeMap<String, ReadId>,
    /// The content of the log, as far as the steps define it. For the audit, which is not shown.
    log: BTreeMap<String, Record>,
    newest: u64,
    requests: u64,
    shown: Vec<Value>,
}

#[test]
fn node() {
    check("node", |given: Given| {
        let mut stage = Stage::new(&given);
        given.steps.iter().map(|step| stage.step(step)).collect()
    });
}

fn clock(at: Time) -> Now {
    Now { at, unix_us: 1_700_000_000_000_000 + at.0 / 1_000 }
}

impl Stage {
    fn new(given: &Given) -> Self {
        let mut session = 0;
        let sessions = Box::new(move || {
            session += 1;
            Session::from_bits(session)
        });
        let join = match given.in_use.as_deref() {
            None | Some("observe") => JoinPolicy::Observe,
            Some("claim") => JoinPolicy::TakeOver,
            Some("give up") => JoinPolicy::FailIfInUse,
            Some(other) => panic!("{other}"),
        };
        let config = Config {
            node: NodeId::new(&given.node).expect("a node id"),
            affinity: 100,
            prefixes: Vec::new(),
            lease: Duration::from_millis(given.lease_ms),
            join,
            rebalance: RebalancePolicy::OnJoin,
            rollout: 0,
            stop_timeout: None,
            cool_down: Duration::from_secs(30),
            worth: WORTH,
            labels: BTreeMap::new(),
            host: String::new(),
            build: String::new(),
            sessions,
        };
        let mut stage = Self {
            node: Node::new(config, clock(Time(0))),
            lease: format!("lease.{}", given.node),
            heartbeats: given.heartbeats,
            watch: None,
            writes: BTreeMap::new(),
            reads: BTreeMap::new(),
            log: BTreeMap::new(),
            newest: 0,
            requests: 0,
            shown: Vec::new(),
        };
        stage.settle(clock(Time(0)));
        stage
    }

    fn step(&mut self, step: &Step) -> Value {
        let end = Time(step.at_ms * 1_000_000);
        while !step.asleep
            && let Some(due) = self.node.poll_timeout().filter(|due| *due < end)
        {
            self.node.handle_timeout(clock(due));
            self.settle(clock(due));
        }
        let now = clock(end);
        match &step.what {
            What::Time {} => {
                self.node.handle_timeout(now);
                self.settle(now);
            }
            What::Snapshot(records) => {
                for delivery in records {
                    self.deliver(now, delivery.record(""));
                }
                self.change(now, Change::CaughtUp);
            }
            What::Gap {} => {
                let watch = self.watch.expect("a watch");
                self.input(now, Input::WatchEnded(watch, StoreError::gap("a step says so")));
            }
            What::Record(delivery) => self.deliver(now, delivery.record("")),
            What::Recorded { name, revision } => self.recorded(now, name, *revision),
            What::Outcome { name, outcome } => {
                let Some((id, write)) = self.writes.remove(name) else {
                    return json!([{"no_write": name}]);
                };
                if let GivenOutcome::Acknowledged(revision) = outcome {
                    self.note(to_record(&write, *revision));
                }
                self.input(now, Input::Wrote(id, outcome.into()));
            }
            What::Answer { name, record } => {
                let Some(id) = self.reads.remove(name) else {
                    return json!([{"no_read": name}]);
                };
                let record = record.as_ref().map(|record| record.record(name));
                self.input(now, Input::Read(id, Ok(record)));
            }
            What::NoAnswer { name } => {
                let Some(id) = self.reads.remove(name) else {
                    return json!([{"no_read": name}]);
                };
                self.input(now, Input::Read(id, Err(no_answer())));
            }
            What::Confirm { key, token } => {
                self.input(now, Input::Confirm(to_key(key), Token(*token)));
            }
            What::Release { key, token } => {
                self.command(now, Command::Release(to_key(key), Token(*token)));
            }
            What::Fail { key, token, attempts, limit } => {
                let reason = "no such table".into();
                let (attempts, limit) = (*attempts, *limit);
                let failure = Failure { reason, attempts, goes_on: true, limit };
                self.command(now, Command::Fail(to_key(key), Token(*token), failure));
            }
            What::Complete { key, token } => {
                self.command(now, Command::Complete(to_key(key), Token(*token)));
            }
            What::Leave {} => self.command(now, Command::Flush),
            What::LeaveFor { ms } => {
                self.command(now, Command::LeaveFor(Duration::from_millis(*ms)));
            }
            What::Cancel {} => self.command(now, Command::Cancel),
        }
        std::mem::take(&mut self.shown).into()
    }

    fn command(&mut self, now: Now, command: Command) {
        self.requests += 1;
        self.input(now, Input::Command(RequestId(self.requests), command));
    }

    fn input(&mut self, now: Now, input: Input) {
        self.node.handle(now, input);
        self.settle(now);
    }

    fn change(&mut self, now: Now, change: Change) {
        if let Some(watch) = self.watch {
            self.input(now, Input::Change(watch, change));
        }
    }

    fn note(&mut self, record: Record) {
        self.newest = self.newest.max(record.revision.0);
        self.log.insert(record.name.clone(), record);
    }

    fn deliver(&mut self, now: Now, record: Record) {
        self.note(record.clone());
        self.change(now, Change::Record(record));
    }

    fn recorded(&mut self, now: Now, name: &str, revision: u64) {
        let Some((id, write)) = self.writes.remove(name) else {
            return self.shown.push(json!({"no_write": name}));
        };
        let record = to_record(&write, revision);
        self.note(record.clone());
        self.input(now, Input::Wrote(id, Outcome::Acked(Revision(revision))));
        self.deliver(now, record);
    }

    /// Carries out the node's actions, or shows them.
    fn settle(&mut self, now: Now) {
        let mut quiet = VecDeque::new();
        while let Some(action) = self.node.poll_action() {
            match action {
                Action::Write(id, write, _) => {
                    let name = write.name.clone();
                    let live = to_json(&write)["value"]["state"] == "live";
                    if self.heartbeats && name == self.lease && live {
                        quiet.push_back(name.clone());
                    } else {
                        self.show(now, json!({"write": to_json(&write)}));
                    }
                    self.writes.insert(name, (id, write));
                }
                Action::Read(id, name, _) => {
                    let purpose = self.node.io.reads.get(&id).map(|(purpose, _)| purpose);
                    if matches!(purpose, Some(ReadFor::Audit(_) | ReadFor::AuditKey(_))) {
                        let found = self.log.get(&name).cloned();
                        self.node.handle(now, Input::Read(id, Ok(found)));
                    } else {
                        self.show(now, json!({"read": name}));
                        self.reads.insert(name, id);
                    }
                }
                Action::Watch(id, ..) => {
                    self.watch = Some(id);
                    if self.shown.last() != Some(&json!("watch")) {
                        self.show(now, json!("watch"));
                    }
                }
                Action::Session(session) => self.show(now, json!({"session": session.to_string()})),
                Action::Lease { until, .. } if !self.heartbeats => {
                    self.show(now, json!({"lease_until_ms": until.0 / 1_000_000}));
                }
                Action::Start(key, token) => {
                    self.show(now, json!({"start": {"key": key.as_str(), "token": token.0}}));
                }
                Action::Stop(key, token, ..) => {
                    self.show(now, json!({"stop": {"key": key.as_str(), "token": token.0}}));
                }
                Action::Lost(key, token, _, until) => {
                    let until = until.0 / 1_000_000;
                    let lost = json!({"key": key.as_str(), "token": token.0, "until_ms": until});
                    self.show(now, json!({"lost": lost}));
                }
                Action::Reply(_, reply) => self.show(now, json!({"reply": reply_word(&reply)})),
                Action::End(end) => self.show(now, json!({"over": end_word(&end)})),
                Action::Withdraw
                | Action::Unwatch(_)
                | Action::Info
                | Action::Lease { .. }
                | Action::Notice(_) => {}
            }
        }
        for name in quiet {
            let revision = self.newest + 1;
            self.recorded(now, &name, revision);
        }
    }

    fn show(&mut self, now: Now, mut action: Value) {
        if let Some(fields) = action.as_object_mut() {
            fields.insert("at_ms".into(), (now.at.0 / 1_000_000).into());
        }
        self.shown.push(action);
    }
}

impl From<&GivenOutcome> for Outcome {
    fn from(given: &GivenOutcome) -> Self {
        match given {
            GivenOutcome::Acknowledged(revision) => Self::Acked(Revision(*revision)),
            GivenOutcome::Conflict => Self::Conflict,
            GivenOutcome::Refused => Self::Refused(StoreError::Full { what: String::new() }),
            GivenOutcome::NoRight => Self::Refused(StoreError::Denied { what: String::new() }),
            GivenOutcome::Unknown => Self::Unknown(no_answer()),
        }
    }
}

fn reply_word(reply: &Reply) -> &'static str {
    match reply {
        Reply::Done => "done",
        Reply::NotHeld => "not held",
        Reply::Lost => "lost",
        Reply::Doubtful => "doubtful",
        Reply::AnnouncedAgain => "announced again",
        Reply::NotDeleted(_) => "not deleted",
        Reply::Affinity { .. } => "affinity",
        Reply::Flushed { kept: 0, .. } => "all handed over",
        Reply::Flushed { .. } => "all stopped",
        Reply::Over => "over",
    }
}

fn end_word(end: &End) -> &'static str {
    match end {
        End::Cancelled => "cancelled",
        End::NodeIdInUse { .. } => "in use",
        End::Replaced { .. } => "replaced",
        End::PlanTooOld { .. } => "plan",
        End::Protocol { .. } => "protocol",
    }
}

fn no_answer() -> StoreError {
    StoreError::Timeout { what: String::new(), after: Duration::ZERO }
}

fn to_key(text: &str) -> Key {
    Key::new(text).expect("a legal key")
}

fn to_record(write: &Write, revision: u64) -> Record {
    Record {
        name: write.name.clone(),
        revision: Revision(revision),
        value: write.value.clone(),
        ttl: write.ttl,
        expires_in: write.expires_in,
    }
}

/// A write without the fields that a node may choose freely.
fn to_json(write: &Write) -> Value {
    let mut fields = Map::new();
    fields.insert("name".into(), write.name.as_str().into());
    fields.insert("expected".into(), write.expected.map(|expected| expected.0).into());
    if let Some(value) = &write.value {
        let mut value: Value = serde_json::from_slice(value).unwrap_or_default();
        if let Some(value) = value.as_object_mut() {
            for free in ["pad", "seen", "host", "build", "labels"] {
                value.remove(free);
            }
        }
        fields.insert("value".into(), value);
    }
    if let Some(ttl) = write.ttl {
        fields.insert("ttl_s".into(), ttl.as_secs().into());
    }
    fields.into()
}
