//! What of a list is shown.

use std::time::Duration;

use crate::glob::is_meant;
use crate::span::parse_span;

/// Words that all have to hold, or (with `!` before them) of which one must not.
///
/// `eu.*` is a pattern for the name and `eu` a part of it; `node:w1`, `phase:orphaned` (or `state:`)
/// and `age>30s` are for what their names say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    text: String,
    inverse: bool,
    terms: Vec<Term>,
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
    /// The node it is, or that has it.
    pub(crate) node: &'a str,
    /// Its state, or phase.
    pub(crate) state: &'a str,
    /// For how long it has been so.
    pub(crate) age: Duration,
}

impl Filter {
    /// Reads a filter. Every text is one: what is no term is a part of a name.
    pub(crate) fn parse(text: &str) -> Self {
        let (inverse, rest) = match text.trim_start().strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let terms = rest.split_whitespace().map(Term::parse).collect();
        Self { text: text.to_owned(), inverse, terms }
    }

    /// As it was typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
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
    fn parse(word: &str) -> Self {
        if let Some(node) = word.strip_prefix("node:") {
            return Self::Node(node.to_owned());
        }
        if let Some(state) = word.strip_prefix("phase:").or_else(|| word.strip_prefix("state:")) {
            return Self::State(state.to_lowercase());
        }
        let age = |sign| word.strip_prefix("age").and_then(|w| w.strip_prefix(sign));
        if let Some(Ok(span)) = age('>').map(parse_span) {
            return Self::Older(span);
        }
        if let Some(Ok(span)) = age('<').map(parse_span) {
            return Self::Younger(span);
        }
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
            Self::Node(node) if node.contains(['*', '?']) => is_meant(node, facts.node),
            Self::Node(node) => node == facts.node,
            Self::State(state) => facts.state.starts_with(state.as_str()),
            Self::Older(span) => facts.age > *span,
            Self::Younger(span) => facts.age < *span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_shown_where_all_words_hold() {
        let age = Duration::from_secs(41);
        let facts = Facts { name: "eu.acme.invoices", node: "w7", state: "orphaned", age };
        let check = |text: &str, shown: bool| {
            assert_eq!(Filter::parse(text).shows(&facts), shown, "{text}");
        };
        check("", true);
        check("acme", true);
        check("Acme", false);
        check("eu.*", true);
        check("acme*", false);
        check("*.invoice?", true);
        check("node:w7", true);
        check("node:w*", true);
        check("node:w", false);
        check("phase:orph", true);
        check("state:running", false);
        check("age>30s", true);
        check("age>1m", false);
        check("age<1m eu.*", true);
        check("!eu.*", false);
        check("!us.*", true);
        check("!", true);
        check("age>soon", false);
    }
}
