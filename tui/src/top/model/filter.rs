//! What of a list is shown.

use std::time::Duration;

use super::View;
use crate::glob::is_meant;
use crate::span::parse_span;

/// Words that all have to hold, or (with `!` before them) of which one must not.
///
/// `eu.*` is a pattern for the name and `eu` a part of it. `node:w1` (or `owner:`), `phase:orphaned`
/// (or `state:`) and `age>30s` are for what their names say, and `name:user:42` is a part of a name
/// that has a colon.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    text: String,
    inverse: bool,
    terms: Vec<Term>,
    error: Option<String>,
}

#[derive(Debug, Clone)]
enum Term {
    Part(String),
    Name(String),
    Node(String),
    State(String),
    Older(Duration),
    Younger(Duration),
}

/// What a filter sees of one row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// Its name, and whatever else is searched for words.
    pub(crate) name: &'a str,
    /// The node it is, or that has it. `None`: the nodes are those that the name mentions.
    pub(crate) node: Option<&'a str>,
    /// Its state, or phase.
    pub(crate) state: &'a str,
    /// For how long it has been so.
    pub(crate) age: Duration,
}

/// What the words of a filter may be in one view.
struct Vocabulary {
    /// What its states are called.
    field: &'static str,
    states: &'static [&'static str],
    has_nodes: bool,
}

const NODE_STATES: &[&str] = &[
    "lost", "late", "draining", "drained", "emptied", "leaving", "away", "cordoned", "joining",
    "ready", "absent",
];
const PHASES: &[&str] = &["orphaned", "running", "stopping"];
const KINDS: &[&str] = &["node", "key", "request", "link", "group", "problem", "you"];

fn vocabulary(view: View) -> Vocabulary {
    let (field, states, has_nodes) = match view {
        View::Nodes => ("state", NODE_STATES, true),
        View::Keys | View::Moves => ("phase", PHASES, true),
        View::Events => ("about", KINDS, true),
        View::Groups => ("state", NODE_STATES, false),
    };
    Vocabulary { field, states, has_nodes }
}

impl Filter {
    /// Reads a filter for a view. What it cannot read is left out, and told by [`error`](Self::error).
    pub(crate) fn parse(text: &str, view: View) -> Self {
        let (inverse, rest) = match text.trim_start().strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let vocabulary = vocabulary(view);
        let mut filter = Self { text: text.to_owned(), inverse, ..Self::default() };
        for word in rest.split_whitespace() {
            match Term::parse(word, &vocabulary) {
                Ok(term) => filter.terms.push(term),
                Err(error) => filter.error = Some(error),
            }
        }
        filter
    }

    /// As it was typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong with it, and what is allowed.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Whether it shows everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether what it shows changes by itself as time passes.
    pub(crate) fn is_about_age(&self) -> bool {
        self.terms.iter().any(|term| matches!(term, Term::Older(_) | Term::Younger(_)))
    }

    /// Whether a row is shown.
    pub(crate) fn shows(&self, facts: &Facts<'_>) -> bool {
        self.terms.is_empty() || self.terms.iter().all(|term| term.holds(facts)) != self.inverse
    }
}

impl Term {
    fn parse(word: &str, vocabulary: &Vocabulary) -> Result<Self, String> {
        let age = |sign| word.strip_prefix("age").and_then(|w| w.strip_prefix(sign));
        let span = |text: &str| {
            parse_span(text).map_err(|_| format!("{word}: age takes a span, as age>30s or age<5m"))
        };
        if let Some(text) = age('>') {
            return span(text).map(Self::Older);
        }
        if let Some(text) = age('<') {
            return span(text).map(Self::Younger);
        }
        if let Some((field, value)) = field_of(word) {
            return Self::of_field(field, value, vocabulary);
        }
        Ok(Self::of_name(word))
    }

    fn of_field(field: &str, value: &str, vocabulary: &Vocabulary) -> Result<Self, String> {
        match field {
            "name" => Ok(Self::Part(value.to_owned())),
            "node" | "owner" if vocabulary.has_nodes => Ok(Self::Node(value.to_owned())),
            "phase" | "state" | "about" => {
                let value = value.to_lowercase();
                if vocabulary.states.iter().any(|state| state.starts_with(&value)) {
                    return Ok(Self::State(value));
                }
                let all = vocabulary.states.join(", ");
                Err(format!("no such {}: {value}; there are {all}", vocabulary.field))
            }
            _ => {
                let node = if vocabulary.has_nodes { "node:w1, " } else { "" };
                let state = format!("{}:{}", vocabulary.field, vocabulary.states[0]);
                Err(format!("no filter {field}: here; use {node}{state}, age>30s, name:TEXT"))
            }
        }
    }

    fn of_name(word: &str) -> Self {
        if word.contains(['*', '?']) {
            Self::Name(word.to_owned())
        } else {
            Self::Part(word.to_owned())
        }
    }

    fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Part(part) => facts.name.contains(part.as_str()),
            Self::Name(pattern) => is_meant(pattern, facts.name),
            Self::Node(wanted) => match facts.node {
                Some(node) => is_node(wanted, node),
                None => facts
                    .name
                    .split(|c: char| c.is_whitespace() || ",;:".contains(c))
                    .any(|word| !word.is_empty() && is_node(wanted, word)),
            },
            Self::State(state) => facts.state.starts_with(state.as_str()),
            Self::Older(span) => facts.age > *span,
            Self::Younger(span) => facts.age < *span,
        }
    }
}

/// `node` and `w1` of `node:w1`. A pattern is a name, whatever it has before a colon.
fn field_of(word: &str) -> Option<(&str, &str)> {
    let (field, value) = word.split_once(':')?;
    let is_field = !field.is_empty() && field.chars().all(|c| c.is_ascii_lowercase());
    let known = matches!(field, "node" | "owner" | "name" | "phase" | "state" | "about");
    (is_field && (known || !word.contains(['*', '?']))).then_some((field, value))
}

fn is_node(wanted: &str, node: &str) -> bool {
    if wanted.contains(['*', '?']) { is_meant(wanted, node) } else { wanted == node }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_shown_where_all_words_hold() {
        let age = Duration::from_secs(41);
        let facts = Facts { name: "eu.acme.invoices", node: Some("w7"), state: "orphaned", age };
        let check = |text: &str, shown: bool| {
            let filter = Filter::parse(text, View::Keys);
            assert_eq!((filter.shows(&facts), filter.error()), (shown, None), "{text}");
        };
        check("", true);
        check("acme", true);
        check("Acme", false);
        check("eu.*", true);
        check("acme*", false);
        check("*.invoice?", true);
        check("node:w7", true);
        check("owner:w7", true);
        check("node:w*", true);
        check("node:w", false);
        check("phase:orph", true);
        check("state:running", false);
        check("age>30s", true);
        check("age>1m", false);
        check("age<1m eu.*", true);
        check("name:acme", true);
        check("user:4*", false);
        check("!eu.*", false);
        check("!us.*", true);
        check("!", true);
    }

    #[test]
    fn an_unknown_word_is_an_error_with_what_is_allowed() {
        let check = |view: View, text: &str, error: &str| {
            assert_eq!(Filter::parse(text, view).error(), Some(error), "{text}");
        };
        let used = "no filter ownr: here; use node:w1, phase:orphaned, age>30s, name:TEXT";
        check(View::Keys, "ownr:w1", used);
        let phases = "no such phase: flying; there are orphaned, running, stopping";
        check(View::Keys, "eu phase:flying", phases);
        check(View::Keys, "age>soon", "age>soon: age takes a span, as age>30s or age<5m");
        let used = "no filter node: here; use state:lost, age>30s, name:TEXT";
        check(View::Groups, "node:w1", used);
        let states = Filter::parse("state:running", View::Nodes);
        assert!(states.error().is_some_and(|error| error.contains("lost, late, draining")));
    }

    #[test]
    fn an_event_is_of_the_nodes_that_it_mentions() {
        let name = "w1, w12 are lost; 500 keys will be taken over";
        let facts = Facts { name, node: None, state: "node", age: Duration::ZERO };
        let shows = |text: &str| Filter::parse(text, View::Events).shows(&facts);
        assert_eq!(["node:w1", "node:w12", "node:w2"].map(shows), [true, true, false]);
    }
}
