//! The contexts of the `nats` command, of which one can be gone to.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::pen::Pen;
use super::popup;
use super::theme::{Role, Theme};
use crate::top::model::{ContextRow, Model};

/// Draws the list of them over the screen.
pub(super) fn draw(
    model: &Model,
    (rows, at): (&[ContextRow], usize),
    screen: Rect,
    buffer: &mut Buffer,
    theme: Theme,
) {
    let (width, room) = popup::room(screen);
    let height = u16::try_from(rows.len().max(1)).unwrap_or(room).min(room);
    let title = "Contexts of the nats command";
    let inner = popup::open(buffer, screen, (width.min(76), height), theme, title);
    let mut pen = Pen::new(buffer, inner, theme);
    if rows.is_empty() {
        pen.line(0);
        pen.put("no contexts; `nats context save` creates one", Role::Plain);
    }
    let shown = usize::from(inner.height).max(1);
    let from = (at + 1).saturating_sub(shown);
    for (line, (number, row)) in rows.iter().enumerate().skip(from).take(shown).enumerate() {
        if !pen.line(line) {
            break;
        }
        let here = model.place.context.as_ref() == Some(&row.name);
        pen.put(if here { theme.sign("● ", "+ ") } else { "  " }, Role::Strong);
        pen.cell(&row.name, 20, Role::Plain).skip(1).put(&row.url, Role::Dim);
        if number == at {
            pen.reverse();
        }
    }
}
