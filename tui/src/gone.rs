//! Nodes that are gone: when, how, and what became of their keys.

use std::collections::HashMap;
use std::time::Duration;

use divider::group::{HistoryEntry, HistoryKind};
use divider::snapshot::{GoneNode, NodeEnd, Snapshot};
use divider::{Group, NodeId};
use serde::{Deserialize, Serialize};

use crate::contract::{Anchor, Viewer};
use crate::output::{age, count, millis};

/// A node that is gone, as programs read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GoneRow {
    pub(crate) node: String,
    /// `left` or `died`.
    pub(crate) end: String,
    /// The node that ended it; null where it ended itself.
    pub(crate) by: Option<String>,
    pub(crate) at: Option<String>,
    pub(crate) ago_ms: u64,
    /// How many keys it last reported; null where nobody saw it.
    pub(crate) keys: Option<u64>,
}

/// The most nodes that are listed for people.
const LISTED: usize = 5;

/// How long the log keeps the end of a session.
const KEPT: Duration = Duration::from_hours(24);

/// How many keys dead nodes had, by the history of the group.
pub(crate) type Deaths = HashMap<NodeId, u64>;

/// Reads the history for what the records do not say. Without one, that stays unknown.
pub(crate) async fn deaths(group: &Group, snapshot: &Snapshot) -> Deaths {
    if !snapshot.gone().iter().any(|gone| matches!(gone.end, NodeEnd::Died { .. })) {
        return Deaths::new();
    }
    let Ok(history) = group.history(KEPT).await else { return Deaths::new() };
    let death = |entry: HistoryEntry| match entry.kind {
        HistoryKind::Died => Some((entry.node?, entry.keys?)),
        _ => None,
    };
    // A later death of the same node replaces an earlier one.
    history.entries.into_iter().filter_map(death).collect()
}

/// How its session ended.
pub(crate) fn how(gone: &GoneNode) -> String {
    match &gone.end {
        NodeEnd::Died { by: Some(by) } => format!("it died, and {by} ended its session"),
        NodeEnd::Died { by: None } => "it died".to_owned(),
        _ => "it left the group".to_owned(),
    }
}

impl GoneRow {
    pub(crate) fn new(gone: &GoneNode, deaths: &Deaths, viewer: &Viewer) -> Self {
        let by = match &gone.end {
            NodeEnd::Died { by } => by.as_ref().map(ToString::to_string),
            _ => None,
        };
        Self {
            node: gone.node.to_string(),
            end: if matches!(gone.end, NodeEnd::Died { .. }) { "died" } else { "left" }.to_owned(),
            by,
            at: viewer.anchor.time(gone.since),
            ago_ms: millis(viewer.anchor.moment().since(gone.since)),
            keys: gone.keys.or_else(|| deaths.get(&gone.node).copied()),
        }
    }

    /// The node that it was made of.
    pub(crate) fn gone(self, anchor: &Anchor) -> Result<GoneNode, String> {
        let id = |text: String| text.parse::<NodeId>().map_err(|error| error.to_string());
        let end = match self.end.as_str() {
            "died" => NodeEnd::Died { by: self.by.map(id).transpose()? },
            _ => NodeEnd::Left,
        };
        let since = anchor.moment() - Duration::from_millis(self.ago_ms);
        let mut gone = GoneNode::new(id(self.node)?, end, since);
        gone.keys = self.keys;
        Ok(gone)
    }

    /// `w3 died 2m05s ago (ended by w2), last reported 100 keys, all taken over`. The number is that of
    /// its last heartbeat, which may be older than its last claims.
    fn line(&self, orphaned: bool) -> String {
        let ago = age(Duration::from_millis(self.ago_ms));
        let by = self.by.as_ref().map_or_else(String::new, |by| format!(" (ended by {by})"));
        // Whose the keys without an owner were is not known.
        let keys = match self.keys {
            Some(keys) if keys > 0 && !orphaned => {
                format!(", last reported {}, all taken over", count(keys, "key"))
            }
            Some(keys) if keys > 0 => format!(", last reported {}", count(keys, "key")),
            _ => String::new(),
        };
        format!("{} died {ago} ago{by}{keys}", self.node)
    }
}

/// Every node that is gone.
pub(crate) fn rows(snapshot: &Snapshot, deaths: &Deaths, viewer: &Viewer) -> Vec<GoneRow> {
    snapshot.gone().iter().map(|gone| GoneRow::new(gone, deaths, viewer)).collect()
}

/// What people are told of them: the newest deaths, and how many nodes left.
pub(crate) fn lines(rows: &[GoneRow], snapshot: &Snapshot) -> Vec<String> {
    let orphaned = snapshot.counts().orphaned > 0;
    let died: Vec<_> = rows.iter().filter(|row| row.end == "died").collect();
    let mut lines: Vec<String> = died.iter().take(LISTED).map(|row| row.line(orphaned)).collect();
    if died.len() > LISTED {
        lines.push(format!("and {} more: `divider events`", died.len() - LISTED));
    }
    let left = (rows.len() - died.len()) as u64;
    if left > 0 {
        lines.push(format!("{} left in order in the last day", count(left, "node")));
    }
    lines
}
