//! The keys of the keyboard, and the menu: made of what the keyboard can do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::pen::Pen;
use super::plan::paragraph;
use super::popup;
use super::theme::{Role, Theme};
use super::{Words, draw_scrolled, said};
use crate::top::model::Model;
use crate::top::model::operation::of;
use crate::top::update::binding::{BINDINGS, Binding, Section};

/// Draws the help over the screen.
pub(super) fn draw(model: &Model, from: usize, screen: Rect, buffer: &mut Buffer, theme: Theme) {
    let (width, height) = popup::room(screen);
    let lines = lines(model, width);
    let height = u16::try_from(lines.len()).unwrap_or(height).min(height);
    let size = (width.min(if width < TWO_COLUMNS { 72 } else { TWO_COLUMNS }), height);
    let inner = popup::open(buffer, screen, size, theme, "Keys of divider top");
    draw_scrolled(&lines, from, &mut Pen::new(buffer, inner, theme), "j/k");
}

/// So wide a column of the help is, and both of them.
const COLUMN: usize = 64;
const TWO_COLUMNS: u16 = 128;

/// The columns of the help, side by side where there is room.
fn lines(model: &Model, width: u16) -> Vec<Words> {
    let state = match model.why_read_only() {
        Some(why) => format!("Read-only: {why}"),
        None => "Changes need confirmation. Quitting changes nothing.".to_owned(),
    };
    let mut lines = paragraph(&state, width, Role::Plain);
    let [moves, looks, changes] = Section::ALL.map(|section| column(section, width));
    if width < TWO_COLUMNS {
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
            line.push((" ".repeat(COLUMN.saturating_sub(used)), Role::Plain));
        }
        lines.push(line);
    }
    lines
}

fn column(section: Section, width: u16) -> Vec<Words> {
    let own = BINDINGS.iter().filter(|binding| binding.section == section);
    let mut lines =
        vec![said("", Role::Plain), said(format!(" {}", section.as_str()), Role::Strong)];
    lines.extend(own.map(|binding| line(binding, width)));
    lines
}

/// With fewer columns there is one key, and no name of the palette.
const NARROW: u16 = 56;

fn line(binding: &Binding, width: u16) -> Words {
    if width < NARROW {
        let help = (binding.help.to_owned(), Role::Dim);
        return vec![(format!("{:<10} ", binding.key()), Role::Strong), help];
    }
    vec![
        (format!(" {:<19}", binding.keys()), Role::Strong),
        (format!(" {:<13}", binding.name), Role::Plain),
        (binding.help.to_owned(), Role::Dim),
    ]
}

/// Draws the menu of what can be done to the selection.
pub(super) fn draw_menu(model: &Model, at: usize, screen: Rect, buffer: &mut Buffer, theme: Theme) {
    let items: Vec<&Binding> = Model::menu().collect();
    let (width, height) = popup::room(screen);
    let height = u16::try_from(items.len()).unwrap_or(height).min(height);
    let nodes = model.meant_nodes();
    let whom = if nodes.is_empty() { "the group".to_owned() } else { of(&nodes) };
    let title = format!("Actions for {whom}");
    let inner = popup::open(buffer, screen, (width.min(76), height), theme, &title);
    let mut pen = Pen::new(buffer, inner, theme);
    let shown = usize::from(inner.height);
    let from = (at + 1).saturating_sub(shown);
    for (line, (number, binding)) in items.iter().enumerate().skip(from).take(shown).enumerate() {
        pen.line(line);
        let why_not = model.why_not(binding.action);
        let role = if why_not.is_some() { Role::Dim } else { Role::Plain };
        // What has no key is chosen here.
        let key = binding.chords.first().map(|chord| chord.label()).unwrap_or_default();
        pen.cell(key, 7, Role::Strong);
        if inner.width >= NARROW || why_not.is_some() {
            pen.cell(binding.name, 13, role);
        }
        pen.put(why_not.as_deref().unwrap_or(binding.help), role);
        if number == at {
            pen.reverse();
        }
    }
}
