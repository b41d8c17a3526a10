//! The changes of keys in one second, as one line.

use std::collections::BTreeSet;

use divider::NodeId;

use super::history::{Step, What};
use crate::conditions::Severity;
use crate::output::count;

/// How many keys changed how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    announced: u64,
    gone: u64,
    stopping: u64,
    moved: u64,
    taken: u64,
    orphaned: u64,
    restarted: u64,
    quarantined: u64,
    retried: u64,
    /// The first of the changes: one alone is told with its key.
    first: Option<Step>,
    /// The nodes that keys moved from and to, or lost.
    from: BTreeSet<NodeId>,
    to: BTreeSet<NodeId>,
}

impl Tally {
    /// Counts one more.
    pub(crate) fn add(&mut self, step: &Step) {
        *match step.what {
            What::Announced => &mut self.announced,
            What::Gone => &mut self.gone,
            What::Stopping => &mut self.stopping,
            What::Moved(_) => &mut self.moved,
            What::Taken => &mut self.taken,
            What::Orphaned => &mut self.orphaned,
            What::Restarted => &mut self.restarted,
            What::Quarantined => &mut self.quarantined,
            What::Retried => &mut self.retried,
        } += 1;
        if matches!(step.what, What::Moved(_) | What::Taken | What::Orphaned | What::Quarantined) {
            self.from.extend(step.from.clone());
            self.to.extend(step.to.clone());
        }
        self.first.get_or_insert_with(|| step.clone());
    }

    /// How many keys came to another node.
    pub(crate) fn moves(&self) -> u64 {
        self.moved + self.taken
    }

    /// Keys that lost their owner are worth a warning.
    pub(crate) fn severity(&self) -> Severity {
        if self.orphaned + self.quarantined > 0 { Severity::Warning } else { Severity::Note }
    }

    /// The line.
    pub(crate) fn sentence(&self) -> String {
        let parts = self.parts();
        if let (Some(first), 1) = (&self.first, parts.iter().map(|(keys, _)| keys).sum::<u64>()) {
            return first.sentence();
        }
        let said = parts.iter().filter(|(keys, _)| *keys > 0);
        let said: Vec<_> =
            said.map(|(keys, what)| format!("{} {what}", count(*keys, "key"))).collect();
        format!("{}{}", said.join(", "), self.way())
    }

    fn parts(&self) -> [(u64, &'static str); 9] {
        [
            (self.orphaned, "lost their owner"),
            (self.quarantined, "quarantined"),
            (self.retried, "to be tried again"),
            (self.moved, "moved"),
            (self.taken, "taken over"),
            (self.announced, "announced"),
            (self.stopping, "stopping"),
            (self.gone, "gone"),
            (self.restarted, "restarted"),
        ]
    }

    /// Between which nodes, where they can be named.
    fn way(&self) -> String {
        let named = |nodes: &BTreeSet<NodeId>| match nodes.len() {
            0 => None,
            1 => nodes.first().map(ToString::to_string),
            more => Some(count(more as u64, "node")),
        };
        match (named(&self.from), named(&self.to)) {
            (Some(from), Some(to)) => format!(": {from} -> {to}"),
            (Some(from), None) => format!(": {from}"),
            (None, Some(to)) => format!(" by {to}"),
            (None, None) => String::new(),
        }
    }
}
