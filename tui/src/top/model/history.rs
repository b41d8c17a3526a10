//! What this viewer has seen happen since it began to look.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use divider::snapshot::{Changed, KeyStatus, NodeEnd, NodeState, NodeStatus, Phase, Snapshot};
use divider::{Key, NodeId};

use super::event::{EventKind, Events, NewEvent};
use super::happened;
use super::node_events::NodeLines;
use super::past::Deaths;
use super::rate::Rate;
use super::tally::Tally;
use crate::conditions::Clock;

/// What happened, and how fast.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) events: Events,
    pub(crate) rate: Rate,
    /// How many keys nodes had that died before this screen was opened.
    pub(crate) deaths: Deaths,
    /// What happened before is among the events.
    pub(super) knows_past: bool,
    /// The line of this second about keys.
    tally: Option<KeyLine>,
    /// The lines of this second about nodes.
    nodes: NodeLines,
    /// The newest changes of keys, for the cards of keys.
    steps: VecDeque<Step>,
    /// How long the last hand-overs took of which the stop was seen.
    spans: VecDeque<Duration>,
}

/// One second of changes of keys: one line, however many they are.
#[derive(Debug, Clone, Default)]
struct KeyLine {
    unix_second: u64,
    tally: Tally,
    /// The event that says it.
    event: Option<u64>,
}

/// A change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) key: Key,
    pub(crate) unix_ms: u64,
    pub(crate) from: Option<NodeId>,
    pub(crate) to: Option<NodeId>,
    pub(crate) what: What,
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// It exists.
    Announced,
    /// It is no more.
    Gone,
    /// Its owner was told to stop.
    Stopping,
    /// Another node has it; the stop took so long, where it was seen.
    Moved(Option<Duration>),
    /// A node has it that nobody had, or whose owner died.
    Taken,
    /// Nobody has it.
    Orphaned,
    /// Its work failed too often: nobody works on it.
    Quarantined,
    /// An operator ended its quarantine.
    Retried,
    /// Its owner runs it again, or under a new token.
    Restarted,
}

/// So many changes of keys are kept, for the cards.
const STEPS: usize = 20_000;
/// So many hand-overs the median is of.
const SPANS: usize = 512;
impl History {
    /// Compares two snapshots where they differ.
    pub(crate) fn on_update(
        &mut self,
        old: &Snapshot,
        new: &Snapshot,
        changed: &Changed,
        now: Clock,
    ) -> Vec<Step> {
        for node in &changed.nodes {
            let end = new.gone().iter().find(|gone| gone.node == *node).map(|gone| &gone.end);
            let (before, after) = (old.node(node), new.node(node));
            self.nodes.on_node(&mut self.events, before, (after, end), now.unix_ms);
        }
        let dead = dead(old, new);
        let steps = changed.keys.iter().filter_map(|key| step(key, old, new, &dead, now));
        let steps: Vec<Step> = steps.collect();
        self.on_steps(&steps, now);
        happened::push(&mut self.events, old, new, changed, now.unix_ms);
        steps
    }

    fn on_steps(&mut self, steps: &[Step], now: Clock) {
        if !steps.is_empty() {
            self.on_tally(steps, now);
        }
        for step in steps {
            if let What::Moved(Some(span)) = step.what {
                push(&mut self.spans, span, SPANS);
            }
        }
        for step in &steps[steps.len().saturating_sub(STEPS)..] {
            push(&mut self.steps, step.clone(), STEPS);
        }
    }

    /// Counts changes, in the line of this second.
    fn on_tally(&mut self, steps: &[Step], now: Clock) {
        let unix_second = now.unix_ms / 1000;
        if self.tally.as_ref().is_none_or(|open| open.unix_second != unix_second) {
            self.tally = Some(KeyLine { unix_second, ..KeyLine::default() });
        }
        let Some(open) = &mut self.tally else { return };
        let before = open.tally.moves();
        for step in steps {
            open.tally.add(step);
        }
        let (severity, text) = (open.tally.severity(), open.tally.sentence());
        let event = NewEvent { unix_ms: now.unix_ms, kind: EventKind::Key, severity, text };
        open.event = Some(self.events.push_or_replace(open.event, event));
        self.rate.add(open.tally.moves() - before, now.at);
    }

    /// What became of one key, the newest first.
    pub(crate) fn steps_of(&self, key: &Key) -> impl Iterator<Item = &Step> {
        self.steps.iter().rev().filter(move |step| step.key == *key)
    }

    /// How long hand-overs took whose stop was seen: the median, and the time that one in a hundred
    /// exceeds.
    pub(crate) fn spans(&self) -> Option<(Duration, Duration)> {
        let mut spans: Vec<_> = self.spans.iter().copied().collect();
        spans.sort_unstable();
        let at = |percent: usize| spans.get((spans.len() * percent / 100).min(spans.len() - 1));
        Some((*spans.get(spans.len() / 2)?, *at(99)?))
    }
}

fn push<T>(ring: &mut VecDeque<T>, value: T, most: usize) {
    if ring.len() == most {
        ring.pop_front();
    }
    ring.push_back(value);
}

/// The nodes whose keys are taken over, not handed over: those that are lost or died.
fn dead(old: &Snapshot, new: &Snapshot) -> BTreeSet<NodeId> {
    let is_lost = |node: &&NodeStatus| node.state == NodeState::Lost;
    let lost = [old, new].into_iter().flat_map(|group| group.nodes().filter(is_lost));
    let died = new.gone().iter().filter(|gone| matches!(gone.end, NodeEnd::Died { .. }));
    // One that came back is no longer among those that are gone.
    lost.map(|node| &node.node).chain(died.map(|gone| &gone.node)).cloned().collect()
}

fn step(
    key: &Key,
    old: &Snapshot,
    new: &Snapshot,
    dead: &BTreeSet<NodeId>,
    now: Clock,
) -> Option<Step> {
    let (before, after) = (old.key(key), new.key(key));
    let what = match (what(before, after, now)?, before.and_then(|key| key.owner.as_ref())) {
        (What::Moved(_), Some(from)) if dead.contains(from) => What::Taken,
        (what, _) => what,
    };
    let owner = |status: Option<&KeyStatus>| status.and_then(|status| status.owner.clone());
    let (from, to) = (owner(before), owner(after));
    Some(Step { key: key.clone(), unix_ms: now.unix_ms, from, to, what })
}

fn what(before: Option<&KeyStatus>, after: Option<&KeyStatus>, now: Clock) -> Option<What> {
    let (before, after) = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => return Some(What::Announced),
        (Some(_), None) => return Some(What::Gone),
        (Some(before), Some(after)) => (before, after),
    };
    let quarantined = [before, after].map(|key| key.phase == Phase::Quarantined);
    match (&before.owner, &after.owner) {
        _ if quarantined == [false, true] => Some(What::Quarantined),
        (_, None) if quarantined == [true, false] => Some(What::Retried),
        (None, Some(_)) => Some(What::Taken),
        (Some(_), None) => Some(What::Orphaned),
        (Some(from), Some(to)) if from != to => {
            let told = (before.phase == Phase::Stopping).then(|| now.at.since(before.since));
            Some(What::Moved(told))
        }
        _ if before.phase != after.phase && after.phase == Phase::Stopping => Some(What::Stopping),
        _ if before.phase != after.phase || before.token != after.token => Some(What::Restarted),
        _ => None,
    }
}

impl Step {
    /// What became of the key, in words.
    pub(crate) fn sentence(&self) -> String {
        let name =
            |node: &Option<NodeId>| node.as_ref().map_or("no owner", NodeId::as_str).to_owned();
        let (key, from, to) = (&self.key, name(&self.from), name(&self.to));
        match self.what {
            What::Announced if self.to.is_some() => format!("{key} announced, {to} owns it"),
            What::Announced => format!("{key} announced"),
            What::Gone => format!("{key} is gone"),
            What::Stopping => format!("{key} stopping on {from}"),
            What::Moved(None) => format!("{key} {from} -> {to}"),
            What::Moved(Some(span)) => {
                format!("{key} {from} -> {to}, stopped in {}", crate::output::age(span))
            }
            What::Taken => format!("{key} taken over by {to}"),
            What::Orphaned => format!("{key} lost its owner {from}"),
            What::Quarantined => format!("{key} quarantined, last on {from}"),
            What::Retried => format!("{key} is to be tried again"),
            What::Restarted => format!("{key} runs on {to}"),
        }
    }
}
