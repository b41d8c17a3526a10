//! Lists with headings.

use super::pen::Pen;
use super::theme::Role;
use crate::top::model::View;
use crate::top::model::columns;
use crate::top::model::table::Table;

/// A column on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// Which of the view's columns it is; beyond those are columns one cannot sort by.
    pub(super) column: usize,
    pub(super) title: &'static str,
    pub(super) width: u16,
    pub(super) number: bool,
    /// How many columns are empty behind it.
    pub(super) gap: u16,
}

/// The signs before each row: selected, marked, and how it is.
const SIGNS: u16 = 5;

impl Slot {
    /// One of the view's own columns, that wide.
    pub(super) fn of(view: View, column: usize, width: u16) -> Self {
        let own = columns(view)[column];
        let width = if own.width == 0 { width } else { own.width };
        Self { column, title: own.title, width, number: own.number, gap: 1 }
    }

    /// A column of text that one cannot sort by.
    pub(super) fn text(column: usize, title: &'static str, width: u16) -> Self {
        Self { column, title, width, number: false, gap: 1 }
    }

    /// Writes what is in it.
    pub(super) fn put(self, pen: &mut Pen<'_>, text: impl AsRef<str>, role: Role) {
        if self.number {
            pen.number(text, self.width, role);
        } else {
            pen.cell(text, self.width, role);
        }
        pen.skip(self.gap);
    }
}

/// What is left of a width for the one column that takes what is left.
pub(super) fn what_is_left(width: u16, others: &[Slot]) -> u16 {
    let mut others = others.to_vec();
    space(&mut others);
    let taken: u16 = others.iter().map(|slot| slot.width + slot.gap).sum();
    width.saturating_sub(SIGNS + taken + 1)
}

/// Keeps a text away from a number that ends before it.
pub(super) fn space(slots: &mut [Slot]) {
    for at in 1..slots.len() {
        let close = slots[at - 1].number && !slots[at].number;
        slots[at - 1].gap = if close { 2 } else { 1 };
    }
}

/// Draws headings, and the rows there is room for: never more of them.
pub(super) fn draw<I: Clone + Ord>(
    pen: &mut Pen<'_>,
    table: &Table<I>,
    slots: &[Slot],
    row: impl Fn(&mut Pen<'_>, &I),
) {
    draw_headings(pen, table, slots);
    let rows = usize::from(pen.area().height.saturating_sub(1));
    let shown = table.ids().iter().enumerate().skip(table.offset()).take(rows);
    for (line, (at, id)) in shown.enumerate() {
        pen.line(line + 1);
        let selected = at == table.at();
        pen.put(if selected { pen.theme.sign("▸", ">") } else { " " }, Role::Strong);
        pen.put(if table.marks.contains(id) { "*" } else { " " }, Role::Strong);
        row(pen, id);
        if selected {
            pen.reverse();
        }
    }
}

/// The column under that column of the list.
pub(super) fn slot_at(slots: &[Slot], x: u16) -> Option<usize> {
    let mut from = SIGNS - 1;
    for slot in slots {
        if (from..from + slot.width + slot.gap).contains(&x) {
            return Some(slot.column);
        }
        from += slot.width + slot.gap;
    }
    None
}

fn draw_headings<I>(pen: &mut Pen<'_>, table: &Table<I>, slots: &[Slot]) {
    pen.line(0);
    pen.skip(SIGNS - 1);
    for slot in slots {
        let sorted = slot.column == table.sort.column;
        let sign = match (sorted, table.sort.reverse) {
            (false, _) => "",
            (true, false) => pen.theme.sign("▾", "v"),
            (true, true) => pen.theme.sign("▴", "^"),
        };
        let title = format!("{}{sign}", slot.title);
        slot.put(pen, title, if sorted { Role::Strong } else { Role::Dim });
    }
}
