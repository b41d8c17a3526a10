//! The palette: commands that are typed.

use divider::{GroupName, Key, NodeId};

use super::action::Action;
use super::binding::BINDINGS;
use super::{Ask, Effect};
use crate::conditions::Severity;
use crate::top::model::settings::ThemeName;
use crate::top::model::{Model, Overlay, View};
use clap::ValueEnum;

/// What takes a word behind it, and what it is.
pub(crate) const WITH_WORD: &[(&str, &str)] = &[
    ("node", "go to a node"),
    ("key", "go to a key"),
    ("group", "go to another group"),
    ("ctx", "switch to another nats context"),
    ("group-by", "group the load map by a label"),
    ("drain", "drain a node"),
    ("cordon", "cordon a node"),
    ("resume", "resume a node"),
    ("affinity", "set a node's affinity"),
    ("forget", "remove the request for an absent node"),
    ("filter", "filter the list"),
    ("theme", "auto, dark, light, cb, mono"),
    ("describe", "all about a node or a key"),
    ("export", "write the list to a file"),
];

/// So many commands are remembered.
const REMEMBERED: usize = 100;

/// Commands that fit what is typed, the best first: those that begin so, then those that have its
/// letters in that order.
pub(crate) fn suggestions(typed: &str) -> Vec<&'static str> {
    let word = typed.split(' ').next().unwrap_or_default();
    let names = WITH_WORD.iter().map(|(name, _)| *name);
    let mut names: Vec<_> = names.chain(BINDINGS.iter().map(|binding| binding.name)).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| has_letters(name, word));
    names.sort_by_key(|name| (!name.starts_with(word), name.len()));
    names
}

fn has_letters(name: &str, word: &str) -> bool {
    let mut letters = name.chars();
    word.chars().all(|wanted| letters.any(|letter| letter == wanted))
}

/// The best suggestion, if what is typed is not a whole command yet.
pub(super) fn complete(typed: &str) -> Option<String> {
    if typed.contains(' ') {
        return None;
    }
    let best = suggestions(typed).first().copied()?;
    let takes_word = WITH_WORD.iter().any(|(name, _)| *name == best);
    Some(if takes_word { format!("{best} ") } else { best.to_owned() })
}

impl Model {
    pub(super) fn on_command(&mut self, text: &str) -> Vec<Effect> {
        let text = text.trim();
        if text.is_empty() {
            return Vec::new();
        }
        if self.commands.last().map(String::as_str) != Some(text) {
            self.commands.push(text.to_owned());
            let old = self.commands.len().saturating_sub(REMEMBERED);
            self.commands.drain(..old);
        }
        let (name, word) = match text.split_once(' ') {
            Some((name, word)) => (name, word.trim()),
            None => (text, ""),
        };
        if word.is_empty() {
            return self.on_bare_command(name);
        }
        if let Some(view) = View::ALL.into_iter().find(|view| view.is_called(name)) {
            let effects = self.show(view);
            self.set_filter(word.strip_prefix('/').unwrap_or(word));
            return effects;
        }
        match name {
            "get" => self.on_command(word),
            "describe" if Key::new(word).is_ok_and(|key| self.snapshot().key(&key).is_some()) => {
                self.go_to_key(word)
            }
            "describe" => self.describe_node(word),
            "export" => self.export_as(word),
            "node" => self.go_to_node(word),
            "key" => self.go_to_key(word),
            "group" => self.go_to_group(word),
            "drain" => self.on_node(word, Action::Drain),
            "cordon" => self.on_node(word, Action::Cordon),
            "resume" => self.on_node(word, Action::Undo),
            "affinity" => self.on_node(word, Action::Affinity),
            "forget" => self.on_node(word, Action::Forget),
            "filter" => {
                self.set_filter(word);
                Vec::new()
            }
            "theme" => self.set_theme(word),
            "ctx" => vec![Effect::Ask(Ask::Context(word.to_owned()))],
            "group-by" => {
                self.settings.group_by = Some(word.to_owned());
                Vec::new()
            }
            _ => self.unknown(text),
        }
    }

    fn on_bare_command(&mut self, name: &str) -> Vec<Effect> {
        let name = match name {
            "q" | "q!" | "exit" => "quit",
            "h" => "help",
            name => match View::ALL.into_iter().find(|view| view.is_called(name)) {
                Some(view) => view.command(),
                None => name,
            },
        };
        let exact = BINDINGS.iter().find(|binding| binding.name == name);
        let best = || {
            let best = suggestions(name).first().copied()?;
            BINDINGS.iter().find(|binding| binding.name == best)
        };
        match exact.or_else(best) {
            Some(binding) => self.act(binding.action),
            None => self.unknown(name),
        }
    }

    fn unknown(&mut self, text: &str) -> Vec<Effect> {
        self.say(Severity::Warning, format!("no such command: {text}; ? shows the help"));
        Vec::new()
    }

    fn go_to_node(&mut self, word: &str) -> Vec<Effect> {
        let found = NodeId::new(word).ok().filter(|id| self.snapshot().node(id).is_some());
        let Some(id) = found else {
            self.say(Severity::Warning, format!("no such node: {word}"));
            return Vec::new();
        };
        self.overlay = Overlay::None;
        let effects = self.show(View::Nodes);
        self.settings.trouble = false;
        self.set_filter("");
        self.list();
        self.nodes.select(&id);
        effects
    }

    fn describe_node(&mut self, word: &str) -> Vec<Effect> {
        let word = word.strip_prefix("node/").unwrap_or(word);
        let effects = self.go_to_node(word);
        if self.nodes.selected().is_some_and(|id| id.as_str() == word) {
            self.overlay = Overlay::Card(0);
        }
        effects
    }

    fn go_to_key(&mut self, word: &str) -> Vec<Effect> {
        let found = Key::new(word).ok().filter(|key| self.snapshot().key(key).is_some());
        let Some(key) = found else {
            self.say(Severity::Warning, format!("no such key: {word}"));
            return Vec::new();
        };
        self.show(View::Keys);
        self.settings.trouble = false;
        self.set_filter("");
        self.list();
        self.keys.select(&key);
        self.overlay = Overlay::Card(0);
        self.ask_for_suitors()
    }

    fn go_to_group(&mut self, word: &str) -> Vec<Effect> {
        match GroupName::new(word) {
            Ok(group) => vec![Effect::Ask(Ask::Switch(group))],
            Err(error) => {
                self.say(Severity::Warning, error.to_string());
                Vec::new()
            }
        }
    }

    /// Does something to a node by its name.
    fn on_node(&mut self, word: &str, action: Action) -> Vec<Effect> {
        let effects = self.go_to_node(word);
        if self.nodes.selected().is_some_and(|id| id.as_str() == word) {
            self.nodes.marks.clear();
            return self.act(action);
        }
        effects
    }

    fn set_theme(&mut self, word: &str) -> Vec<Effect> {
        if let Ok(theme) = ThemeName::from_str(word, true) {
            self.settings.theme = theme;
            return vec![Effect::Redraw];
        }
        self.say(Severity::Warning, "unknown theme, expected auto, dark, light, cb or mono");
        Vec::new()
    }
}
