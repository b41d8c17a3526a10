//! Screens that are too small for the dashboard: they say what there is room for.

use divider::snapshot::{NodeState, Snapshot};

use super::header::badge;
use super::nodes::state;
use super::pen::Pen;
use super::theme::{Role, state_role};
use super::words::{counted, short};
use crate::output::count;
use crate::top::model::{Model, View, Wire};

/// A few words, over as many lines as there are.
pub(super) fn draw_tiny(model: &Model, pen: &mut Pen<'_>) {
    let snapshot = model.snapshot();
    let (link, role) = badge(model);
    let lines = [
        (count(snapshot.nodes().len() as u64, "node"), Role::Plain),
        (format!("{} in trouble", in_trouble(snapshot)), Role::Strong),
        (format!("{} keys", short(snapshot.counts().all())), Role::Plain),
        (link, role),
        ("window too small".to_owned(), Role::Dim),
    ];
    for (at, (text, role)) in lines.iter().enumerate() {
        if !pen.line(at) {
            break;
        }
        pen.put(text, *role);
    }
}

/// How many nodes are in trouble.
pub(super) fn in_trouble(snapshot: &Snapshot) -> usize {
    let trouble = [NodeState::Lost, NodeState::Late];
    snapshot.nodes().filter(|node| trouble.contains(&node.state)).count()
}

/// Which group it is, and how it is: in two lines, or in one.
pub(super) fn draw_header(model: &Model, pen: &mut Pen<'_>) {
    pen.line(0);
    if pen.area().height >= 2 {
        pen.put(" ", Role::Plain).put(model.place.group.as_str(), Role::Strong);
        let (nodes, keys) =
            (model.snapshot().nodes().len() as u64, model.snapshot().counts().all());
        // Nothing is known, which is not the same as nothing.
        if matches!(model.wire, Wire::Connecting | Wire::Choosing | Wire::NotOpen(_)) {
            super::header::draw_link(model, pen);
            return;
        }
        let text = match model.view {
            View::Nodes => format!("  {}, {}", counted(nodes, "node"), counted(keys, "key")),
            // There is no line of the names of the views.
            view => format!("  {}", view.as_str()),
        };
        pen.put(text, Role::Dim);
        super::header::draw_link(model, pen);
        pen.line(1);
        super::header::draw_short(model, pen);
        return;
    }
    let (link, role) = badge(model);
    pen.put(link, role);
    super::header::draw_short(model, pen);
}

/// Names, states and keys.
pub(super) fn draw_list(model: &Model, pen: &mut Pen<'_>) {
    if let Some(words) = super::empty::lines(model) {
        super::draw_words(&words, pen);
        return;
    }
    let rows = usize::from(pen.area().height);
    match model.view {
        View::Nodes => draw_nodes(model, pen, rows),
        View::Events => super::bottom::draw_events(model, pen),
        View::Groups => super::lists::draw_groups(model, pen),
        View::Keys | View::Moves => draw_keys(model, pen, rows),
    }
}

/// How wide the columns of a node are beside its name: its sign, its state and its keys.
const SIGN: u16 = 2;
const STATE: u16 = 14;
const KEYS: u16 = 5;

fn draw_nodes(model: &Model, pen: &mut Pen<'_>, rows: usize) {
    let table = &model.nodes;
    for (line, (at, id)) in
        table.ids().iter().enumerate().skip(table.offset()).take(rows).enumerate()
    {
        let Some(node) = model.snapshot().node(id) else { continue };
        pen.line(line);
        let role = state_role(node.state);
        pen.put(pen.theme.state_sign(node.state), role).skip(1);
        let name = pen.area().width.saturating_sub(SIGN + STATE + KEYS + 2).max(4);
        pen.cell(id.as_str(), name, role).skip(1);
        pen.cell(state(node, model.age_at()), STATE, role).skip(1);
        pen.number(short(node.keys), KEYS, Role::Plain);
        if at == table.at() {
            pen.reverse();
        }
    }
}

fn draw_keys(model: &Model, pen: &mut Pen<'_>, rows: usize) {
    let table = if model.view == View::Keys { &model.keys } else { &model.moves };
    for (line, (at, key)) in
        table.ids().iter().enumerate().skip(table.offset()).take(rows).enumerate()
    {
        pen.line(line);
        let status = model.snapshot().key(key);
        let (phase, owner) = status.map_or(("gone", "-"), |status| {
            (status.phase.as_str(), status.owner.as_ref().map_or("-", |owner| owner.as_str()))
        });
        let width = pen.area().width.saturating_sub(24).max(6);
        pen.end_in(key.as_str(), width, Role::Plain).skip(1);
        pen.cell(phase, 9, Role::Plain).put(owner, Role::Dim);
        if at == table.at() {
            pen.reverse();
        }
    }
}
