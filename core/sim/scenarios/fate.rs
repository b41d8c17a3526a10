//! The fates of single messages to the store.

use crate::edge::{ReadId, WatchId, WriteId};
use crate::log::{Filter, Record, StoreError, Write};

/// A request of a process to the store.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Write(WriteId, Write),
    Read(ReadId, String),
    Open(WatchId, Filter),
    Info,
}

/// Which messages a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Write,
    Read,
}

/// What happens to a message.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// It never arrives.
    Lost,
    /// It is carried out, and its answer is lost.
    Unanswered,
    /// It waits until the script lets it land.
    Held,
    /// The store refuses it.
    Refused,
    /// A deposed leader answers with this.
    Old(Option<Record>),
}

/// A fate for the messages about one record, or about all records below a name that ends in a dot.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) verb: Verb,
    pub(super) name: String,
    pub(super) fate: Fate,
    /// How many messages it applies to. `None`: all.
    pub(super) times: Option<usize>,
}

impl Rule {
    fn is_about(&self, message: &Message) -> bool {
        let (verb, name) = match message {
            Message::Write(_, write) => (Verb::Write, &write.name),
            Message::Read(_, name) => (Verb::Read, name),
            Message::Open(..) | Message::Info => return false,
        };
        let below = self.name.ends_with('.') && name.starts_with(&self.name);
        self.verb == verb && (*name == self.name || below)
    }
}

/// The fate from the first rule that matches. A rule that is used up is removed.
pub(super) fn fate_of(rules: &mut Vec<Rule>, message: &Message) -> Option<Fate> {
    let at = rules.iter().position(|rule| rule.is_about(message))?;
    let fate = rules[at].fate.clone();
    if let Some(times) = &mut rules[at].times {
        *times -= 1;
        if *times == 0 {
            rules.remove(at);
        }
    }
    Some(fate)
}

pub(super) fn refusal() -> StoreError {
    StoreError::Denied { what: "scripted".into() }
}
