//! What is in each list, and in which order.

use std::cmp::{Ordering, Reverse};
use std::time::Duration;

use divider::Key;
use divider::snapshot::{KeyStatus, Moment, NodeState, NodeStatus, Phase};

use super::filter::Facts;
use super::{GroupRow, Known, Model, View};

/// A column of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    /// Its width; 0: what is left.
    pub(crate) width: u16,
    /// Numbers end where their column ends.
    pub(crate) number: bool,
}

const fn text(title: &'static str, width: u16) -> Column {
    Column { title, width, number: false }
}

const fn number(title: &'static str, width: u16) -> Column {
    Column { title, width, number: true }
}

const NODES: &[Column] = &[
    text("NODE", 0),
    text("STATE", 13),
    number("AFF", 5),
    number("KEYS", 7),
    number("TGT", 7),
    number("DIFF", 6),
    number("BEAT", 6),
    number("AGE", 6),
];

const KEYS: &[Column] = &[
    text("KEY", 0),
    text("OWNER", 16),
    text("PHASE", 11),
    number("TOKEN", 17),
    number("SINCE", 7),
];

const MOVES: &[Column] =
    &[text("KEY", 0), text("FROM", 12), text("TO", 12), text("STEP", 14), number("AGE", 7)];

const EVENTS: &[Column] = &[text("TIME", 9)];

const GROUPS: &[Column] = &[
    text("GROUP", 0),
    number("NODES", 6),
    number("READY", 6),
    number("KEYS", 9),
    number("STOPPING", 9),
    number("ORPHANED", 9),
    number("SPREAD", 7),
    text("WORST NODE", 10),
];

/// The columns by which a view can be sorted.
pub(crate) fn columns(view: View) -> &'static [Column] {
    match view {
        View::Nodes => NODES,
        View::Keys => KEYS,
        View::Moves => MOVES,
        View::Events => EVENTS,
        View::Groups => GROUPS,
    }
}

/// For each so many keys the list of keys may be old by a millisecond.
const KEYS_A_MS: u64 = 100;

impl Model {
    /// Works out the list that is shown, if it is not what it should be.
    pub(crate) fn list(&mut self) {
        match self.view {
            View::Nodes if self.nodes.stale => self.list_nodes(),
            View::Keys if self.keys.stale && self.may_list_keys() => self.list_keys(),
            View::Moves if self.moves.stale => self.list_moves(),
            View::Events if self.events.stale => self.list_events(),
            View::Groups if self.groups.stale => self.list_groups(),
            _ => {}
        }
    }

    /// Whether the list of keys is old enough to be worked out again: for 100 000 keys, a second.
    fn may_list_keys(&self) -> bool {
        let least = Duration::from_millis(self.snapshot().counts().all() / KEYS_A_MS);
        self.keys_listed.is_none_or(|at| self.now.at.since(at) >= least)
    }

    fn list_nodes(&mut self) {
        let (sort, now) = (self.nodes.sort, self.age_at());
        let in_trouble =
            |node: &&NodeStatus| !self.settings.trouble || node.state != NodeState::Ready;
        let facts = |node: &NodeStatus| self.nodes.filter.shows(&node_facts(node, now));
        let mut nodes: Vec<&NodeStatus> =
            self.snapshot().nodes().filter(in_trouble).filter(|node| facts(node)).collect();
        nodes.sort_by(|a, b| {
            let order = node_order(sort.column, a, b);
            sort.turn(order).then_with(|| a.node.cmp(&b.node))
        });
        let ids = nodes.into_iter().map(|node| node.node.clone()).collect();
        self.nodes.set(ids);
    }

    /// Costs as much as there are keys.
    fn list_keys(&mut self) {
        let (sort, now, trouble) = (self.keys.sort, self.age_at(), self.settings.trouble);
        let filter = &self.keys.filter;
        let shown = |(key, status): &(&Key, &KeyStatus)| {
            (!trouble || status.phase != Phase::Running)
                && (filter.is_empty() || filter.shows(&key_facts(key, status, now)))
        };
        let mut keys: Vec<_> = self.snapshot().keys().filter(shown).collect();
        if sort.column == 0 {
            // That is their own order.
            if sort.reverse {
                keys.reverse();
            }
        } else {
            keys.sort_by(|a, b| sort.turn(key_order(sort.column, a.1, b.1)));
        }
        let ids = keys.into_iter().map(|(key, _)| key.clone()).collect();
        self.keys.set(ids);
        self.keys_listed = Some(self.now.at);
    }

    fn list_moves(&mut self) {
        let (sort, now) = (self.moves.sort, self.age_at());
        let known = |key: &Key| Some((key.clone(), self.snapshot().key(key)?));
        let shown = |(key, status): &(Key, &KeyStatus)| {
            super::data::is_moving(status) && self.moves.filter.shows(&key_facts(key, status, now))
        };
        let mut keys: Vec<_> = self.data.moving.iter().filter_map(known).filter(shown).collect();
        keys.sort_by(|a, b| {
            let order = match sort.column {
                0 => Ordering::Equal,
                2 => a.1.to.cmp(&b.1.to),
                3 => a.1.phase.cmp(&b.1.phase),
                4 => a.1.since.cmp(&b.1.since),
                _ => a.1.owner.cmp(&b.1.owner),
            };
            sort.turn(order.then_with(|| a.0.cmp(&b.0)))
        });
        let ids = keys.into_iter().map(|(key, _)| key).collect();
        self.moves.set(ids);
    }

    fn list_events(&mut self) {
        let (filter, now_ms) = (&self.events.filter, self.now.unix_ms);
        let shown = self.data.history.events.iter().filter(|event| {
            let age = Duration::from_millis(now_ms.saturating_sub(event.unix_ms));
            let (name, state) = (event.text.as_str(), event.kind.as_str());
            filter.is_empty() || filter.shows(&Facts { name, node: None, state, age })
        });
        let numbers = shown.map(|event| event.number);
        let numbers =
            if self.events.sort.reverse { numbers.collect() } else { numbers.rev().collect() };
        // Whoever is at the newest event stays with the newest.
        let at_the_top = self.events.at() == 0;
        self.events.set(numbers);
        if at_the_top {
            self.events.go_to(0);
        }
    }

    fn list_groups(&mut self) {
        let Known::Groups(rows) = &self.known_groups else {
            self.groups.set(Vec::new());
            return;
        };
        let filter = &self.groups.filter;
        let shown = |row: &&GroupRow| {
            let worst = row.numbers.as_ref().ok().and_then(|numbers| numbers.worst);
            let state = worst.map_or("", NodeState::as_str);
            let name = row.group.as_str();
            filter.shows(&Facts { name, node: None, state, age: Duration::ZERO })
        };
        let mut rows: Vec<&GroupRow> = rows.iter().filter(shown).collect();
        let sort = self.groups.sort;
        rows.sort_by(|a, b| {
            let order = group_order(sort.column, a, b);
            sort.turn(order).then_with(|| a.group.cmp(&b.group))
        });
        let ids = rows.into_iter().map(|row| row.group.clone()).collect();
        self.groups.set(ids);
    }
}

fn node_facts(node: &NodeStatus, now: Moment) -> Facts<'_> {
    let (name, age) = (node.node.as_str(), now.since(node.since));
    Facts { name, node: Some(name), state: node.state.as_str(), age }
}

fn key_facts<'a>(key: &'a Key, status: &'a KeyStatus, now: Moment) -> Facts<'a> {
    Facts {
        name: key.as_str(),
        node: Some(status.owner.as_ref().map_or("", |owner| owner.as_str())),
        state: status.phase.as_str(),
        age: now.since(status.since),
    }
}

/// Names and states go up, numbers down.
fn node_order(column: usize, a: &NodeStatus, b: &NodeStatus) -> Ordering {
    let difference = |node: &NodeStatus| node.target.abs_diff(node.keys);
    match column {
        1 => a.state.cmp(&b.state),
        2 => b.effective_affinity.cmp(&a.effective_affinity),
        3 => b.keys.cmp(&a.keys),
        4 => b.target.cmp(&a.target),
        5 => difference(b).cmp(&difference(a)),
        6 => a.last_beat.cmp(&b.last_beat),
        7 => a.since.cmp(&b.since),
        _ => a.node.cmp(&b.node),
    }
}

fn key_order(column: usize, a: &KeyStatus, b: &KeyStatus) -> Ordering {
    match column {
        1 => a.owner.cmp(&b.owner),
        2 => a.phase.cmp(&b.phase),
        3 => b.token.cmp(&a.token),
        _ => a.since.cmp(&b.since),
    }
}

fn group_order(column: usize, a: &GroupRow, b: &GroupRow) -> Ordering {
    let by = |row: &GroupRow| {
        let Ok(numbers) = &row.numbers else { return 0 };
        match column {
            1 => numbers.nodes,
            2 => numbers.ready,
            3 => numbers.keys,
            4 => numbers.stopping,
            5 => numbers.orphaned,
            6 => numbers.spread.unwrap_or(0),
            _ => 0,
        }
    };
    match column {
        0 => a.group.cmp(&b.group),
        7 => {
            let worst = |row: &GroupRow| row.numbers.as_ref().ok().and_then(|n| n.worst);
            worst(a).cmp(&worst(b))
        }
        _ => Reverse(by(a)).cmp(&Reverse(by(b))),
    }
}
