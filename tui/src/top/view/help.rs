//! The keys of the keyboard, and the menu: made of what the keyboard can do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::pen::Pen;
use super::theme::{Role, Theme};
use super::{Words, draw_words, said};
use crate::top::model::Model;
use crate::top::update::action::{BINDINGS, Binding, Section};

/// Draws the help over the whole screen.
pub(super) fn draw(model: &Model, from: usize, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let mut pen = Pen::new(buffer, area, theme);
    pen.blank();
    let lines = lines(model, area.width);
    let from = from.min(lines.len().saturating_sub(usize::from(area.height)));
    draw_words(&lines[from..], &mut pen);
}

/// The columns of the help, side by side where there is room.
fn lines(model: &Model, width: u16) -> Vec<Words> {
    let state = match model.why_read_only() {
        Some(why) => format!(" Read-only: {why}"),
        None => " Changes need confirmation. Quitting changes nothing.".to_owned(),
    };
    let mut lines =
        vec![said(" divider top: keys (esc: back)", Role::Strong), said(state, Role::Plain)];
    let [moves, looks, changes] = Section::ALL.map(column);
    if width < 116 {
        lines.extend([moves, looks, changes].into_iter().flatten());
        return lines;
    }
    let columns = [[moves, changes].concat(), looks];
    let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
    for row in 0..longest {
        let mut line = Words::new();
        for column in &columns {
            let cell = column.get(row);
            let used: usize =
                cell.map_or(0, |words| words.iter().map(|w| w.0.chars().count()).sum());
            line.extend(cell.cloned().into_iter().flatten());
            line.push((" ".repeat(58_usize.saturating_sub(used)), Role::Plain));
        }
        lines.push(line);
    }
    lines
}

fn column(section: Section) -> Vec<Words> {
    let own = BINDINGS.iter().filter(|binding| binding.section == section);
    let mut lines =
        vec![said("", Role::Plain), said(format!(" {}", section.as_str()), Role::Strong)];
    lines.extend(own.map(line));
    lines
}

fn line(binding: &Binding) -> Words {
    vec![
        (format!(" {:<13}", binding.keys()), Role::Strong),
        (format!(" {:<13}", binding.name), Role::Plain),
        (binding.help.to_owned(), Role::Dim),
    ]
}

/// Draws the menu of what can be done to the selection.
pub(super) fn draw_menu(model: &Model, at: usize, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let items: Vec<&Binding> = Model::menu().collect();
    let width = area.width.min(76);
    let height = u16::try_from(items.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let (x, y) = (area.x + (area.width - width) / 2, area.y + (area.height - height) / 2);
    let mut pen = Pen::new(buffer, Rect { x, y, width, height }, theme);
    pen.blank();
    pen.line(0);
    let nodes = model.meant_nodes();
    let whom = if nodes.is_empty() {
        "the group".to_owned()
    } else {
        crate::top::model::operation::of(&nodes)
    };
    let head = format!("{0}{0} Actions for {whom} ", theme.sign("─", "-"));
    pen.put(head, Role::Strong).rule(Role::Dim);
    for (line, binding) in items.iter().enumerate() {
        if !pen.line(line + 1) || line + 2 >= usize::from(height).max(3) && line + 1 != items.len()
        {
            break;
        }
        let why_not = model.why_not(binding.action);
        let role = if why_not.is_some() { Role::Dim } else { Role::Plain };
        pen.skip(1).cell(binding.keys(), 8, Role::Strong).cell(binding.name, 13, role);
        pen.put(why_not.as_deref().unwrap_or(binding.help), role);
        if line == at {
            pen.reverse();
        }
    }
}
