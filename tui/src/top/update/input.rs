//! Keys, and what is pasted.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::Action;
use super::binding::{BINDINGS, Binding, Chord, bound};
use super::{Ask, Effect};
use crate::conditions::Severity;
use crate::top::model::filter::Filter;
use crate::top::model::line::Line;
use crate::top::model::table::Table;
use crate::top::model::{Model, Overlay, TypedFor, View};

impl Model {
    pub(super) fn on_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.dirty = true;
        // Out is out, whatever lies over the screen.
        if Chord::of(key) == Some(Chord::Ctrl('c')) {
            return vec![Effect::Quit];
        }
        if self.typing.is_some() {
            return self.on_typed(key);
        }
        match &self.overlay {
            Overlay::None => match bound(key) {
                Some(action) => self.act_and_follow(action),
                None => self.unknown_key(key),
            },
            Overlay::Help(_) | Overlay::Problems(_) => self.on_text_key(key),
            Overlay::Card(_) => self.on_card_key(key),
            Overlay::Menu(_) => self.on_menu_key(key),
            Overlay::Dialog(_) => self.on_dialog_key(key),
            Overlay::Contexts(..) => self.on_contexts_key(key),
        }
    }

    fn unknown_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if let Some(chord) = Chord::of(key) {
            let text = format!("no action on key {}; ? shows the keys", chord.label());
            self.say(Severity::Note, text);
        }
        Vec::new()
    }

    /// Does something, and has the card of another row follow.
    pub(super) fn act_and_follow(&mut self, action: Action) -> Vec<Effect> {
        let before = self.selected_key().cloned();
        let mut effects = self.act(action);
        self.list();
        if self.selected_key() != before.as_ref() && effects.is_empty() {
            effects = self.ask_for_suitors();
        }
        effects
    }

    fn on_text_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let (Overlay::Help(line) | Overlay::Problems(line)) = &mut self.overlay else {
            return Vec::new();
        };
        match bound(key) {
            Some(Action::Quit | Action::Back | Action::Help | Action::Problems | Action::Open) => {
                self.overlay = Overlay::None;
            }
            Some(action) => *line = scrolled(*line, action),
            None => {}
        }
        Vec::new()
    }

    fn on_card_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Overlay::Card(line) = &mut self.overlay else { return Vec::new() };
        match bound(key) {
            Some(Action::Quit | Action::Back) => self.overlay = Overlay::None,
            Some(Action::Open) => {
                self.overlay = Overlay::None;
                return self.keys_of_the_node();
            }
            Some(action) if scrolled(100, action) != 100 => *line = scrolled(*line, action),
            // What changes the node is done from its card, too.
            Some(action) if action.is_mutation() || action == Action::Copy => {
                return self.act(action);
            }
            _ => {}
        }
        Vec::new()
    }

    /// The keys of the node whose card is open.
    fn keys_of_the_node(&mut self) -> Vec<Effect> {
        let Some(node) = self.selected_node().cloned() else { return Vec::new() };
        let effects = self.show(View::Keys);
        self.set_filter(&format!("node:{node}"));
        effects
    }

    /// The actions in the menu.
    pub(crate) fn menu() -> impl Iterator<Item = &'static Binding> {
        let listed = |binding: &&Binding| {
            let more = [Action::Open, Action::Copy, Action::Export, Action::Mark];
            binding.action.is_mutation() || more.contains(&binding.action)
        };
        BINDINGS.iter().filter(listed)
    }

    fn on_menu_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Overlay::Menu(at) = &mut self.overlay else { return Vec::new() };
        let last = Self::menu().count().saturating_sub(1);
        match bound(key) {
            Some(Action::Quit | Action::Back | Action::Menu) => self.overlay = Overlay::None,
            Some(Action::Open) => {
                let action = Self::menu().nth(*at).map(|binding| binding.action);
                self.overlay = Overlay::None;
                return action.map(|action| self.act(action)).unwrap_or_default();
            }
            Some(action) if scrolled(100, action) != 100 => {
                *at = scrolled(*at, action).min(last);
            }
            Some(action) if Self::menu().any(|binding| binding.action == action) => {
                self.overlay = Overlay::None;
                return self.act(action);
            }
            _ => {}
        }
        Vec::new()
    }

    fn on_contexts_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Overlay::Contexts(rows, at) = &mut self.overlay else { return Vec::new() };
        match bound(key) {
            Some(Action::Quit | Action::Back | Action::Contexts) => self.overlay = Overlay::None,
            Some(Action::Open) => {
                let name = rows.get(*at).map(|row| row.name.clone());
                self.overlay = Overlay::None;
                let go = |name| Effect::Ask(Ask::Context(name));
                return name.map(go).into_iter().collect();
            }
            Some(Action::Last) => *at = rows.len().saturating_sub(1),
            Some(action) => *at = scrolled(*at, action).min(rows.len().saturating_sub(1)),
            None => {}
        }
        Vec::new()
    }

    fn on_typed(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Some(mut typing) = self.typing.take() else { return Vec::new() };
        match key.code {
            KeyCode::Enter => return self.on_line(typing.what, &typing.line.text()),
            KeyCode::Esc => {
                if typing.what == TypedFor::Filter {
                    self.set_filter(&typing.before);
                }
                return Vec::new();
            }
            KeyCode::Backspace if typing.line.is_empty() => {
                return Vec::new();
            }
            KeyCode::Up | KeyCode::Down if typing.what == TypedFor::Command => {
                self.older(&mut typing, key.code == KeyCode::Up);
            }
            KeyCode::Tab if typing.what == TypedFor::Command => {
                if let Some(whole) = super::command::complete(&typing.line.text()) {
                    typing.line = Line::new(whole);
                }
            }
            _ => edit(&mut typing.line, key),
        }
        if typing.what == TypedFor::Filter {
            self.set_filter(&typing.line.text());
        }
        self.typing = Some(typing);
        Vec::new()
    }

    fn older(&self, typing: &mut crate::top::model::Typing, older: bool) {
        let at = match (typing.older, older) {
            (None, true) => Some(0),
            (Some(at), true) => Some((at + 1).min(self.commands.len().saturating_sub(1))),
            (Some(0) | None, false) => None,
            (Some(at), false) => Some(at - 1),
        };
        typing.older = at;
        let line = at.and_then(|at| self.commands.iter().rev().nth(at));
        typing.line = Line::new(line.cloned().unwrap_or_default());
    }

    fn on_line(&mut self, what: TypedFor, text: &str) -> Vec<Effect> {
        match what {
            TypedFor::Filter => {
                self.set_filter(text);
                Vec::new()
            }
            TypedFor::Command => self.on_command(text),
            TypedFor::Export => self.export_as(text),
        }
    }

    pub(super) fn on_paste(&mut self, text: &str) -> Vec<Effect> {
        self.dirty = true;
        if let Some(typing) = &mut self.typing {
            text.chars().for_each(|c| typing.line.insert(c));
            if typing.what == TypedFor::Filter {
                let filter = typing.line.text();
                self.set_filter(&filter);
            }
        } else if let Overlay::Dialog(dialog) = &mut self.overlay {
            dialog.paste(text);
        }
        Vec::new()
    }

    /// The filter of the view.
    pub(crate) fn filter(&self) -> &Filter {
        match self.view {
            View::Nodes => &self.nodes.filter,
            View::Keys => &self.keys.filter,
            View::Moves => &self.moves.filter,
            View::Events => &self.events.filter,
            View::Groups => &self.groups.filter,
        }
    }

    /// The text of the filter of the view.
    pub(crate) fn filter_text(&self) -> &str {
        self.filter().text()
    }

    /// Filters the view.
    pub(super) fn set_filter(&mut self, text: &str) {
        fn set<I>(table: &mut Table<I>, filter: Filter) {
            table.filter = filter;
            table.stale = true;
        }
        let filter = Filter::parse(text, self.view);
        match self.view {
            View::Nodes => set(&mut self.nodes, filter),
            View::Keys => set(&mut self.keys, filter),
            View::Moves => set(&mut self.moves, filter),
            View::Events => set(&mut self.events, filter),
            View::Groups => set(&mut self.groups, filter),
        }
        self.keys_listed = None;
        self.dirty = true;
    }
}

/// Where a list or a text is after a step.
fn scrolled(at: usize, action: Action) -> usize {
    match action {
        Action::Down => at.saturating_add(1),
        Action::Up => at.saturating_sub(1),
        Action::PageDown | Action::HalfDown => at.saturating_add(10),
        Action::PageUp | Action::HalfUp => at.saturating_sub(10),
        Action::First => 0,
        _ => at,
    }
}

/// Edits a line.
pub(super) fn edit(line: &mut Line, key: KeyEvent) {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('u') if ctrl => line.clear_before(),
        KeyCode::Char('w') if ctrl => line.clear_word(),
        KeyCode::Char('a') if ctrl => line.home(),
        KeyCode::Char('e') if ctrl => line.end(),
        KeyCode::Char(c) if !ctrl => line.insert(c),
        KeyCode::Backspace => line.backspace(),
        KeyCode::Delete => line.delete(),
        KeyCode::Left => line.left(),
        KeyCode::Right => line.right(),
        KeyCode::Home => line.home(),
        KeyCode::End => line.end(),
        _ => {}
    }
}
