//! Judging how far a drain is: pure, so that it can be tested without one.

use std::collections::{HashMap, HashSet};

use divider::snapshot::Mode;
use divider::snapshot::{KeyStatus, NodeState, NodeStatus, Phase, Snapshot};
use divider::{Key, NodeId, Session};

use super::left::{LeftKey, left_of};
use crate::contract::Viewer;
use crate::output::{age, count};

/// The nodes of a drain, and the keys that it is to move.
pub(super) struct Monitor {
    nodes: Vec<Tracked>,
    /// The drain's name; none where any drain of these nodes is meant.
    drain: Option<String>,
    /// Where each key was that the plan moves. All of them need an owner elsewhere.
    planned: HashMap<Key, NodeId>,
    /// A part of the drain was not seen: it went on before, or the store was lost meanwhile.
    blind: bool,
}

/// One node of a drain.
struct Tracked {
    node: NodeId,
    /// How many keys it had.
    from: u64,
    /// Whether its drain was seen: before, it is in whatever state it was.
    begun: bool,
    /// Whether it was seen as a member.
    was_there: bool,
    session: Option<Session>,
    /// Another session of it began after the drain.
    restarted: bool,
    end: Option<Empty>,
}

/// A node has nothing left. It is drained where nothing of this is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Empty {
    /// How many keys were freed at the deadline and have no owner.
    pub(super) freed: u64,
    /// How many keys were taken over from a session that was over: their stops are not confirmed.
    pub(super) taken_over: u64,
    /// What a former session of it had was not seen.
    pub(super) unseen: bool,
    /// How many stops were confirmed, if all of the drain was seen.
    pub(super) confirmed: Option<u64>,
    /// There was no such node: it is drained when it returns.
    pub(super) absent: bool,
}

impl Empty {
    pub(super) fn is_drained(self) -> bool {
        self.freed + self.taken_over == 0 && !self.unseen && !self.absent
    }

    /// Why it is not drained, in words.
    pub(super) fn words(self) -> String {
        let freed = (self.freed > 0).then(|| {
            format!("{} freed at the deadline without an owner", count(self.freed, "key"))
        });
        let taken_over = (self.taken_over > 0).then(|| {
            let keys = count(self.taken_over, "key");
            let confirmed = self.confirmed.map_or_else(
                || "their stops not confirmed".to_owned(),
                |confirmed| format!("{} confirmed", count(confirmed, "stop")),
            );
            format!("{keys} taken over when its session ended, {confirmed}")
        });
        let unseen = self.unseen.then(|| UNSEEN.to_owned());
        let absent = self.absent.then(|| ABSENT.to_owned());
        let all: Vec<_> = [freed, taken_over, unseen, absent].into_iter().flatten().collect();
        all.join(", ")
    }
}

/// What a snapshot shows of one node that it did not show before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// It has nothing left; it had so many keys.
    Empty(NodeId, u64, Empty),
    /// Somebody said something else of it.
    Undone(NodeId),
}

impl Monitor {
    /// A drain that was begun from here, by its plan.
    pub(super) fn new(
        nodes: &[NodeId],
        drain: Option<String>,
        planned: HashMap<Key, NodeId>,
    ) -> Self {
        let from = |node: &NodeId| planned.values().filter(|from| *from == node).count() as u64;
        let tracked = |node: &NodeId| Tracked {
            node: node.clone(),
            from: from(node),
            begun: false,
            was_there: false,
            session: None,
            restarted: false,
            end: None,
        };
        let nodes = nodes.iter().map(tracked).collect();
        Self { nodes, drain, planned, blind: false }
    }

    /// A part of the drain is not seen.
    pub(super) fn on_gap(&mut self) {
        self.blind = true;
    }

    /// Looks at a complete snapshot.
    pub(super) fn on_snapshot(&mut self, snapshot: &Snapshot) -> Vec<News> {
        let mut news = Vec::new();
        let mut nodes = std::mem::take(&mut self.nodes);
        for tracked in nodes.iter_mut().filter(|tracked| tracked.end.is_none()) {
            let status = snapshot.node(&tracked.node);
            let Some(status) = status.filter(|status| self.is_meant(tracked, status)) else {
                if tracked.begun {
                    news.push(News::Undone(tracked.node.clone()));
                }
                continue;
            };
            tracked.follow(status);
            if let Some(end) = self.end_of(tracked, status, snapshot) {
                tracked.end = Some(end);
                news.push(News::Empty(tracked.node.clone(), tracked.from, end));
            }
        }
        self.nodes = nodes;
        news
    }

    /// Whether no node has anything left.
    pub(super) fn is_over(&self) -> bool {
        self.nodes.iter().all(|tracked| tracked.end.is_some())
    }

    /// The nodes that have nothing left.
    pub(super) fn ended(&self) -> impl Iterator<Item = (&NodeId, Empty)> {
        self.nodes.iter().filter_map(|tracked| Some((&tracked.node, tracked.end?)))
    }

    /// How far it is, in one line.
    pub(super) fn line(&self, snapshot: &Snapshot, viewer: &Viewer) -> String {
        let of: u64 = self.nodes.iter().map(|tracked| tracked.from).sum();
        let status = |tracked: &Tracked| snapshot.node(&tracked.node);
        let undone =
            || self.nodes.iter().filter(|tracked| tracked.end.is_none()).filter_map(status);
        let left: u64 = undone().map(|status| status.keys).sum();
        // A heartbeat may still count stops of keys that have moved since.
        let stopping: u64 = undone().map(|status| status.stopping.min(status.keys)).sum();
        let given: u64 = undone().map(|status| status.unconfirmed.given).sum();
        // What left a node and nobody has is on its way, and not there.
        let adrift =
            |status: &NodeStatus| status.desired.as_ref().map_or(0, |desired| desired.adrift);
        let adrift: u64 = undone().map(adrift).sum();
        let moved = of.saturating_sub(left + adrift);
        let percent = moved * 100 / of.max(1);
        let mut line =
            format!("{moved} of {of} moved, {stopping} stopping, {left} left ({percent}%)");
        if adrift > 0 {
            line = format!("{line}, {adrift} without an owner");
        }
        if given > 0 {
            line = format!("{line}, {given} given away with their stops not confirmed");
        }
        let stops = undone().filter_map(|s| s.unconfirmed.oldest.first().map(|stop| (s, stop)));
        let oldest = stops.min_by_key(|(_, stop)| stop.told).map(|(status, stop)| {
            let span = age(viewer.anchor.moment().since(stop.told));
            format!("; oldest unconfirmed stop: {} on {}, {span}", stop.key, status.node)
        });
        let wait: HashSet<&NodeId> = undone().map(|status| &status.node).collect();
        let waits = |key: &KeyStatus| {
            let is_of = key.owner.as_ref().is_some_and(|owner| wait.contains(owner));
            is_of && key.to.is_none() && key.phase == Phase::Running
        };
        let waiting = snapshot.keys().filter(|(_, key)| waits(key)).count() as u64;
        if waiting > 0 {
            line =
                format!("{line}; {} without a receiver{}", count(waiting, "key"), closed(snapshot));
        }
        let paused =
            undone().any(|status| status.desired.as_ref().is_some_and(|desired| desired.paused));
        line + &oldest.unwrap_or_default() + if paused { "; paused" } else { "" }
    }

    /// What is left of every node that is not drained.
    pub(super) fn left(&self, snapshot: &Snapshot, viewer: &Viewer) -> Vec<LeftKey> {
        let undone = self.nodes.iter().filter(|tracked| !tracked.is_drained());
        let status = undone.filter_map(|tracked| snapshot.node(&tracked.node));
        status.flat_map(|status| left_of(status, &self.planned, snapshot, viewer)).collect()
    }

    /// What is left in one sentence.
    pub(super) fn left_words(&self, left: &[LeftKey]) -> String {
        let undone = self.nodes.iter().filter(|tracked| !tracked.is_drained());
        let each = undone.map(|tracked| {
            let keys = left.iter().filter(|key| key.node == tracked.node.as_str()).count();
            format!("{} left on {}", count(keys as u64, "key"), tracked.node)
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// Whether the node is drained as it is watched. Another drain of the same node replaces the record of
    /// this one, and goes on with it: both operators wait for the same.
    fn is_meant(&self, tracked: &Tracked, status: &NodeStatus) -> bool {
        let desired = status.desired.as_ref().filter(|desired| desired.mode == Mode::Drain);
        let is_any = self.drain.is_none() || tracked.begun;
        desired.is_some_and(|desired| is_any || desired.drain_id == self.drain)
    }

    /// How it ended, where no claim names the node, it stops nothing, and what it had has live owners
    /// elsewhere or was freed.
    fn end_of(&self, tracked: &Tracked, status: &NodeStatus, snapshot: &Snapshot) -> Option<Empty> {
        let (adrift, taken_over) =
            status.desired.as_ref().map_or((0, 0), |desired| (desired.adrift, desired.taken_over));
        let is_gone = status.state == NodeState::Absent
            && status.keys + status.unconfirmed.count + adrift == 0;
        let is_emptied = status.state == NodeState::Emptied;
        if !is_gone && !is_emptied && status.state != NodeState::Drained {
            return None;
        }
        let mut ownerless = 0;
        for (key, _) in self.planned.iter().filter(|(_, from)| **from == status.node) {
            match snapshot.key(key).map(|key| &key.owner) {
                None => {}
                Some(None) => ownerless += 1,
                Some(Some(owner)) => {
                    let is_live =
                        snapshot.node(owner).is_some_and(|node| node.state != NodeState::Lost);
                    if *owner == status.node || !is_live {
                        return None;
                    }
                }
            }
        }
        if ownerless > 0 && !is_emptied {
            return None;
        }
        let freed = if is_emptied { ownerless.max(adrift) } else { 0 };
        let died = is_gone && !status.left;
        let absent = died && !tracked.was_there && tracked.from == 0 && self.planned.is_empty();
        // One that came late sees keys without an owner, and not whose they were.
        let unsure = is_emptied && freed + taken_over == 0;
        let unseen = self.blind && (tracked.restarted || died || unsure);
        let seen = !self.blind && !absent;
        let confirmed = seen.then(|| tracked.from.saturating_sub(freed + taken_over));
        Some(Empty { freed, taken_over, unseen, confirmed, absent })
    }
}

impl Tracked {
    fn is_drained(&self) -> bool {
        self.end.is_some_and(Empty::is_drained)
    }

    fn follow(&mut self, status: &NodeStatus) {
        let desired = status.desired.as_ref();
        let began_later = desired.is_some_and(|desired| status.joined > desired.revision);
        let is_other = self.session.is_some() && self.session != status.session;
        self.restarted |= if self.begun { is_other } else { began_later };
        self.session = status.session.or(self.session);
        self.begun = true;
        self.was_there |= status.state != NodeState::Absent;
        self.from = self.from.max(desired.map_or(0, |desired| desired.drained_from));
    }
}

/// Which other nodes take nothing, as a reason.
fn closed(snapshot: &Snapshot) -> String {
    let takes_nothing = |node: &&NodeStatus| {
        !matches!(node.state, NodeState::Ready | NodeState::Joining | NodeState::Absent)
    };
    let named: Vec<_> = snapshot
        .nodes()
        .filter(takes_nothing)
        .take(NAMED)
        .map(|node| format!("{} is {}", node.node, node.state.as_str()))
        .collect();
    if named.is_empty() { String::new() } else { format!(": {}", named.join(", ")) }
}

/// The most nodes that are named.
const NAMED: usize = 5;

const ABSENT: &str = "there is no such node now; it will be drained when it returns";

const UNSEEN: &str =
    "part of the drain was not observed; whether all stops were confirmed is unknown";
