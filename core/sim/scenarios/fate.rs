//! What becomes of single messages to the store.

use crate::edge::{ReadId, WatchId, WriteId};
use crate::log::{Filter, Record, StoreError, Write};

/// What a process asks of the store.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Write(WriteId, Write),
    Read(ReadId, String),
    Open(WatchId, Filter),
    Info,
}

/// Which messages a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Write,
    Read,
}

/// What becomes of a message.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// It never arrives.
    Lost,
    /// It is carried out, and its answer is lost.
    Unanswered,
    /// It waits on the way until the script lets it land.
    Held,
    /// The store refuses it.
    Refused,
    /// A leader of old answers with this.
    Old(Option<Record>),
}

/// A fate for the messages about one record, or (with a name that ends in a dot) about all below.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) verb: Verb,
    pub(super) name: String,
    pub(super) fate: Fate,
    /// For how many messages it stands; none: for all.
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

/// The first rule's fate for a message; a rule that is used up goes.
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
