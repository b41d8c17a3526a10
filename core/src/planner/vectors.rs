//! The conformance vectors of whole plans: a log as a viewer follows it, and its plan after each
//! step.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Planner;
use crate::id::{NodeId, Revision};
use crate::key::Key;
use crate::log::Record;
use crate::time::{Now, Time};
use crate::vectors::check;
use crate::view::{Effect, Expiry, KeyEntry, KeyIx, OwnerIx, View};

#[derive(Deserialize)]
struct Given {
    #[expect(dead_code, reason = "for those who read the file")]
    about: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    at_ms: u64,
    #[serde(flatten)]
    what: What,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// The watch begins to deliver a snapshot.
    Begin {},
    /// The snapshot is complete.
    Complete {},
    /// The watch delivers a record.
    Record(Delivery),
    /// A node hands a key over. Shows the owner that the claim will name.
    HandOver { key: String, by: String },
    /// The other nodes, in the order in which they take the key if its planned node does not.
    Turns { key: String },
    /// Only time passes.
    Time {},
}

/// A record: a value, a text that is not a value, or a tombstone if it has neither.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delivery {
    name: String,
    revision: u64,
    value: Option<Value>,
    text: Option<String>,
    ttl_s: Option<u64>,
    expires_in_ms: Option<u64>,
}

impl From<&Delivery> for Record {
    fn from(delivery: &Delivery) -> Self {
        let value = delivery.value.as_ref().map(ToString::to_string);
        Self {
            name: delivery.name.clone(),
            revision: Revision(delivery.revision),
            value: value.or_else(|| delivery.text.clone()).map(Bytes::from),
            ttl: delivery.ttl_s.map(Duration::from_secs),
            expires_in: delivery.expires_in_ms.map(Duration::from_millis),
        }
    }
}

/// A view and its plan, driven as a viewer drives them.
#[derive(Default)]
struct Viewer {
    view: View,
    planner: Planner,
    expiry: Expiry,
    reading: bool,
}

#[test]
fn traces() {
    check("traces", |given: Given| {
        let mut viewer = Viewer { reading: true, ..Viewer::default() };
        Value::Array(given.steps.iter().map(|step| viewer.step(step)).collect())
    });
}

impl Viewer {
    fn step(&mut self, step: &Step) -> Value {
        let at_ms = step.at_ms;
        let now = clock(Time(at_ms * 1_000_000));
        while let Some(due) = self.due().filter(|due| *due < now.at) {
            self.on_time(clock(due));
        }
        let mut state = Map::new();
        match &step.what {
            What::Begin {} => {
                self.view.begin_snapshot();
                self.reading = true;
            }
            What::Complete {} => self.on_caught_up(now),
            What::Record(delivery) => self.on_record(now, &delivery.into()),
            What::HandOver { key, by } => {
                let (ix, from) = (
                    self.find(key),
                    self.view.current(&NodeId::new(by).expect("a node id")).expect("a member"),
                );
                let to = self.planner.pledge(&mut self.view, now, ix, from);
                state.insert("receiver".into(), to.map(|to| self.node(to)).into());
            }
            What::Turns { key } => {
                state.insert("turns".into(), self.turns(now, self.find(key)).into());
            }
            What::Time {} => {}
        }
        if !self.reading {
            self.on_time(now);
        }
        while let Some(ix) = self.planner.pop_dirty() {
            self.view.keys.forget_if_idle(ix);
        }
        if !self.reading {
            assert_eq!(self.planner.wrong_counts(&self.view), None);
            self.put_plan(&mut state);
        }
        Value::Object(state)
    }

    fn on_record(&mut self, now: Now, record: &Record) {
        let effect = self.view.apply(now, record);
        if let Effect::Key(ix) = &effect {
            self.expiry.note(*ix, record, now.at);
        }
        if !self.reading {
            self.on_effect(now, &effect);
        }
    }

    fn on_effect(&mut self, now: Now, effect: &Effect) {
        let Self { view, planner, .. } = self;
        match effect {
            Effect::Key(ix) => planner.on_key(view, now, *ix),
            Effect::Claim(ix, from) => planner.on_claim(view, now, *ix, *from),
            Effect::Member(_) | Effect::Control(_) => planner.on_member(view, now),
            Effect::Rebalance | Effect::Group => planner.on_generation(view, now),
            Effect::Nothing | Effect::Problem | Effect::Lease(_) | Effect::Stops(_) => {}
        }
    }

    fn on_caught_up(&mut self, now: Now) {
        let (keys, claims) = self.view.end_snapshot();
        for ix in keys {
            self.view.drop_key(ix);
        }
        for ix in claims {
            self.view.drop_claim(ix);
        }
        self.planner.on_caught_up(&mut self.view, now);
        self.reading = false;
    }

    fn on_time(&mut self, now: Now) {
        while let Some(ix) = self.expiry.pop(now.at) {
            if self.view.keys.get(ix).is_some_and(KeyEntry::exists) {
                let effect = self.view.drop_key(ix);
                self.on_effect(now, &effect);
            }
        }
        self.planner.on_time(&mut self.view, now);
    }

    fn due(&self) -> Option<Time> {
        let due = self.planner.next().into_iter().chain(self.expiry.next()).min();
        due.filter(|_| !self.reading)
    }

    fn find(&self, key: &str) -> KeyIx {
        let key = Key::new(key).expect("a legal key");
        self.view.keys.find(&key).expect("a key that is known")
    }

    fn node(&self, owner: OwnerIx) -> String {
        self.view.owners.get(owner).expect("a session that is known").node.to_string()
    }

    fn turns(&self, now: Now, ix: KeyIx) -> Vec<String> {
        let target = self.view.keys.get(ix).map(|entry| entry.target);
        let standings = self.planner.standings().iter();
        let others = standings.filter(|(_, standing)| Some(standing.owner) != target);
        let rank = |owner| self.planner.rank(&self.view, now, ix, owner);
        let mut turns: Vec<_> =
            others.filter_map(|(node, s)| Some((rank(s.owner)?, node.to_string()))).collect();
        turns.sort();
        turns.into_iter().map(|(_, node)| node).collect()
    }

    /// Everything that a reader of the log computes.
    fn put_plan(&self, state: &mut Map<String, Value>) {
        let (view, planner) = (&self.view, &self.planner);
        let mut keys: BTreeMap<String, Value> = BTreeMap::new();
        for (ix, entry) in view.keys.iter().filter(|(_, e)| e.exists() || e.claim.exists) {
            let mut key = Map::new();
            let claim = &entry.claim;
            let place = (entry.hash, ix);
            let notes = [
                ("gone", !entry.exists()),
                ("orphan", planner.is_orphan(view, ix)),
                ("waits", planner.waiting.contains(&place)),
                ("stranded", planner.stranded.contains(&place)),
                ("unreadable", claim.unreadable),
            ];
            for (note, _) in notes.into_iter().filter(|(_, holds)| *holds) {
                key.insert(note.into(), true.into());
            }
            if claim.exists {
                key.insert("token".into(), claim.token.0.into());
            }
            if claim.owner.is_some() {
                key.insert("owner".into(), self.node(claim.owner).into());
            }
            if entry.target.is_some() {
                key.insert("place".into(), self.node(entry.target).into());
            }
            keys.insert(view.keys.text(ix).expect("it is known").to_owned(), key.into());
        }
        state.insert("keys".into(), json!(keys));
        let mut moves: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (_, from, to, count) in planner.moves.iter() {
            *moves.entry((self.node(from), self.node(to))).or_default() += count;
        }
        let moves: Vec<_> = moves.iter().map(|((from, to), count)| (from, to, count)).collect();
        state.insert("moves".into(), json!(moves));
        let mut loads: BTreeMap<String, u64> = BTreeMap::new();
        for class in planner.classes().all() {
            for (owner, candidate) in class.nodes.iter().zip(&class.candidates) {
                *loads.entry(self.node(*owner)).or_default() += candidate.load;
            }
        }
        let standing = |(node, standing): (&NodeId, &super::Standing)| {
            let load = loads.get(node.as_str()).copied().unwrap_or(0);
            let mut all = json!({"affinity": standing.affinity, "load": load});
            if standing.departs {
                all["departs"] = true.into();
            }
            (node.to_string(), all)
        };
        let nodes: Map<_, _> = planner.standings().iter().map(standing).collect();
        state.insert("nodes".into(), nodes.into());
        state.insert("generation".into(), planner.generation().0.into());
        state.insert("settled".into(), planner.settled().0.into());
        if let Some(join) = planner.unsettled(view) {
            state.insert("unsettled".into(), join.0.into());
        }
        let problems: Vec<_> = view.problems.iter().map(|(name, _)| name).collect();
        if !problems.is_empty() {
            state.insert("problems".into(), json!(problems));
        }
        state.insert("highest_token".into(), view.highest_token.into());
    }
}

/// The wall clock is at 1 700 000 000 s when a trace begins.
fn clock(at: Time) -> Now {
    Now { at, unix_us: 1_700_000_000_000_000 + at.0 / 1_000 }
}
