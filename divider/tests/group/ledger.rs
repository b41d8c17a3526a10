//! Who works on what, written down by the workers themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use divider::{Assignment, Handoff, Token};

/// What all workers of a test write into.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    held: BTreeMap<String, (String, Assignment)>,
    tokens: BTreeMap<String, Token>,
    /// One line for each start and stop, in order.
    lines: Vec<Line>,
    problems: Vec<String>,
}

/// Something that a worker was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) node: String,
    pub(crate) what: What,
    pub(crate) key: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Start,
    Stop,
    Lost,
}

impl Ledger {
    /// A worker begins with a key: nobody else may be at it, and its token has to be a new one.
    pub(crate) fn start(&self, node: &str, assignment: Assignment) {
        let mut book = self.lock();
        let key = assignment.key().to_string();
        if let Some((other, held)) = book.held.get(&key)
            && held.is_valid()
        {
            let problem = format!("{key} started on {node} while it runs on {other}");
            book.problems.push(problem);
        }
        if book.tokens.insert(key.clone(), assignment.token()) >= Some(assignment.token()) {
            book.problems.push(format!("{key} started on {node} with a token that is not new"));
        }
        book.write(node, What::Start, &key);
        book.held.insert(key, (node.to_owned(), assignment));
    }

    /// A worker is done with a key; afterwards it confirms.
    pub(crate) fn stop(&self, node: &str, what: What, handoff: &Handoff) {
        let mut book = self.lock();
        let key = handoff.key().to_string();
        book.write(node, what, &key);
        let own = book.held.get(&key).is_some_and(|(_, held)| held.token() == handoff.token());
        if own {
            book.held.remove(&key);
        }
    }

    /// A worker is done with a key by itself.
    pub(crate) fn leave(&self, key: &str) {
        self.lock().held.remove(key);
    }

    /// The keys that each node holds now.
    pub(crate) fn shares(&self) -> BTreeMap<String, BTreeSet<String>> {
        let book = self.lock();
        let mut shares: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (key, (node, assignment)) in &book.held {
            if assignment.is_valid() {
                shares.entry(node.clone()).or_default().insert(key.clone());
            }
        }
        shares
    }

    /// How many keys a node holds now.
    pub(crate) fn share(&self, node: &str) -> usize {
        self.shares().get(node).map_or(0, BTreeSet::len)
    }

    /// How many keys are held now.
    pub(crate) fn held(&self) -> usize {
        self.shares().values().map(BTreeSet::len).sum()
    }

    /// What was written since `from` lines.
    pub(crate) fn lines(&self, from: usize) -> Vec<Line> {
        self.lock().lines[from..].to_vec()
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().lines.len()
    }

    /// Fails if any key was ever held twice.
    pub(crate) fn check(&self) {
        let book = self.lock();
        assert!(book.problems.is_empty(), "{:#?}", book.problems);
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn write(&mut self, node: &str, what: What, key: &str) {
        self.lines.push(Line { node: node.to_owned(), what, key: key.to_owned() });
    }
}
