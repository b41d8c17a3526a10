//! A dialog over the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use super::pen::Pen;
use super::plan;
use super::theme::{Role, Theme};
use super::{Words, said};
use crate::top::model::Model;
use crate::top::model::dialog::{Button, Dialog, Field, Name, Task, Value};
use crate::top::model::operation::of;
use crate::top::model::plan::Plan;

/// Draws it in the middle of the screen, as wide as it needs to be.
pub(super) fn draw(model: &Model, dialog: &Dialog, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let width = area.width.min(100);
    let body = plan::lines(model, dialog, width.saturating_sub(4), theme);
    let foot = foot(model, dialog, width.saturating_sub(4));
    let fixed = 3 + dialog.fields.len() + foot.len() + 3;
    let room = usize::from(area.height).saturating_sub(fixed);
    let shown = body.len().min(room);
    let height = u16::try_from(fixed + shown).unwrap_or(u16::MAX).min(area.height);
    let (x, y) = (area.x + (area.width - width) / 2, area.y + (area.height - height) / 2);
    let outer = Rect { x, y, width, height };
    let mut pen = Pen::new(buffer, outer, theme);
    pen.blank();
    draw_frame(dialog, &mut pen);
    let inner = Rect {
        x: x + 2.min(width),
        y: y + 1.min(height),
        width: width.saturating_sub(4),
        height: height.saturating_sub(2),
    };
    let mut pen = Pen::new(buffer, inner, theme);
    let from = dialog.scroll.min(body.len().saturating_sub(shown));
    let mut line = 0;
    for words in &body[from..from + shown] {
        line += usize::from(put(&mut pen, line, words));
    }
    if shown < body.len() {
        let more = body.len() - shown - from;
        pen.at_end(format!("{more} more lines, pgdn"), Role::Strong);
    }
    line += 1;
    for (at, field) in dialog.fields.iter().enumerate() {
        pen.line(line + at);
        draw_field(dialog, field, at == dialog.focus, &mut pen);
    }
    line += dialog.fields.len() + usize::from(!dialog.fields.is_empty());
    for words in &foot {
        line += usize::from(put(&mut pen, line, words));
    }
    // The buttons are always there, however low the screen is.
    pen.line((line + 1).min(usize::from(inner.height).saturating_sub(1)));
    draw_buttons(dialog, &mut pen);
}

fn put(pen: &mut Pen<'_>, line: usize, words: &Words) -> bool {
    if pen.line(line) {
        for (text, role) in words {
            pen.put(text, *role);
        }
    }
    true
}

fn draw_frame(dialog: &Dialog, pen: &mut Pen<'_>) {
    let theme = pen.theme;
    let area = pen.area();
    let (side, flat) = (theme.sign("│", "|"), theme.sign("─", "-"));
    let corners = if theme.ascii { ["+", "+", "+", "+"] } else { ["┌", "┐", "└", "┘"] };
    let wide = usize::from(area.width.saturating_sub(2));
    let last = usize::from(area.height.saturating_sub(1));
    for (line, (left, right)) in [(0, (corners[0], corners[1])), (last, (corners[2], corners[3]))] {
        pen.line(line);
        pen.put(format!("{left}{}{right}", flat.repeat(wide)), Role::Plain);
    }
    for line in 1..last {
        pen.line(line);
        pen.put(side, Role::Plain).column(area.width.saturating_sub(1)).put(side, Role::Plain);
    }
    pen.line(0);
    pen.skip(2).put(format!(" {} ", title(dialog)), Role::Strong);
}

fn title(dialog: &Dialog) -> String {
    let whom = of(&dialog.nodes);
    match dialog.task {
        Task::Drain => format!("Drain {whom}: plan, nothing changed yet"),
        Task::Undo => format!("Resume {whom}"),
        Task::Cordon => format!("Cordon {whom}"),
        Task::Affinity => format!("Affinity of {whom}"),
        Task::Rebalance => "Rebalance: plan, nothing changed yet".to_owned(),
        Task::Freeze => "Freeze balance moves".to_owned(),
        Task::Thaw => "Thaw balance moves".to_owned(),
        Task::Pause => format!("Pause the drain of {whom}"),
        Task::Continue => format!("Continue the drain of {whom}"),
    }
}

fn draw_field(dialog: &Dialog, field: &Field, focused: bool, pen: &mut Pen<'_>) {
    let sign = if focused { pen.theme.sign("▸ ", "> ") } else { "  " };
    pen.put(sign, Role::Strong).cell(field.name.as_str(), 10, Role::Dim);
    let marked = |focused| {
        if focused { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() }
    };
    match &field.value {
        Value::Text(line) => {
            let text = line.text();
            pen.put("[", Role::Dim).put_styled(line.before(), Style::new());
            let mut after = line.after().chars();
            let under = after.next().unwrap_or(' ').to_string();
            pen.put_styled(&under, marked(focused)).put_styled(after.as_str(), Style::new());
            let used = u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX);
            pen.skip(14_u16.saturating_sub(used)).put("]  ", Role::Dim);
            let hint = match field.name {
                Name::Confirm => format!("{} to confirm", dialog.words()),
                name => name.hint().to_owned(),
            };
            pen.put(hint, Role::Dim);
        }
        Value::Choice { options, at } => {
            for (option, text) in options.iter().enumerate() {
                let chosen = option == *at;
                let style = marked(focused && chosen);
                let sign = if chosen { "(*) " } else { "( ) " };
                pen.put_styled(&format!("{sign}{text}"), style).skip(2);
            }
        }
    }
}

/// What is said below the fields.
fn foot(model: &Model, dialog: &Dialog, width: u16) -> Vec<Words> {
    let mut lines = Vec::new();
    if let Ok(operation) = dialog.operation() {
        let command = operation.command(&model.place.group, &dialog.reason());
        lines.push(vec![("Same as:  ".to_owned(), Role::Dim), (command, Role::Plain)]);
    }
    if let Some(changed) = &dialog.changed {
        lines.push(said(changed, Role::Late));
    }
    if let Some(error) = &dialog.error {
        lines.extend(plan::paragraph(error, width, Role::Lost));
    } else if dialog.busy {
        lines.push(said("in progress", Role::Joining));
    } else if let Some(why) = dialog.refusal() {
        lines.extend(plan::paragraph(&why, width, Role::Dim));
    }
    lines
}

fn draw_buttons(dialog: &Dialog, pen: &mut Pen<'_>) {
    for button in &dialog.buttons {
        let text = match button {
            Button::Cancel => "[ Cancel ]".to_owned(),
            Button::CordonOnly => "[ Cordon only ]".to_owned(),
            Button::Go => format!("[ {} ]", go(dialog)),
        };
        let mut style = Style::new();
        if dialog.button() == Some(*button) {
            style = style.add_modifier(Modifier::REVERSED);
        }
        if *button == Button::Go && dialog.refusal().is_some() {
            style = style.add_modifier(Modifier::DIM);
        }
        pen.skip(2).put_styled(&text, style);
    }
}

/// What the last button does.
fn go(dialog: &Dialog) -> String {
    match (&dialog.task, &dialog.plan) {
        (Task::Drain, Plan::Drain(plan)) => {
            format!("Drain {}", crate::output::count(plan.moves, "key"))
        }
        (Task::Drain, _) => "Drain".to_owned(),
        (Task::Undo, _) => "Resume".to_owned(),
        (Task::Cordon, _) => "Cordon".to_owned(),
        (Task::Affinity, _) => "Set".to_owned(),
        (Task::Rebalance, Plan::Rebalance(plan)) => {
            format!("Rebalance {}", crate::output::count(plan.moves(), "key"))
        }
        (Task::Rebalance, _) => "Rebalance".to_owned(),
        (Task::Freeze, _) => "Freeze".to_owned(),
        (Task::Thaw, _) => "Thaw".to_owned(),
        (Task::Pause, _) => "Pause".to_owned(),
        (Task::Continue, _) => "Continue".to_owned(),
    }
}
