//! The mouse: rows, headings and the names of the views.

use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::Effect;
use super::action::Action;
use crate::top::model::table::Table;
use crate::top::model::{Model, Overlay, View};
use crate::top::view::layout::{Areas, Shape};
use crate::top::view::{heading_at, tabs};

impl Model {
    pub(super) fn on_mouse(&mut self, mouse: MouseEvent) -> Vec<Effect> {
        if !self.settings.mouse || !matches!(self.overlay, Overlay::None) {
            return Vec::new();
        }
        match mouse.kind {
            MouseEventKind::ScrollDown => self.act_and_follow(Action::Down),
            MouseEventKind::ScrollUp => self.act_and_follow(Action::Up),
            MouseEventKind::Down(MouseButton::Left) => self.on_click(mouse.column, mouse.row),
            _ => Vec::new(),
        }
    }

    fn on_click(&mut self, column: u16, row: u16) -> Vec<Effect> {
        self.dirty = true;
        let areas = Areas::of(self);
        if areas.shape == Shape::Full && row == areas.tabs.y {
            let view = tabs::view_at(self, areas.tabs.width, column);
            return view.map(|view| self.show(view)).unwrap_or_default();
        }
        if areas.shape == Shape::Full && row == areas.body.y {
            if let Some(at) = heading_at(self, &areas, column) {
                self.sort_by_column(at);
            }
            return Vec::new();
        }
        let Some(line) = areas.row_at(column, row) else { return Vec::new() };
        match self.view {
            View::Nodes => click(&mut self.nodes, line),
            View::Keys => click(&mut self.keys, line),
            View::Moves => click(&mut self.moves, line),
            View::Events => click(&mut self.events, line),
            View::Groups => click(&mut self.groups, line),
        }
        self.ask_for_suitors()
    }
}

/// Goes to a row of those that are shown, if there is one.
fn click<I: Clone + Ord>(table: &mut Table<I>, line: usize) {
    let at = table.offset() + line;
    if at < table.ids().len() {
        table.go_to(at);
    }
}
