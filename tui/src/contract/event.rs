//! What happens in a group, as programs read it.

use std::time::Duration;

use divider::NodeId;
use divider::key::Key;
use divider::snapshot::{Changed, KeyStatus, NodeStatus, Phase, Snapshot};
use serde::Serialize;

use super::{IntentRow, Viewer};
use crate::output::{age, millis};
use crate::words::signature;

/// What an event is about, for those who want to hear of some only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Happening {
    /// State changes of nodes
    Nodes,
    /// Keys that start or end, lose their owner or get one
    Keys,
    /// Keys that move from one owner to another
    Moves,
    /// Requests of operators
    Intents,
    /// The watch itself; always reported
    #[value(skip)]
    Watch,
}

/// `divider.event.v1`: one event. Empty fields are omitted.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Event {
    schema: &'static str,
    #[serde(rename = "type")]
    pub(crate) what: &'static str,
    at: Option<String>,
    rev: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// The node that had the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// The node that has it, or is to have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// The state of a node before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) intent: Option<IntentRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    #[serde(skip)]
    pub(crate) about: Happening,
}

impl Event {
    pub(crate) fn new(what: &'static str, about: Happening, now: (&Snapshot, &Viewer)) -> Self {
        let (snapshot, viewer) = now;
        Self {
            schema: "divider.event.v1",
            what,
            at: viewer.anchor.time(snapshot.taken()),
            rev: snapshot.revision().0,
            node: None,
            key: None,
            from: None,
            to: None,
            before: None,
            state: None,
            token: None,
            stop_ms: None,
            intent: None,
            text: None,
            about,
        }
    }

    /// It as a line for people.
    pub(crate) fn line(&self) -> String {
        let mut words = vec![self.at.clone().unwrap_or_default(), self.what.to_owned()];
        words.extend([&self.node, &self.key].into_iter().flatten().cloned());
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => words.push(format!("{from} -> {to}")),
            (Some(from), None) => words.push(format!("{from} -> no owner")),
            (None, Some(to)) => words.push(format!("-> {to}")),
            (None, None) => {}
        }
        match (self.before, self.state) {
            (None, None) => {}
            (None, Some(state)) => words.push(state.to_owned()),
            (Some(before), state) => words.push(format!("{before} -> {}", state.unwrap_or("gone"))),
        }
        if let Some(intent) = &self.intent {
            words.push(intent.line());
        }
        if let Some(ms) = self.stop_ms {
            words.push(format!("stop confirmed after {}", age(Duration::from_millis(ms))));
        }
        words.extend(self.text.clone());
        words.join("  ")
    }

    /// What happened between two snapshots.
    pub(crate) fn between(
        before: &Snapshot,
        after: &Snapshot,
        changed: &Changed,
        viewer: &Viewer,
    ) -> Vec<Self> {
        let now = (after, viewer);
        let mut events = Vec::new();
        for id in &changed.nodes {
            of_node(before.node(id), after.node(id), id, now, &mut events);
        }
        for key in &changed.keys {
            events.extend(of_key(before.key(key), after.key(key), key, now));
        }
        if before.freeze() != after.freeze() {
            let what = if after.freeze().is_some() { "group.frozen" } else { "group.thawed" };
            let text = after.freeze().map(|freeze| signature(&freeze.by, &freeze.reason));
            events.push(Self { text, ..Self::new(what, Happening::Intents, now) });
        }
        if changed.problems {
            let known = &before.problems().shown;
            for problem in after.problems().shown.iter().filter(|p| !known.contains(p)) {
                let text = Some(format!("{}: {}", problem.name, problem.why));
                events.push(Self { text, ..Self::new("problem", Happening::Watch, now) });
            }
        }
        events
    }
}

fn of_node(
    before: Option<&NodeStatus>,
    after: Option<&NodeStatus>,
    id: &NodeId,
    now: (&Snapshot, &Viewer),
    events: &mut Vec<Event>,
) {
    let state = |status: Option<&NodeStatus>| status.map(|status| status.state.as_str());
    if state(before) != state(after) {
        events.push(Event {
            node: Some(id.to_string()),
            before: state(before),
            state: state(after),
            ..Event::new("node.state", Happening::Nodes, now)
        });
    }
    let revision = |status: Option<&NodeStatus>| {
        status.and_then(|status| status.desired.as_ref()).map(|desired| desired.revision)
    };
    if revision(before) != revision(after) {
        events.push(Event {
            node: Some(id.to_string()),
            intent: after.and_then(|status| status.desired.as_ref()).map(IntentRow::new),
            ..Event::new("node.intent", Happening::Intents, now)
        });
    }
}

fn is_quarantined(status: &KeyStatus) -> bool {
    status.phase == Phase::Quarantined
}

fn of_key(
    before: Option<&KeyStatus>,
    after: Option<&KeyStatus>,
    key: &Key,
    now: (&Snapshot, &Viewer),
) -> Option<Event> {
    let owner = |status: Option<&KeyStatus>| status.and_then(|status| status.owner.clone());
    let (from, to) = (owner(before), owner(after));
    let stopped = before.filter(|status| status.phase == Phase::Stopping);
    let stop_ms = stopped.and_then(|status| now.1.seen(status.since));
    let stop_ms = stop_ms.map(|since| millis(now.0.taken().since(since)));
    let (what, about) = match (before, after) {
        (_, None) => ("key.gone", Happening::Keys),
        (None, Some(_)) if to.is_none() => ("key.announced", Happening::Keys),
        (_, Some(_)) if from.is_none() && to.is_some() => ("key.started", Happening::Keys),
        (_, Some(new)) if is_quarantined(new) && !before.is_some_and(is_quarantined) => {
            ("key.quarantined", Happening::Keys)
        }
        (Some(old), Some(new)) if is_quarantined(old) && !is_quarantined(new) => {
            ("key.retried", Happening::Keys)
        }
        (Some(_), Some(_)) if from.is_some() && to.is_none() => ("key.orphaned", Happening::Keys),
        (Some(_), Some(_)) if from != to => ("move.confirmed", Happening::Moves),
        (Some(old), Some(new)) if old.phase != new.phase && new.phase == Phase::Stopping => {
            ("move.stopping", Happening::Moves)
        }
        (Some(old), Some(new)) if old.token != new.token && to.is_some() => {
            ("key.started", Happening::Keys)
        }
        _ => return None,
    };
    let planned = after.and_then(|status| status.to.clone());
    Some(Event {
        key: Some(key.to_string()),
        from: from.map(|node| node.to_string()),
        to: to.filter(|_| what != "move.stopping").or(planned).map(|node| node.to_string()),
        token: after.map(|status| status.token.0).filter(|token| *token > 0),
        stop_ms: stop_ms.filter(|_| what == "move.confirmed"),
        ..Event::new(what, about, now)
    })
}
