//! The load map: a cell for each node, so that a thousand of them are seen at once.

use std::collections::BTreeMap;

use divider::snapshot::{NodeState, NodeStatus};
use ratatui::layout::Rect;

use super::pen::Pen;
use super::theme::{Role, Theme, state_role};
use super::words::grouped;
use crate::top::model::{Model, View};

/// The most rows that it takes beside its legend.
const MOST: u16 = 8;

/// With fewer nodes the list itself says more.
const FEWEST: usize = 30;

/// So many rows a list keeps that has more nodes than there is room for.
const LIST: u16 = 10;

/// The nodes by the label that they are grouped by, and how many of them are one cell.
struct Map<'a> {
    groups: BTreeMap<&'a str, Vec<&'a NodeStatus>>,
    /// How wide the names of the groups are.
    heads: u16,
    nodes_a_cell: usize,
}

/// How many rows at the bottom of that area it takes.
pub(super) fn rows(model: &Model, area: Rect) -> u16 {
    let nodes = model.snapshot().nodes().len();
    if model.view != View::Nodes || !model.settings.load_map || nodes < FEWEST {
        return 0;
    }
    // A list that fits is worth more than its map.
    let list = u16::try_from(nodes).ok().filter(|nodes| *nodes < area.height).unwrap_or(LIST);
    // Beside the list's headings and the legend.
    let room = area.height.saturating_sub(list + 2).min(MOST);
    let map = Map::of(model, area.width, room);
    map.map_or(0, |map| map.rows(area.width) + 1)
}

/// Draws it.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    let area = pen.area();
    let Some(map) = Map::of(model, area.width, area.height.saturating_sub(1)) else { return };
    pen.line(0);
    draw_legend(model, &map, pen);
    let mut line = 1;
    for (name, nodes) in &map.groups {
        let cells: Vec<&NodeStatus> =
            nodes.chunks(map.nodes_a_cell).filter_map(|chunk| worst(chunk)).collect();
        for (at, row) in cells.chunks(map.cells_a_row(area.width)).enumerate() {
            pen.line(line);
            line += 1;
            if map.heads > 0 {
                pen.skip(2).cell(if at == 0 { name } else { "" }, map.heads - 2, Role::Dim);
            }
            for node in row {
                let (sign, role) = cell(node, pen.theme);
                pen.put(sign, role);
            }
        }
    }
}

impl<'a> Map<'a> {
    /// The map that fits into so many rows, if one does.
    fn of(model: &'a Model, width: u16, rows: u16) -> Option<Self> {
        let label = model.settings.group_by.as_deref();
        let mut groups: BTreeMap<&str, Vec<&NodeStatus>> = BTreeMap::new();
        for node in model.snapshot().nodes() {
            let of = label.map_or("", |label| node.labels.get(label).map_or("-", String::as_str));
            groups.entry(of).or_default().push(node);
        }
        let longest = groups.keys().map(|name| name.len()).max().unwrap_or(0).min(20);
        let heads = if label.is_some() { u16::try_from(longest).unwrap_or(0) + 4 } else { 2 };
        let mut map = Self { groups, heads, nodes_a_cell: 1 };
        if rows == 0 || map.groups.len() > usize::from(rows) {
            return None;
        }
        // One row a group is the least that it takes.
        while map.rows(width) > rows {
            map.nodes_a_cell += 1;
        }
        Some(map)
    }

    fn cells_a_row(&self, width: u16) -> usize {
        usize::from(width.saturating_sub(self.heads + 1)).max(1)
    }

    fn rows(&self, width: u16) -> u16 {
        let cells = self.cells_a_row(width);
        let of = |nodes: &Vec<_>| nodes.len().div_ceil(self.nodes_a_cell).div_ceil(cells);
        u16::try_from(self.groups.values().map(of).sum::<usize>()).unwrap_or(u16::MAX)
    }
}

fn draw_legend(model: &Model, map: &Map<'_>, pen: &mut Pen<'_>) {
    let nodes = model.snapshot().nodes().len();
    let trouble = model.snapshot().nodes().filter(|node| node.state != NodeState::Ready).count();
    pen.put(" LOAD", Role::Strong);
    let legend = [
        (Load::Under, "<80 %"),
        (Load::Fair, "fair"),
        (Load::Over, ">110 %"),
        (Load::FarOver, ">150 %"),
    ];
    for (load, text) in legend {
        let (sign, role) = load.cell(pen.theme);
        pen.put(format!("  {sign}"), role).put(format!(" {text}"), Role::Dim);
    }
    if map.nodes_a_cell > 1 {
        pen.put(format!("  worst of {} a cell", map.nodes_a_cell), Role::Dim);
    }
    if trouble > 0 && !model.settings.trouble {
        let text = format!("{trouble} of {} not ready: z ", grouped(nodes as u64));
        pen.at_end(text, Role::Late);
    }
}

/// The one that an operator has to see.
fn worst<'a>(nodes: &[&'a NodeStatus]) -> Option<&'a NodeStatus> {
    let rank = |node: &&NodeStatus| (node.state, load(node));
    nodes.iter().copied().min_by_key(rank)
}

/// How much a node has of its share; the odd key is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Load {
    FarOver,
    Over,
    Under,
    Fair,
}

fn load(node: &NodeStatus) -> Load {
    let (keys, target) = (node.keys, node.target);
    match keys.abs_diff(target) {
        0 | 1 => Load::Fair,
        _ if keys * 100 > target * 150 => Load::FarOver,
        _ if keys * 100 > target * 110 => Load::Over,
        _ if keys * 100 < target * 80 => Load::Under,
        _ => Load::Fair,
    }
}

impl Load {
    fn cell(self, theme: Theme) -> (&'static str, Role) {
        match self {
            Self::Under => (theme.sign("▁", "."), Role::Plain),
            Self::Fair => (theme.sign("▄", ":"), Role::Good),
            Self::Over => (theme.sign("▆", "#"), Role::Late),
            Self::FarOver => (theme.sign("█", "@"), Role::Lost),
        }
    }
}

/// Its sign: the state, and of a node that is ready its load.
fn cell(node: &NodeStatus, theme: Theme) -> (&'static str, Role) {
    match node.state {
        NodeState::Ready => load(node).cell(theme),
        // Its own sign means something else here.
        NodeState::Absent => ("?", Role::Dim),
        state => (theme.state_sign(state), state_role(state)),
    }
}
