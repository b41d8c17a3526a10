//! Drawing the screen: a pure function of the model.

mod banner;
mod bottom;
mod contexts;
mod dialog;
mod empty;
mod footer;
mod graph;
mod header;
mod help;
mod key_card;
pub(crate) mod layout;
mod lists;
mod load_map;
mod node_card;
mod nodes;
mod pen;
mod plan;
mod popup;
mod problems;
mod small;
mod table;
pub(crate) mod tabs;
#[cfg(test)]
mod tests;
mod theme;
pub(crate) mod words;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::layout::{Areas, Shape};
use self::pen::Pen;
use self::theme::{Role, Theme};
use super::model::{Model, Overlay, View, Wire};

/// Words with their roles: one line.
type Words = Vec<(String, Role)>;

/// Draws the whole screen.
pub(crate) fn view(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    draw(model, area, frame.buffer_mut());
    if let Some(position) = footer::cursor(model, area) {
        frame.set_cursor_position(position);
    }
}

/// Draws the whole screen into a buffer.
pub(crate) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = Theme::of(&model.settings);
    // A terminal may be of another size already than the one that was last heard of.
    let model_area = Rect::new(0, 0, model.size.0, model.size.1);
    let areas = Areas::of(model);
    if model_area.intersection(area).is_empty() {
        return;
    }
    match areas.shape {
        Shape::Tiny => small::draw_tiny(model, &mut Pen::new(buffer, areas.body, theme)),
        Shape::List => draw_list(model, &areas, buffer, theme),
        Shape::Full => draw_full(model, &areas, buffer, theme),
    }
    match &model.overlay {
        Overlay::None => {}
        Overlay::Help(from) => help::draw(model, *from, area, buffer, theme),
        Overlay::Problems(from) => problems::draw_all(model, *from, area, buffer, theme),
        Overlay::Menu(at) => help::draw_menu(model, *at, area, buffer, theme),
        Overlay::Card(from) => draw_card(model, *from, area, buffer, theme),
        Overlay::Dialog(dialog) => dialog::draw(model, dialog, area, buffer, theme),
        Overlay::Contexts(rows, at) => contexts::draw(model, (rows, *at), area, buffer, theme),
    }
}

fn draw_list(model: &Model, areas: &Areas, buffer: &mut Buffer, theme: Theme) {
    small::draw_header(model, &mut Pen::new(buffer, areas.header, theme));
    problems::draw(model, &mut Pen::new(buffer, areas.problems, theme));
    draw_words(&banner::lines(model), &mut Pen::new(buffer, areas.banner, theme));
    small::draw_list(model, &mut Pen::new(buffer, areas.body, theme));
    footer::draw(model, &mut Pen::new(buffer, areas.footer, theme));
    dim_what_was(model, areas, buffer, theme);
}

/// How it was when it was heard: by that, nobody is ready, lost or running now.
fn dim_what_was(model: &Model, areas: &Areas, buffer: &mut Buffer, theme: Theme) {
    if model.unheard.is_none() || model.wire == Wire::File {
        return;
    }
    let height = areas.header.height.saturating_sub(1);
    let counts = Rect { y: areas.header.bottom() - height, height, ..areas.header };
    for area in [counts, areas.body, areas.problems, areas.map, areas.graphs] {
        Pen::new(buffer, area, theme).dim();
    }
}

fn draw_full(model: &Model, areas: &Areas, buffer: &mut Buffer, theme: Theme) {
    header::draw(model, &mut Pen::new(buffer, areas.header, theme));
    problems::draw(model, &mut Pen::new(buffer, areas.problems, theme));
    draw_words(&banner::lines(model), &mut Pen::new(buffer, areas.banner, theme));
    tabs::draw(model, &mut Pen::new(buffer, areas.tabs, theme));
    draw_body(model, areas, buffer, theme);
    load_map::draw(model, &mut Pen::new(buffer, areas.map, theme));
    graph::draw(model, &mut Pen::new(buffer, areas.graphs, theme));
    if let Some(details) = areas.details {
        let rule = Rect { x: details.x - 1, width: 1, ..details };
        let mut pen = Pen::new(buffer, rule, theme);
        for line in 0..usize::from(rule.height) {
            pen.line(line);
            pen.put(theme.sign("│", "|"), Role::Dim);
        }
        let words = card(model, details.width);
        let inner = Rect { x: details.x + 1, width: details.width.saturating_sub(1), ..details };
        draw_words(&words, &mut Pen::new(buffer, inner, theme));
    }
    bottom::draw(model, &mut Pen::new(buffer, areas.bottom, theme));
    footer::draw(model, &mut Pen::new(buffer, areas.footer, theme));
    if let Some(details) = areas.details {
        let mut pen = Pen::new(buffer, buffer.area, theme);
        pen.join((details.x - 1, areas.tabs.y), "┬");
        pen.join((details.x - 1, areas.bottom.y), "┴");
    }
    dim_what_was(model, areas, buffer, theme);
}

fn draw_body(model: &Model, areas: &Areas, buffer: &mut Buffer, theme: Theme) {
    let mut pen = Pen::new(buffer, areas.body, theme);
    if let Some(words) = empty::lines(model) {
        draw_words(&words, &mut pen);
        return;
    }
    match model.view {
        View::Nodes => nodes::draw(model, &mut pen),
        View::Keys => lists::draw_keys(model, &mut pen),
        View::Moves => lists::draw_moves(model, &mut pen),
        View::Events => bottom::draw_events(model, &mut pen),
        View::Groups => lists::draw_groups(model, &mut pen),
    }
}

/// The column of the list whose heading is at that column of the screen.
pub(crate) fn heading_at(model: &Model, areas: &Areas, column: u16) -> Option<usize> {
    let slots = match model.view {
        View::Nodes => nodes::slots(model, areas.body.width),
        View::Events => return None,
        view => lists::slots_of(view, areas.body.width),
    };
    let own = super::model::columns(model.view).len();
    table::slot_at(&slots, column.checked_sub(areas.body.x)?).filter(|at| *at < own)
}

/// All about what is selected.
fn card(model: &Model, width: u16) -> Vec<Words> {
    match model.view {
        View::Keys | View::Moves => key_card::lines(model, width),
        View::Events => bottom::card(model, width),
        View::Nodes | View::Groups => node_card::lines(model, width),
    }
}

fn draw_card(model: &Model, from: usize, screen: Rect, buffer: &mut Buffer, theme: Theme) {
    let (width, height) = popup::room(screen);
    let width = width.min(96);
    let words = card(model, width);
    let height = u16::try_from(words.len()).unwrap_or(height).min(height);
    let title = match model.view {
        View::Keys | View::Moves => "Key",
        View::Events => "Event",
        View::Nodes | View::Groups => "Node",
    };
    let inner = popup::open(buffer, screen, (width, height), theme, title);
    draw_scrolled(&words, from, &mut Pen::new(buffer, inner, theme), "pgdn");
}

/// Writes lines from that one on, and how many there are below, and which key shows them.
fn draw_scrolled(lines: &[Words], from: usize, pen: &mut Pen<'_>, key: &str) {
    let height = usize::from(pen.area().height);
    let from = from.min(lines.len().saturating_sub(height));
    draw_words(&lines[from..], pen);
    let more = lines.len() - from;
    if more > height {
        pen.line(height.saturating_sub(1));
        pen.at_end(format!(" {} more lines, {key}", more - height), Role::Strong);
    }
}

/// Writes lines, as many as there is room for.
fn draw_words(lines: &[Words], pen: &mut Pen<'_>) {
    for (at, line) in lines.iter().enumerate() {
        if !pen.line(at) {
            break;
        }
        for (text, role) in line {
            pen.put(text, *role);
        }
    }
}

/// One line of words in one role.
fn said(text: impl Into<String>, role: Role) -> Words {
    vec![(text.into(), role)]
}
