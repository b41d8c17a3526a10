//! The list of nodes.

use divider::NodeId;
use divider::snapshot::{Moment, NodeState, NodeStatus};

use super::pen::Pen;
use super::table::{self, Slot, what_is_left};
use super::theme::{Role, load_role, state_role};
use super::words::{grouped, share_bar, sparkline_of};
use crate::output::age;
use crate::top::model::{Model, View};

/// As many columns as there are half minutes in ten, and one.
const TREND_COLUMNS: u16 = 21;

const BAR: usize = 100;
const HOST: usize = 101;
const BUILD: usize = 102;
const LABELS: usize = 103;
const TREND: usize = 104;

/// Draws it.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    let slots = slots(model, pen.area().width);
    let most = model.snapshot().nodes().map(|node| node.keys.max(node.target)).max().unwrap_or(0);
    table::draw(pen, &model.nodes, &slots, |pen, id| draw_row(model, pen, id, &slots, most));
}

/// The columns that fit, in their order.
pub(super) fn slots(model: &Model, width: u16) -> Vec<Slot> {
    let own = |column| Slot::of(View::Nodes, column, 0);
    // A column that is empty is none.
    let extra = |column, title: &'static str, text: fn(&NodeStatus) -> String| {
        let any = longest(model, text, 0, 1) > 0;
        any.then(|| Slot::text(column, title, longest(model, text, title.len(), 24)))
    };
    let mut rest = match width {
        80.. => vec![own(1), own(2), own(3), own(4), own(5), own(6)],
        72.. => vec![own(1), own(3), own(4), own(5), own(6)],
        _ => vec![own(1), own(3), own(5)],
    };
    let wide = model.settings.wide || model.size.0 >= 150;
    if wide || width >= 92 {
        rest.push(own(7));
    }
    if wide {
        let extras = [
            extra(HOST, "HOST", |node| node.host.clone()),
            extra(BUILD, "BUILD", |node| node.build.clone()),
            extra(LABELS, "LABELS", labels),
        ];
        rest.extend(extras.into_iter().flatten());
    }
    let left = what_is_left(width, &rest);
    let most = if left > 60 { 48 } else { 24 };
    let name = longest(model, |node| node.node.to_string(), 6, most).min(left.max(6));
    let left = left.saturating_sub(name + 1);
    let bar = left.min(24);
    let place = rest.iter().position(|slot| slot.column >= 6).unwrap_or(rest.len());
    if bar >= 6 {
        // What is left is for the keys of the last ten minutes.
        let trend = left.saturating_sub(bar + 1).min(TREND_COLUMNS);
        if trend >= TREND_COLUMNS / 2 {
            rest.insert(place, Slot::text(TREND, "KEYS, 10 MIN", trend - 1));
        }
        rest.insert(place, Slot::text(BAR, "SHARE", bar - 1));
    }
    rest.insert(0, Slot::of(View::Nodes, 0, name));
    table::space(&mut rest);
    rest
}

/// How many columns the longest text of that kind takes, within bounds.
fn longest(model: &Model, text: fn(&NodeStatus) -> String, least: usize, most: usize) -> u16 {
    let widths = model.snapshot().nodes().map(|node| crate::output::width(&text(node)));
    u16::try_from(widths.max().unwrap_or(0).clamp(least, most)).unwrap_or(u16::MAX)
}

fn draw_row(model: &Model, pen: &mut Pen<'_>, id: &NodeId, slots: &[Slot], most: u64) {
    let Some(node) = model.snapshot().node(id) else {
        pen.put(format!("{id} is gone"), Role::Dim);
        return;
    };
    let role = state_role(node.state);
    pen.put(pen.theme.state_sign(node.state), role).skip(1);
    let now = model.age_at();
    for slot in slots {
        let role = match slot.column {
            0 | 1 => role,
            5 if node.target.abs_diff(node.keys) <= 1 => Role::Dim,
            5 | BAR => share_role(node),
            HOST | BUILD | LABELS => Role::Dim,
            _ => Role::Plain,
        };
        match slot.column {
            BAR => {
                let shares = (node.keys, node.target);
                for (text, role) in share_bar(slot.width, shares, most, role, pen.theme) {
                    pen.put(text, role);
                }
                pen.skip(slot.gap);
            }
            TREND => {
                let halves = model.data.node_trend.of(id, slot.width.into());
                let keys: Vec<_> = halves.iter().map(|half| half.map(|half| half.keys)).collect();
                slot.put(pen, sparkline_of(&keys, most + most / 4, pen.theme), Role::Dim);
            }
            column => slot.put(pen, text(node, column, now), role),
        }
    }
}

fn text(node: &NodeStatus, column: usize, now: Moment) -> String {
    match column {
        0 => node.node.to_string(),
        1 => state(node, now),
        2 => affinity(node),
        3 => grouped(node.keys),
        4 => grouped(node.target),
        5 => difference(node),
        6 => node.last_beat.map_or("-".to_owned(), |beat| age(now.since(beat))),
        7 => age(now.since(node.since)),
        HOST => node.host.clone(),
        BUILD => node.build.clone(),
        LABELS => labels(node),
        _ => String::new(),
    }
}

/// How a node is, and how far, or for how long.
pub(super) fn state(node: &NodeStatus, now: Moment) -> String {
    let word = node.state.as_str();
    match (node.state, &node.desired) {
        (NodeState::Draining, Some(desired)) if desired.paused => format!("{word} paused"),
        (NodeState::Draining, Some(desired)) if desired.drained_from > 0 => {
            let moved = desired.drained_from.saturating_sub(node.keys + desired.adrift);
            format!("{word} {}%", moved * 100 / desired.drained_from)
        }
        (NodeState::Away, _) => {
            let of = node.away.map(|of| format!(" of {}", age(of))).unwrap_or_default();
            format!("{word} {}{of}", age(now.since(node.since)))
        }
        // Both count from the last that was heard of it: that is when it may have died.
        (NodeState::Lost | NodeState::Late, _) => {
            let silent = node.last_beat.map(|beat| format!(" {}", age(now.since(beat))));
            format!("{word}{}", silent.unwrap_or_default())
        }
        _ => word.to_owned(),
    }
}

/// What it is planned with; with a star where an operator says so.
pub(super) fn affinity(node: &NodeStatus) -> String {
    let desired = node.desired.as_ref().and_then(|desired| desired.affinity);
    match desired {
        Some(affinity) => format!("{affinity}*"),
        None => node.affinity.to_string(),
    }
}

/// Its keys minus its target.
fn difference(node: &NodeStatus) -> String {
    match node.keys.cmp(&node.target) {
        std::cmp::Ordering::Equal => "0".to_owned(),
        std::cmp::Ordering::Greater => format!("+{}", node.keys - node.target),
        std::cmp::Ordering::Less => format!("-{}", node.target - node.keys),
    }
}

/// How far a node is from its share: of one that takes no keys it says nothing.
fn share_role(node: &NodeStatus) -> Role {
    match (node.state, node.keys.abs_diff(node.target)) {
        (NodeState::Ready | NodeState::Late, 0 | 1) => Role::Good,
        (NodeState::Ready | NodeState::Late, _) => {
            let hundredths = node.keys.saturating_mul(100) / node.target.max(1);
            if hundredths < 80 { Role::Plain } else { load_role(hundredths) }
        }
        (NodeState::Draining | NodeState::Leaving, _) => Role::Draining,
        _ => Role::Dim,
    }
}

/// `tier=a zone=eu`
pub(super) fn labels(node: &NodeStatus) -> String {
    let labels = node.labels.iter().map(|(name, value)| format!("{name}={value}"));
    labels.collect::<Vec<_>>().join(" ")
}
