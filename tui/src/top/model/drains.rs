//! The drains that this viewer has seen, from their beginning or from when it came.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use divider::snapshot::Mode;
use divider::snapshot::{DesiredState, NodeState, NodeStatus, Snapshot};
use divider::{Key, NodeId, Revision};

use super::history::{Step, What};
use crate::conditions::Clock;

/// One drain, of one or several nodes.
#[derive(Debug, Clone)]
pub(crate) struct Drain {
    pub(crate) id: String,
    pub(crate) by: String,
    pub(crate) reason: String,
    pub(crate) deadline_ms: Option<u64>,
    pub(crate) paused: bool,
    /// When it was asked for, by the operator's clock.
    pub(crate) asked_ms: u64,
    pub(crate) nodes: BTreeMap<NodeId, Part>,
    /// Who got how many keys.
    pub(crate) to: BTreeMap<NodeId, u64>,
    /// The hand-over that took longest, of those whose stop was seen.
    pub(crate) slowest: Option<(Key, Duration)>,
    /// A part of it was not seen here: it went on before, or the connection was lost meanwhile.
    blind: bool,
    pub(crate) end: Option<End>,
}

/// One node of a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Part {
    /// How many keys it had.
    pub(crate) from: u64,
    /// How many it has.
    pub(crate) left: u64,
    /// How many of them are told to stop.
    pub(crate) stopping: u64,
    /// How many that left it nobody has.
    pub(crate) adrift: u64,
    /// How many were taken over, their stops not confirmed.
    pub(crate) taken_over: u64,
    /// It was seen as a member.
    was_there: bool,
    /// It has nothing left.
    pub(crate) end: Option<PartEnd>,
}

/// How a node came to have nothing left; from the second on it is not drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PartEnd {
    Drained,
    /// Keys have no owner, or were taken over.
    Emptied,
    /// Another session of it began after the request, and what the one before had was not seen.
    Unseen,
    /// There never was such a node: it is drained when it returns.
    Absent,
}

/// How a drain ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything was handed over, after so long.
    Done(Duration),
    /// Nothing is left after so long, and not all of it was handed over and confirmed.
    Emptied(Duration),
    /// Somebody undid it, with so many keys left.
    Undone(u64),
}

/// The drains on the screen, the oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drains {
    shown: Vec<Drain>,
    /// Those that were put away: they are not shown again.
    dismissed: BTreeSet<String>,
    /// Up to where the log was when this viewer came.
    came: Option<Revision>,
}

/// So many drains are followed at once.
const MOST: usize = 64;

impl Drains {
    /// The drains that go on, and those that ended and were not put away.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Drain> {
        self.shown.iter()
    }

    /// The drain that a node is part of and that goes on.
    pub(crate) fn of(&self, node: &NodeId) -> Option<&Drain> {
        self.shown.iter().rev().find(|drain| drain.nodes.contains_key(node))
    }

    /// The drains that have not ended.
    pub(crate) fn going_on(&self) -> impl Iterator<Item = &Drain> {
        self.shown.iter().filter(|drain| drain.end.is_none())
    }

    /// The drain that goes on, if there is one only.
    pub(crate) fn only_one(&self) -> Option<&Drain> {
        let mut going_on = self.going_on();
        going_on.next().filter(|_| going_on.next().is_none())
    }

    /// The drain that ended last and was not put away.
    pub(crate) fn last_ended(&self) -> Option<&Drain> {
        self.shown.iter().rev().find(|drain| drain.end.is_some())
    }

    /// Puts away what ended. Whether there was any.
    pub(crate) fn dismiss(&mut self) -> bool {
        let before = self.shown.len();
        for drain in self.shown.extract_if(.., |drain| drain.end.is_some()) {
            self.dismissed.insert(drain.id);
        }
        before != self.shown.len()
    }

    /// Follows what changed.
    pub(crate) fn on_update(&mut self, snapshot: &Snapshot, steps: &[Step], now: Clock) {
        // Before everything is read there is nobody to be seen.
        if !snapshot.is_complete() {
            self.shown.iter_mut().for_each(|drain| drain.blind = true);
            return;
        }
        self.came.get_or_insert(snapshot.revision());
        for node in snapshot.nodes() {
            if let Some((id, desired)) = drained(node) {
                self.begin(id, desired, node);
            }
        }
        for drain in self.shown.iter_mut().filter(|drain| drain.end.is_none()) {
            drain.on_steps(steps);
            drain.on_nodes(snapshot, now);
        }
    }

    fn begin(&mut self, id: &str, desired: &DesiredState, node: &NodeStatus) {
        let known = self.shown.iter_mut().find(|drain| drain.id == id);
        if let Some(drain) = known {
            drain.nodes.entry(node.node.clone()).or_default();
            drain.paused = desired.paused;
            return;
        }
        // One that was done before this viewer looked is no news.
        let over = matches!(node.state, NodeState::Drained | NodeState::Emptied)
            || node.keys + node.unconfirmed.count == 0;
        let before = self.came.is_some_and(|came| desired.revision <= came);
        if over && before && desired.drained_from == 0
            || self.dismissed.contains(id)
            || self.shown.len() >= MOST
        {
            return;
        }
        self.shown.push(Drain {
            id: id.to_owned(),
            by: desired.by.clone(),
            reason: desired.reason.clone(),
            deadline_ms: desired.deadline_ms,
            paused: desired.paused,
            asked_ms: desired.at_ms,
            nodes: BTreeMap::from([(node.node.clone(), Part::default())]),
            to: BTreeMap::new(),
            slowest: None,
            blind: before,
            end: None,
        });
    }
}

/// The drain that a node is told, if it is.
fn drained(node: &NodeStatus) -> Option<(&str, &DesiredState)> {
    let desired = node.desired.as_ref().filter(|desired| desired.mode == Mode::Drain)?;
    Some((desired.drain_id.as_deref()?, desired))
}

impl Drain {
    fn on_steps(&mut self, steps: &[Step]) {
        for step in steps {
            let (Some(from), Some(to)) = (&step.from, &step.to) else { continue };
            let What::Moved(span) = step.what else { continue };
            if !self.nodes.contains_key(from) {
                continue;
            }
            *self.to.entry(to.clone()).or_default() += 1;
            if let Some(span) = span
                && self.slowest.as_ref().is_none_or(|(_, slowest)| *slowest < span)
            {
                self.slowest = Some((step.key.clone(), span));
            }
        }
    }

    fn on_nodes(&mut self, snapshot: &Snapshot, now: Clock) {
        let mut undone = 0;
        for (id, part) in &mut self.nodes {
            let node = snapshot.node(id);
            match node.and_then(|node| Some((node, drained(node)?))) {
                Some((node, (drain, desired))) if drain == self.id => {
                    *part = Part::of(*part, node, desired, self.blind);
                }
                _ => {
                    undone += 1;
                    part.left = node.map_or(0, |node| node.keys);
                    part.stopping = 0;
                }
            }
        }
        if undone == self.nodes.len() {
            self.end = Some(End::Undone(self.total().left));
        } else if let Some(end) = self.total().end {
            let asked = Duration::from_millis(now.unix_ms.saturating_sub(self.asked_ms));
            let is_drained = end == PartEnd::Drained;
            self.end = Some(if is_drained { End::Done(asked) } else { End::Emptied(asked) });
        }
    }

    /// Whether it is what the node is told.
    pub(crate) fn is_requested(&self, node: &NodeId, snapshot: &Snapshot) -> bool {
        snapshot.node(node).and_then(drained).is_some_and(|(id, _)| id == self.id)
    }

    /// All its nodes together.
    pub(crate) fn total(&self) -> Part {
        let mut total = Part { end: Some(PartEnd::Drained), ..Part::default() };
        for part in self.nodes.values() {
            total.from += part.from;
            total.left += part.left;
            total.stopping += part.stopping;
            total.adrift += part.adrift;
            total.taken_over += part.taken_over;
            // The worst, once all have nothing left.
            total.end = total.end.zip(part.end).map(|(a, b)| a.max(b));
        }
        // One that was done between two looks is known by its moves alone.
        total.from = total.from.max(total.left + self.to.values().sum::<u64>());
        total
    }

    /// Whether it is past its deadline and has something left.
    pub(crate) fn is_failed(&self, now: Clock) -> bool {
        self.end.is_none() && self.deadline_ms.is_some_and(|deadline| deadline <= now.unix_ms)
    }
}

impl Part {
    fn of(before: Self, node: &NodeStatus, desired: &DesiredState, blind: bool) -> Self {
        let left = node.keys + node.unconfirmed.count + desired.adrift;
        let gone = node.state == NodeState::Absent && left == 0;
        // What it had when it was last seen nobody confirmed, if it died with that.
        let died = if gone && !node.left { before.left } else { 0 };
        let taken_over = desired.taken_over.max(before.taken_over).max(died);
        let from = desired.drained_from.max(node.keys);
        let was_there = before.was_there || node.state != NodeState::Absent;
        // One session has given away everything itself; of a session before it that is not known.
        let unseen = blind && (node.joined > desired.revision || gone && !node.left);
        let is_emptied = node.state == NodeState::Emptied;
        let end = match (gone || is_emptied || node.state == NodeState::Drained, taken_over) {
            (false, _) => None,
            _ if gone && !node.left && !was_there && from == 0 => Some(PartEnd::Absent),
            (true, 0) if unseen => Some(PartEnd::Unseen),
            (true, 0) if !is_emptied => Some(PartEnd::Drained),
            (true, _) => Some(PartEnd::Emptied),
        };
        Self {
            from,
            left: node.keys,
            stopping: super::data::stopping(node),
            adrift: desired.adrift,
            taken_over,
            was_there,
            end,
        }
    }

    /// How many keys it gave away that somebody has.
    pub(crate) fn moved(&self) -> u64 {
        self.from.saturating_sub(self.left + self.adrift)
    }

    /// How many of a hundred keys it gave away.
    pub(crate) fn percent(&self) -> u64 {
        (self.moved() * 100).checked_div(self.from).unwrap_or(100)
    }
}
