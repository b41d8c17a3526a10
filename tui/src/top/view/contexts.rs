//! The contexts of the `nats` command, of which one can be gone to.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::pen::Pen;
use super::theme::{Role, Theme};
use crate::top::model::{ContextRow, Model};

/// Draws the list of them over the screen.
pub(super) fn draw(
    model: &Model,
    (rows, at): (&[ContextRow], usize),
    area: Rect,
    buffer: &mut Buffer,
    theme: Theme,
) {
    let width = area.width.min(76);
    let height = u16::try_from(rows.len().max(1) + 2).unwrap_or(u16::MAX).min(area.height);
    let (x, y) = (area.x + (area.width - width) / 2, area.y + (area.height - height) / 2);
    let mut pen = Pen::new(buffer, Rect { x, y, width, height }, theme);
    pen.blank();
    pen.line(0);
    let flat = theme.sign("─", "-");
    pen.put(format!("{flat}{flat} Contexts of the nats command; enter switches "), Role::Strong);
    pen.rule(Role::Dim);
    if rows.is_empty() {
        pen.line(1);
        pen.put(" no contexts; `nats context save` creates one", Role::Plain);
    }
    let shown = usize::from(height.saturating_sub(2)).max(1);
    let from = (at + 1).saturating_sub(shown);
    for (line, (number, row)) in rows.iter().enumerate().skip(from).take(shown).enumerate() {
        if !pen.line(line + 1) {
            break;
        }
        let here = model.place.context.as_ref() == Some(&row.name);
        pen.put(if here { theme.sign(" ● ", " + ") } else { "   " }, Role::Strong);
        pen.cell(&row.name, 20, Role::Plain).skip(1).put(&row.url, Role::Dim);
        if number == at {
            pen.reverse();
        }
    }
}
