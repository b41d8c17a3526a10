//! Doing what a key, the menu or the palette asks for.

use super::action::Action;
use super::{Ask, Effect};
use crate::conditions::Severity;
use crate::top::model::line::Line;
use crate::top::model::sort::Sort;
use crate::top::model::table::Table;
use crate::top::model::{Model, Overlay, TypedFor, Typing, View, Wire, columns};
use crate::top::view::layout::Areas;

impl Model {
    /// Does one thing.
    pub(super) fn act(&mut self, action: Action) -> Vec<Effect> {
        self.dirty = true;
        if let Some(why) = self.why_not(action) {
            self.say(Severity::Warning, why);
            return Vec::new();
        }
        if action.is_mutation() {
            return self.open_dialog(action);
        }
        match action {
            Action::Down => self.go(|at| at.saturating_add(1)),
            Action::Up => self.go(|at| at.saturating_sub(1)),
            Action::First => self.go(|_| 0),
            Action::Last => self.go(|_| usize::MAX),
            Action::PageDown | Action::PageUp | Action::HalfDown | Action::HalfUp => {
                self.page(action);
            }
            Action::Open => return self.open(),
            Action::Back => self.back(),
            Action::Show(view) => return self.show(view),
            Action::NextView => return self.show_next(1),
            Action::PreviousView => return self.show_next(View::ALL.len() - 1),
            Action::LastView => return self.show(self.last_view),
            Action::ShowAll => self.show_all(),
            Action::Filter => self.type_for(TypedFor::Filter),
            Action::Palette => self.type_for(TypedFor::Command),
            Action::Help => self.overlay = Overlay::Help(0),
            Action::Problems => self.overlay = Overlay::Problems(0),
            Action::Menu => self.overlay = Overlay::Menu(0),
            Action::SortLeft | Action::SortRight | Action::SortReverse | Action::SortBy(_) => {
                self.sort(action);
            }
            Action::Mark | Action::MarkRange | Action::ClearMarks => self.mark(action),
            Action::Quit => return vec![Effect::Quit],
            other => return self.switch(other),
        }
        Vec::new()
    }

    /// What is on or off.
    fn switch(&mut self, action: Action) -> Vec<Effect> {
        let settings = &mut self.settings;
        match action {
            Action::Wide => settings.wide = !settings.wide,
            Action::Details => settings.details = !settings.details,
            Action::TallEvents => settings.tall_events = !settings.tall_events,
            Action::LoadMap => settings.load_map = !settings.load_map,
            Action::Contexts => return vec![Effect::Contexts],
            Action::Trouble => {
                settings.trouble = !settings.trouble;
                self.set_stale();
                self.keys_listed = None;
            }
            Action::PauseScreen => self.pause_screen(),
            Action::Mouse => {
                settings.mouse = !settings.mouse;
                return vec![Effect::Mouse(settings.mouse)];
            }
            Action::Copy => return self.copy(),
            Action::Export => self.type_for(TypedFor::Export),
            Action::Redraw => return vec![Effect::Redraw],
            Action::Resync if matches!(self.wire, Wire::Lost { .. }) => {
                self.say(Severity::Note, "connection lost: reconnecting");
            }
            Action::Resync => return vec![Effect::Ask(Ask::Resync)],
            Action::Suspend => return vec![Effect::Suspend],
            _ => {}
        }
        Vec::new()
    }

    fn go(&mut self, to: impl Fn(usize) -> usize) {
        fn go<I: Clone + Ord>(table: &mut Table<I>, to: impl Fn(usize) -> usize) {
            let at = table.at();
            table.go_to(to(at));
        }
        match self.view {
            View::Nodes => go(&mut self.nodes, to),
            View::Keys => go(&mut self.keys, to),
            View::Moves => go(&mut self.moves, to),
            View::Events => go(&mut self.events, to),
            View::Groups => go(&mut self.groups, to),
        }
    }

    fn page(&mut self, action: Action) {
        let rows = usize::from(Areas::of(self).rows()).max(2);
        match action {
            Action::PageDown => self.go(|at| at.saturating_add(rows - 1)),
            Action::PageUp => self.go(|at| at.saturating_sub(rows - 1)),
            Action::HalfDown => self.go(|at| at.saturating_add(rows / 2)),
            _ => self.go(|at| at.saturating_sub(rows / 2)),
        }
    }

    /// All about the row; of a group, the group itself.
    fn open(&mut self) -> Vec<Effect> {
        match self.view {
            View::Groups => match self.groups.selected() {
                Some(group) if *group != self.place.group || self.wire == Wire::Choosing => {
                    return vec![Effect::Ask(Ask::Switch(group.clone()))];
                }
                _ => return self.show(View::Nodes),
            },
            View::Nodes if self.nodes.selected().is_some() => self.overlay = Overlay::Card(0),
            View::Events if self.events.selected().is_some() => self.overlay = Overlay::Card(0),
            View::Keys | View::Moves if self.selected_key().is_some() => {
                self.overlay = Overlay::Card(0);
                return self.ask_for_suitors();
            }
            _ => {}
        }
        Vec::new()
    }

    /// Asks how well each node suits the key that is selected.
    pub(super) fn ask_for_suitors(&self) -> Vec<Effect> {
        let key = self.selected_key().cloned();
        key.map(|key| Effect::Ask(Ask::Suitors(key))).into_iter().collect()
    }

    /// One step back: marks, filter, trouble, pause; then what ended.
    fn back(&mut self) {
        if self.data.drains.dismiss() || self.note.take().is_some() {
            return;
        }
        if self.paused.is_some() {
            self.pause_screen();
        } else if !self.nodes.marks.is_empty() && self.view == View::Nodes {
            self.nodes.marks.clear();
        } else if !self.filter_text().is_empty() {
            self.set_filter("");
        } else if self.settings.trouble {
            let _ = self.switch(Action::Trouble);
        }
    }

    /// Takes off whatever hides rows, and the marks.
    fn show_all(&mut self) {
        self.nodes.marks.clear();
        self.set_filter("");
        if self.settings.trouble {
            let _ = self.switch(Action::Trouble);
        }
    }

    pub(super) fn show(&mut self, view: View) -> Vec<Effect> {
        if view != self.view {
            self.last_view = self.view;
        }
        self.view = view;
        self.set_stale();
        if view == View::Groups {
            return vec![Effect::Ask(Ask::Groups)];
        }
        if matches!(view, View::Keys | View::Moves) {
            return self.ask_for_suitors();
        }
        Vec::new()
    }

    fn show_next(&mut self, by: usize) -> Vec<Effect> {
        self.show(View::ALL[(self.view.index() + by) % View::ALL.len()])
    }

    fn type_for(&mut self, what: TypedFor) {
        let before = self.filter_text().to_owned();
        let line = match what {
            TypedFor::Filter => Line::new(before.clone()),
            TypedFor::Command => Line::default(),
            TypedFor::Export => Line::new(self.export_name()),
        };
        self.typing = Some(Typing { what, line, before, older: None });
    }

    fn sort(&mut self, action: Action) {
        let columns = columns(self.view);
        let sort = self.sort_of_view();
        match action {
            Action::SortLeft => sort.step(-1, columns.len()),
            Action::SortRight => sort.step(1, columns.len()),
            Action::SortBy(by) => {
                match columns.iter().position(|column| by.titles().contains(&column.title)) {
                    Some(at) if at == sort.column => sort.reverse = !sort.reverse,
                    Some(at) => *sort = Sort::by(at),
                    None => self.say(Severity::Note, "this list has no such column"),
                }
            }
            _ => sort.reverse = !sort.reverse,
        }
        self.set_stale();
        self.keys_listed = None;
    }

    /// Sorts by a column, or turns the order round where it is sorted by that.
    pub(super) fn sort_by_column(&mut self, at: usize) {
        let sort = self.sort_of_view();
        if sort.column == at {
            sort.reverse = !sort.reverse;
        } else {
            *sort = Sort::by(at);
        }
        self.set_stale();
        self.keys_listed = None;
    }

    fn sort_of_view(&mut self) -> &mut Sort {
        match self.view {
            View::Nodes => &mut self.nodes.sort,
            View::Keys => &mut self.keys.sort,
            View::Moves => &mut self.moves.sort,
            View::Events => &mut self.events.sort,
            View::Groups => &mut self.groups.sort,
        }
    }

    fn mark(&mut self, action: Action) {
        if self.view != View::Nodes {
            self.say(Severity::Note, "only nodes can be marked");
            return;
        }
        match action {
            Action::Mark => self.nodes.toggle_mark(),
            Action::MarkRange => self.nodes.mark_range(),
            _ => self.nodes.marks.clear(),
        }
    }

    /// Holds the screen still, or lets it go on.
    fn pause_screen(&mut self) {
        if self.paused.take().is_none() {
            self.paused = Some(self.now);
        } else {
            self.data.shown = self.data.live.clone();
            self.set_stale();
        }
    }

    /// Has every list worked out again.
    pub(super) fn set_stale(&mut self) {
        self.nodes.stale = true;
        self.keys.stale = true;
        self.moves.stale = true;
        self.events.stale = true;
        self.groups.stale = true;
    }

    fn copy(&mut self) -> Vec<Effect> {
        let name = match self.view {
            View::Nodes => self.nodes.selected().map(ToString::to_string),
            View::Keys | View::Moves => self.selected_key().map(ToString::to_string),
            View::Groups => self.groups.selected().map(ToString::to_string),
            View::Events => {
                let number = self.events.selected().copied();
                let event = number.and_then(|number| self.data.history.events.get(number));
                event.map(|event| event.text.clone())
            }
        };
        let Some(name) = name else { return Vec::new() };
        self.say(Severity::Note, format!("copied {name}"));
        vec![Effect::Copy(name)]
    }
}
