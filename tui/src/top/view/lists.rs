//! The lists of keys, of moves and of groups.

use divider::Key;
use divider::snapshot::{KeyStatus, Phase};

use super::pen::Pen;
use super::table::{self, Slot, what_is_left};
use super::theme::{Role, load_role, phase_role, state_role};
use super::words::{grouped, hundredths};
use crate::output::age;
use crate::top::model::{GroupNumbers, GroupRow, Known, Model, View};

/// Draws the list of keys.
pub(super) fn draw_keys(model: &Model, pen: &mut Pen<'_>) {
    let slots = slots_of(View::Keys, pen.area().width);
    table::draw(pen, &model.keys, &slots, |pen, key| draw_key(model, pen, key, &slots));
}

/// Draws the list of keys that are on their way.
pub(super) fn draw_moves(model: &Model, pen: &mut Pen<'_>) {
    let slots = slots_of(View::Moves, pen.area().width);
    table::draw(pen, &model.moves, &slots, |pen, key| draw_key(model, pen, key, &slots));
}

/// Draws the list of groups.
pub(super) fn draw_groups(model: &Model, pen: &mut Pen<'_>) {
    let slots = slots_of(View::Groups, pen.area().width);
    let Known::Groups(rows) = &model.known_groups else { return };
    table::draw(pen, &model.groups, &slots, |pen, group| {
        if let Some(row) = rows.iter().find(|row| row.group == *group) {
            draw_group(model, pen, row, &slots);
        }
    });
}

/// The columns of one of these lists that fit.
pub(super) fn slots_of(view: View, width: u16) -> Vec<Slot> {
    let columns: &[usize] = match view {
        View::Keys if width < 96 => &[1, 2, 4],
        View::Groups if width >= 80 => &[1, 2, 3, 4, 5, 6, 7],
        View::Groups if width >= 48 => &[1, 3, 7],
        View::Groups => &[1, 7],
        _ => &[1, 2, 3, 4],
    };
    slots(view, width, columns)
}

/// The first column, with what is left, and those.
fn slots(view: View, width: u16, columns: &[usize]) -> Vec<Slot> {
    let mut slots: Vec<Slot> = columns.iter().map(|column| Slot::of(view, *column, 0)).collect();
    // Names of nodes are not cut while columns are idle.
    if width >= 110 {
        let named = ["OWNER", "FROM", "TO"];
        slots.iter_mut().filter(|s| named.contains(&s.title)).for_each(|slot| slot.width = 24);
    }
    if width < 72 {
        for slot in &mut slots {
            slot.width = slot.width.min(12);
        }
    }
    let left = what_is_left(width, &slots).max(4);
    slots.insert(0, Slot::of(view, 0, left));
    table::space(&mut slots);
    slots
}

fn draw_key(model: &Model, pen: &mut Pen<'_>, key: &Key, slots: &[Slot]) {
    let Some(status) = model.snapshot().key(key) else {
        pen.put("  ", Role::Dim).put(key.as_str(), Role::Dim).put(" is gone", Role::Dim);
        return;
    };
    let role = phase_role(status.phase);
    pen.put(pen.theme.phase_sign(status.phase), role).skip(1);
    for slot in slots {
        let owner = || status.owner.as_ref().map_or("-".to_owned(), ToString::to_string);
        let to = || status.to.as_ref().map_or("-".to_owned(), ToString::to_string);
        let (text, role) = match slot.title {
            "KEY" => (key.as_str().to_owned(), Role::Plain),
            "OWNER" | "FROM" => (owner(), Role::Plain),
            "PHASE" => (status.phase.as_str().to_owned(), role),
            "TOKEN" if status.token.0 == 0 => ("-".to_owned(), Role::Dim),
            "TOKEN" => (status.token.0.to_string(), Role::Dim),
            "TO" => (to(), Role::Plain),
            "STEP" => (step(status).to_owned(), role),
            _ => (age(model.age_at().since(status.since)), Role::Plain),
        };
        slot.put(pen, text, role);
    }
}

/// What a key waits for.
pub(super) fn step(key: &KeyStatus) -> &'static str {
    match (key.phase, &key.to) {
        (Phase::Stopping, _) => "stopping",
        (Phase::Orphaned, Some(_)) => "taking",
        (Phase::Orphaned, None) => "unplaced",
        (Phase::Running, Some(_)) => "waiting",
        (Phase::Running, None) => "running",
        (Phase::Quarantined, _) => "quarantined",
    }
}

fn draw_group(model: &Model, pen: &mut Pen<'_>, row: &GroupRow, slots: &[Slot]) {
    let here = row.group == model.place.group;
    pen.put(if here { pen.theme.sign("●", "+") } else { " " }, Role::Strong).skip(1);
    let numbers = match &row.numbers {
        Ok(numbers) => numbers,
        Err(error) => {
            slots[0].put(pen, row.group.as_str(), Role::Dim);
            pen.put(error, Role::Late);
            return;
        }
    };
    for slot in slots {
        let role = match (slot.title, numbers.worst) {
            ("WORST NODE", Some(worst)) => state_role(worst),
            ("ORPHANED", _) if numbers.orphaned > 0 => Role::Lost,
            ("STOPPING", _) if numbers.stopping > 0 => Role::Draining,
            ("SPREAD", _) => numbers.spread.map_or(Role::Dim, load_role),
            _ => Role::Plain,
        };
        slot.put(pen, group_text(row, numbers, slot.title), role);
    }
}

fn group_text(row: &GroupRow, numbers: &GroupNumbers, title: &str) -> String {
    match title {
        "GROUP" => row.group.to_string(),
        "NODES" => grouped(numbers.nodes),
        "READY" => grouped(numbers.ready),
        "KEYS" => grouped(numbers.keys),
        "STOPPING" => grouped(numbers.stopping),
        "ORPHANED" => grouped(numbers.orphaned),
        "SPREAD" => numbers.spread.map_or("-".to_owned(), hundredths),
        _ => numbers.worst.map_or("-", divider::snapshot::NodeState::as_str).to_owned(),
    }
}
