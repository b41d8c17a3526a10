//! What this viewer has seen happen since it began to look.

use std::collections::VecDeque;
use std::time::Duration;

use divider::snapshot::{Changed, KeyStatus, Phase, Snapshot};
use divider::{Key, NodeId};

use super::event::{EventKind, Events};
use super::rate::Rate;
use super::{happened, node_events};
use crate::conditions::{Clock, Severity};
use crate::output::count;

/// What happened, and how fast.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) events: Events,
    pub(crate) rate: Rate,
    /// The newest changes of keys, for the cards of keys.
    steps: VecDeque<Step>,
    /// How long the last hand-overs took of which the stop was seen.
    spans: VecDeque<Duration>,
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
    /// A node has it that nobody had.
    Taken,
    /// Nobody has it.
    Orphaned,
    /// Its owner runs it again, or under a new token.
    Restarted,
}

/// So many changes of keys are kept, for the cards.
const STEPS: usize = 20_000;
/// So many hand-overs the median is of.
const SPANS: usize = 512;
/// So many changes of keys that come at once are told one by one.
const TOLD: usize = 12;

/// How many keys changed how at once.
#[derive(Debug, Default)]
struct Tally {
    announced: u64,
    gone: u64,
    stopping: u64,
    moved: u64,
    taken: u64,
    orphaned: u64,
}

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
            node_events::push(&mut self.events, old.node(node), new.node(node), now.unix_ms);
        }
        let steps = changed.keys.iter().filter_map(|key| step(key, old, new, now));
        let steps: Vec<Step> = steps.collect();
        self.on_steps(&steps, now);
        happened::push(&mut self.events, old, new, changed, now.unix_ms);
        steps
    }

    fn on_steps(&mut self, steps: &[Step], now: Clock) {
        let mut tally = Tally::default();
        for step in steps {
            tally.add(step.what);
            if steps.len() <= TOLD {
                self.events.push(step.unix_ms, EventKind::Key, step.severity(), step.sentence());
            }
            if let What::Moved(Some(span)) = step.what {
                push(&mut self.spans, span, SPANS);
            }
        }
        if steps.len() > TOLD {
            let severity = if tally.orphaned > 0 { Severity::Warning } else { Severity::Note };
            self.events.push(now.unix_ms, EventKind::Key, severity, tally.sentence());
        }
        for step in &steps[steps.len().saturating_sub(STEPS)..] {
            push(&mut self.steps, step.clone(), STEPS);
        }
        self.rate.add(tally.moved + tally.taken, now.at);
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

fn step(key: &Key, old: &Snapshot, new: &Snapshot, now: Clock) -> Option<Step> {
    let (before, after) = (old.key(key), new.key(key));
    let what = what(before, after, now)?;
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
    match (&before.owner, &after.owner) {
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
            What::Taken => format!("{key} taken by {to}"),
            What::Orphaned => format!("{key} lost its owner {from}"),
            What::Restarted => format!("{key} runs on {to}"),
        }
    }

    fn severity(&self) -> Severity {
        if self.what == What::Orphaned { Severity::Warning } else { Severity::Note }
    }
}

impl Tally {
    fn add(&mut self, what: What) {
        match what {
            What::Announced => self.announced += 1,
            What::Gone => self.gone += 1,
            What::Stopping => self.stopping += 1,
            What::Moved(_) => self.moved += 1,
            What::Taken => self.taken += 1,
            What::Orphaned => self.orphaned += 1,
            What::Restarted => {}
        }
    }

    fn sentence(&self) -> String {
        let parts = [
            (self.moved, "moved"),
            (self.taken, "taken"),
            (self.orphaned, "lost their owner"),
            (self.announced, "announced"),
            (self.stopping, "stopping"),
            (self.gone, "gone"),
        ];
        let said = parts.iter().filter(|(keys, _)| *keys > 0);
        let said: Vec<String> =
            said.map(|(keys, what)| format!("{} {what}", count(*keys, "key"))).collect();
        if said.is_empty() { "many keys restarted".to_owned() } else { said.join(", ") }
    }
}
