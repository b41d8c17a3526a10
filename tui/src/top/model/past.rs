//! What happened before this screen was opened, from the history of the group.

use std::collections::BTreeMap;

use divider::NodeId;
use divider::group::{HistoryEntry, HistoryKind};

use super::event::{EventKind, NewEvent};
use super::history::History;
use crate::command::events::sentence;
use crate::conditions::Severity;

/// How many keys dead nodes had.
pub(crate) type Deaths = BTreeMap<NodeId, u64>;

impl History {
    /// Takes in the history, once: what came since is seen here.
    pub(crate) fn on_past(&mut self, entries: &[HistoryEntry], opened_ms: u64) {
        if std::mem::replace(&mut self.knows_past, true) {
            return;
        }
        for entry in entries.iter().filter(|entry| entry.kind == HistoryKind::Died) {
            if let (Some(node), Some(keys)) = (&entry.node, entry.keys) {
                self.deaths.insert(node.clone(), keys);
            }
        }
        let before = entries.iter().filter(|entry| entry.at_ms < opened_ms);
        self.events.prepend(before.map(event).collect());
    }
}

fn event(entry: &HistoryEntry) -> NewEvent {
    use HistoryKind as Kind;
    let kind = match entry.kind {
        Kind::Joined | Kind::Left | Kind::Died | Kind::Fenced | Kind::Drained => EventKind::Node,
        Kind::DrainRequested
        | Kind::DrainPaused
        | Kind::DrainContinued
        | Kind::Cordoned
        | Kind::Resumed
        | Kind::AffinitySet
        | Kind::Forgotten
        | Kind::MoveRequested => EventKind::Request,
        _ => EventKind::Group,
    };
    let severity = match entry.kind {
        Kind::Died | Kind::LogLost => Severity::Critical,
        Kind::Fenced | Kind::OrphansLasting | Kind::SpreadLasting => Severity::Warning,
        _ => Severity::Note,
    };
    NewEvent { unix_ms: entry.at_ms, kind, severity, text: sentence(entry) }
}
