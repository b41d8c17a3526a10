//! What the keyboard can do, as data: help, menu and palette are made of it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{Action, By};
use crate::top::model::View;

/// Where an action stands in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Move,
    Look,
    Change,
}

impl Section {
    pub(crate) const ALL: [Self; 3] = [Self::Move, Self::Look, Self::Change];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Move => "MOVE",
            Self::Look => "LOOK",
            Self::Change => "CHANGE",
        }
    }
}

/// A key of the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chord {
    Char(char),
    Ctrl(char),
    Key(KeyCode),
}

/// Which keys do what, and what is said of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) action: Action,
    pub(crate) chords: &'static [Chord],
    /// Its name in the palette.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) section: Section,
}

use Chord::{Char, Ctrl, Key};

const fn move_to(
    action: Action,
    chords: &'static [Chord],
    name: &'static str,
    help: &'static str,
) -> Binding {
    Binding { action, chords, name, help, section: Section::Move }
}

const fn look(
    action: Action,
    chords: &'static [Chord],
    name: &'static str,
    help: &'static str,
) -> Binding {
    Binding { action, chords, name, help, section: Section::Look }
}

const fn change(
    action: Action,
    chords: &'static [Chord],
    name: &'static str,
    help: &'static str,
) -> Binding {
    Binding { action, chords, name, help, section: Section::Change }
}

/// Every key of the main screen.
pub(crate) const BINDINGS: &[Binding] = &[
    move_to(Action::Down, &[Char('j'), Key(KeyCode::Down)], "down", "a row down"),
    move_to(Action::Up, &[Char('k'), Key(KeyCode::Up)], "up", "a row up"),
    move_to(Action::HalfDown, &[Ctrl('d')], "half-down", "half a page down"),
    move_to(Action::HalfUp, &[Ctrl('u')], "half-up", "half a page up"),
    move_to(Action::PageDown, &[Key(KeyCode::PageDown)], "page-down", "a page down"),
    move_to(Action::PageUp, &[Key(KeyCode::PageUp)], "page-up", "a page up"),
    move_to(Action::First, &[Char('g'), Key(KeyCode::Home)], "first", "to the first row"),
    move_to(Action::Last, &[Char('G'), Key(KeyCode::End)], "last", "to the last row"),
    move_to(
        Action::Open,
        &[Key(KeyCode::Enter), Char('d'), Key(KeyCode::F(3))],
        "open",
        "details; again: its keys",
    ),
    move_to(Action::Back, &[Key(KeyCode::Esc)], "back", "back, or clear the filter"),
    move_to(Action::Show(View::Nodes), &[Char('1')], "nodes", "the nodes"),
    move_to(Action::Show(View::Keys), &[Char('2')], "keys", "the keys"),
    move_to(Action::Show(View::Moves), &[Char('3')], "moves", "moving keys"),
    move_to(Action::Show(View::Events), &[Char('4')], "events", "the events"),
    move_to(Action::Show(View::Groups), &[Char('5')], "groups", "the account's groups"),
    move_to(
        Action::NextView,
        &[Key(KeyCode::Tab), Char('l'), Key(KeyCode::Right)],
        "next",
        "the next view",
    ),
    move_to(
        Action::PreviousView,
        &[Key(KeyCode::BackTab), Char('h'), Key(KeyCode::Left)],
        "previous",
        "the view before",
    ),
    move_to(Action::LastView, &[Char('-')], "last-view", "back to the last view"),
    look(
        Action::Filter,
        &[Char('/'), Key(KeyCode::F(4))],
        "filter",
        "eu.* node:w1 state:late age>30s !x",
    ),
    look(Action::ShowAll, &[Char('0')], "all", "clear filter and marks"),
    look(Action::Palette, &[Char(':'), Key(KeyCode::F(2))], "palette", "type a command"),
    look(Action::Help, &[Char('?'), Key(KeyCode::F(1))], "help", "this help"),
    look(Action::Problems, &[Char('!')], "problems", "every problem in full"),
    look(Action::Menu, &[Char('a'), Key(KeyCode::F(9))], "menu", "actions for the row"),
    look(Action::SortLeft, &[Char('<')], "sort-left", "sort by the column before"),
    look(
        Action::SortRight,
        &[Char('>'), Key(KeyCode::F(6))],
        "sort-right",
        "sort by the next column",
    ),
    look(Action::SortReverse, &[Char('I')], "reverse", "reverse the order"),
    look(Action::SortBy(By::Name), &[Char('N')], "sort-name", "sort by name; again: reverse"),
    look(Action::SortBy(By::State), &[Char('S')], "sort-state", "sort by state"),
    look(Action::SortBy(By::Keys), &[Char('K')], "sort-keys", "sort by keys"),
    look(Action::SortBy(By::Age), &[Char('A')], "sort-age", "sort by age"),
    look(Action::SortBy(By::Beat), &[Char('B')], "sort-beat", "sort by heartbeat"),
    look(Action::Mark, &[Char(' ')], "mark", "mark the row"),
    look(Action::MarkRange, &[Ctrl(' ')], "mark-range", "mark from the last mark to here"),
    look(Action::ClearMarks, &[Ctrl('\\')], "clear-marks", "clear marks"),
    look(Action::Trouble, &[Char('z'), Key(KeyCode::F(7))], "trouble", "show only trouble"),
    look(Action::Wide, &[Char('w'), Key(KeyCode::F(8))], "wide", "more columns"),
    look(Action::Details, &[Char('i')], "details", "the pane on the right"),
    look(Action::LoadMap, &[Char('L')], "load-map", "the load map"),
    look(Action::TallEvents, &[Char('e')], "tall-events", "more events, fewer rows"),
    look(Action::PauseScreen, &[Char('f')], "pause-screen", "pause the screen, not the data"),
    look(Action::Contexts, &[Char('X')], "ctx", "the contexts of the nats command"),
    look(Action::Copy, &[Char('y')], "copy", "copy the name"),
    look(Action::Export, &[Char('x')], "export", "write the list to a file"),
    look(Action::Mouse, &[Char('m')], "mouse", "the mouse on or off"),
    look(Action::Redraw, &[Ctrl('l')], "redraw", "redraw the screen"),
    look(Action::Resync, &[Ctrl('r'), Key(KeyCode::F(5))], "resync", "reload the group"),
    look(Action::Suspend, &[Ctrl('z')], "suspend", "suspend"),
    look(
        Action::Quit,
        &[Char('q'), Ctrl('c'), Key(KeyCode::F(10))],
        "quit",
        "quit; drains continue",
    ),
    change(Action::Drain, &[Char('D'), Char('r')], "drain", "move all keys off the nodes"),
    change(Action::Cordon, &[Char('c')], "cordon", "give the nodes no new keys"),
    change(Action::Undo, &[Char('u')], "resume", "end a drain or a cordon"),
    change(Action::PauseDrain, &[Char('p')], "pause-drain", "pause or continue the drain"),
    change(Action::Affinity, &[Char('W')], "affinity", "set the nodes' affinity"),
    change(Action::Rebalance, &[Char('R')], "rebalance", "rebalance with few moves"),
    change(Action::Freeze, &[Char('F')], "freeze", "freeze or thaw balance moves"),
    // These have no key that could be pressed by mistake: they are in the menu and in the palette.
    change(Action::Forget, &[], "forget", "remove the request for an absent node"),
    change(Action::DeleteGroup, &[], "delete-group", "delete the group for good"),
];

/// What a key does on the main screen.
pub(crate) fn bound(key: KeyEvent) -> Option<Action> {
    let chord = Chord::of(key)?;
    let binding = BINDINGS.iter().find(|binding| binding.chords.contains(&chord))?;
    Some(binding.action)
}

/// What is said of an action.
pub(crate) fn binding(action: Action) -> &'static Binding {
    let found = BINDINGS.iter().find(|binding| binding.action == action);
    found.expect("every action is bound, a test says so")
}

impl Chord {
    /// The key that was pressed; terminals send some of them in several ways.
    pub(crate) fn of(key: KeyEvent) -> Option<Self> {
        let held = key.modifiers;
        match key.code {
            KeyCode::Char(c) if held.contains(KeyModifiers::CONTROL) => match c {
                // What terminals make of ctrl-\ and of ctrl-space.
                '4' => Some(Ctrl('\\')),
                '2' | '@' => Some(Ctrl(' ')),
                c => Some(Ctrl(c.to_ascii_lowercase())),
            },
            KeyCode::Char(_) if held.contains(KeyModifiers::ALT) => None,
            KeyCode::Char(c) => Some(Char(c)),
            KeyCode::Null => Some(Ctrl(' ')),
            code => Some(Key(code)),
        }
    }

    /// As it is written on the keyboard.
    pub(crate) fn label(self) -> String {
        match self {
            Char(' ') => "space".to_owned(),
            Char(c) => c.to_string(),
            Ctrl(' ') => "ctrl-space".to_owned(),
            Ctrl(c) => format!("ctrl-{c}"),
            Key(KeyCode::Enter) => "enter".to_owned(),
            Key(KeyCode::Esc) => "esc".to_owned(),
            Key(KeyCode::Tab) => "tab".to_owned(),
            Key(KeyCode::BackTab) => "shift-tab".to_owned(),
            Key(KeyCode::PageUp) => "pgup".to_owned(),
            Key(KeyCode::PageDown) => "pgdn".to_owned(),
            Key(code) => code.to_string().to_lowercase(),
        }
    }
}

impl Binding {
    /// Its keys: `q, ctrl-c`; without any, what is typed for it.
    pub(crate) fn keys(&self) -> String {
        if self.chords.is_empty() {
            return format!(":{}", self.name);
        }
        self.chords.iter().map(|chord| chord.label()).collect::<Vec<_>>().join(", ")
    }

    /// The first of its keys.
    pub(crate) fn key(&self) -> String {
        self.chords.first().map_or_else(|| format!(":{}", self.name), |chord| chord.label())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_key_does_two_things_and_no_name_means_two() {
        let mut seen = Vec::new();
        for binding in BINDINGS {
            for chord in binding.chords {
                assert!(!seen.contains(chord), "{chord:?}");
                seen.push(*chord);
            }
        }
        let names: BTreeSet<_> = BINDINGS.iter().map(|binding| binding.name).collect();
        assert_eq!(names.len(), BINDINGS.len());
    }

    #[test]
    fn no_change_is_on_enter_or_on_a_control_key() {
        for binding in BINDINGS.iter().filter(|binding| binding.action.is_mutation()) {
            for chord in binding.chords {
                assert!(matches!(chord, Char(_)), "{binding:?}");
            }
        }
    }

    #[test]
    fn keys_are_known_however_a_terminal_sends_them() {
        let check = |code, modifiers, action| {
            assert_eq!(bound(KeyEvent::new(code, modifiers)), action, "{code:?}");
        };
        check(KeyCode::Char('D'), KeyModifiers::SHIFT, Some(Action::Drain));
        check(KeyCode::Char('D'), KeyModifiers::NONE, Some(Action::Drain));
        check(KeyCode::Char('4'), KeyModifiers::CONTROL, Some(Action::ClearMarks));
        check(KeyCode::Char('4'), KeyModifiers::NONE, Some(Action::Show(View::Events)));
        check(KeyCode::Null, KeyModifiers::NONE, Some(Action::MarkRange));
        check(KeyCode::Char('c'), KeyModifiers::CONTROL, Some(Action::Quit));
        check(KeyCode::Char('q'), KeyModifiers::ALT, None);
        check(KeyCode::F(5), KeyModifiers::NONE, Some(Action::Resync));
        check(KeyCode::F(12), KeyModifiers::NONE, None);
    }
}
