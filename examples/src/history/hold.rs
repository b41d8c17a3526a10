use crate::journal::Entry;

/// One process: its journal, and what was done to it from outside.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Its journal.
    pub entries: Vec<Entry>,
    /// The moment after which it certainly was no more, if it is over.
    pub ended_ns: Option<u64>,
    /// Each freeze of more than a lease, from the moment when it certainly was stopped to the one
    /// when it was allowed to go on.
    pub frozen_ns: Vec<(u64, u64)>,
}

/// A time during which a process held a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The key.
    pub key: String,
    /// The node.
    pub node: String,
    /// Which of the runs it was.
    pub run: usize,
    /// The fencing token.
    pub token: u64,
    /// Its start.
    pub from_ns: u64,
    /// Its end; `u64::MAX` while it lasts.
    pub until_ns: u64,
}

impl Hold {
    pub(super) fn is_at(&self, at_ns: u64) -> bool {
        self.from_ns <= at_ns && at_ns < self.until_ns
    }
}
