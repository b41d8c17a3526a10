//! How the watch of a drain ends, in words, as JSON and as an exit code.

use divider::NodeId;
use divider::snapshot::{DesiredState, Mode, Snapshot};

use super::document::{Document, NodeRow, SCHEMA};
use super::left::LeftKey;
use super::monitor::Empty;
use super::wait::Wait;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Format, answer_json, clock, millis};
use crate::words::requester;

/// How a watch of a drain ends.
pub(super) enum End {
    Drained,
    /// Nothing is left, and not every stop is confirmed or not every key has an owner.
    Emptied,
    Deadline,
    Lost,
    Interrupted,
    Undone(NodeId),
}

/// The most keys that are listed for people.
const LISTED: usize = 50;

impl Wait<'_> {
    pub(super) fn end(&self, end: End, snapshot: &Snapshot) -> Outcome {
        let left = match end {
            End::Drained => Vec::new(),
            _ => self.monitor.left(snapshot, &self.viewer.later()),
        };
        if self.shell.output.format(&[Format::Plain, Format::Json])? == Format::Json {
            self.answer_document(&end, snapshot, &left)?;
        }
        let names: Vec<_> = self.nodes.iter().map(NodeId::as_str).collect();
        let again = format!("divider drain {} --monitor", names.join(" "));
        match end {
            End::Drained => Ok(()),
            End::Emptied => {
                self.list(&left);
                let emptied = self.monitor.ended().filter(|(_, end)| !end.is_drained());
                let each: Vec<_> =
                    emptied.map(|(node, end)| format!("node/{node}: {}", end.words())).collect();
                let words =
                    format!("the node has no keys, but it is not drained: {}", each.join("; "));
                Err(Failure::new(Exit::NotDrained, words))
            }
            End::Deadline => {
                let what = self.monitor.left_words(&left);
                self.list(&left);
                let words = format!("deadline passed with {what}; the drain continues");
                Err(Failure::new(Exit::KeysLeft, words))
            }
            End::Lost => {
                let words = "connection lost; the drain continues; to watch it again";
                Err(Failure::new(Exit::ConnectionLost, format!("{words}: {again}")))
            }
            End::Interrupted => {
                let words = "stopped watching; the drain continues; to watch it again";
                self.shell.output.say(&format!("{words}: {again}"));
                Err(Failure::silent(Exit::Interrupted.code()))
            }
            End::Undone(node) => {
                let desired = snapshot.node(&node).and_then(|status| status.desired.as_ref());
                Err(Failure::new(Exit::Conflict, replaced(&node, desired)))
            }
        }
    }

    fn list(&self, left: &[LeftKey]) {
        for key in left.iter().take(LISTED) {
            crate::output::tell(&self.shell.output.plain(&key.line()));
        }
        if left.len() > LISTED {
            crate::output::tell(&format!("  and {} more", left.len() - LISTED));
        }
    }

    fn answer_document(&self, end: &End, snapshot: &Snapshot, left: &[LeftKey]) -> Outcome {
        let outcome = match end {
            End::Drained => "drained",
            End::Emptied => "emptied",
            End::Deadline => "left",
            End::Lost => "connection_lost",
            End::Interrupted => "interrupted",
            End::Undone(_) => "undone",
        };
        let row = |node: &NodeId| {
            let emptied = self.emptied.iter().find(|(emptied, _)| emptied == node);
            let seen = emptied.and_then(|(_, seen)| *seen);
            let end = self.monitor.ended().find(|(ended, _)| *ended == node).map(|(_, end)| end);
            NodeRow {
                node: node.to_string(),
                outcome: end.map_or("draining", word_of),
                keys: seen.map(|(keys, _)| keys),
                took_ms: seen.map(|(_, took)| millis(took)),
                freed: end.map(|end| end.freed),
                taken_over: end.map(|end| end.taken_over),
                confirmed: end.and_then(|end| end.confirmed),
                unseen: end.map(|end| end.unseen),
            }
        };
        answer_json(&Document {
            schema: SCHEMA,
            group: snapshot.group().as_str(),
            drain_id: self.drain.as_deref(),
            outcome,
            nodes: self.nodes.iter().map(row).collect(),
            left,
        })
    }
}

/// The word for the end of one node.
pub(super) fn word_of(end: Empty) -> &'static str {
    match end {
        _ if end.is_drained() => "drained",
        Empty { absent: true, .. } => "absent",
        _ => "emptied",
    }
}

/// What ended the drain of a node: its newest request, if one is left.
pub(super) fn replaced(node: &NodeId, desired: Option<&DesiredState>) -> String {
    let Some(desired) = desired else {
        return format!("the request to drain {node} was deleted; no longer waiting");
    };
    let what = match desired.mode {
        Mode::Active => "resumed",
        Mode::Cordon => "cordoned",
        Mode::Drain => "drained again",
        _ => "changed",
    };
    let (by, at) = (requester(&desired.by), clock(desired.at_ms));
    format!("{node} was {what} by {by} at {at} UTC; no longer waiting")
}
