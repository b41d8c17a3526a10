//! `divider node`

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use divider::group::History;
use divider::snapshot::{NodeStatus, Snapshot};
use divider::{Group, NodeId};

use crate::command::events::sentence;
use crate::command::nodes::{labels, span};
use crate::contract::{Head, IntentRow, NodeRow, NodesDocument, Summary, Viewer};
use crate::exit::Outcome;
use crate::gone::{self, Deaths};
use crate::label::{check_known, node_id};
use crate::look::Look;
use crate::output::{Format, age, answer, answer_json, count, date_time};
use crate::shell::Shell;

/// Show one node: its state, its keys, its oldest stops, and its events of the last day
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// The node
    #[arg(value_name = "NODE", value_parser = node_id, add = crate::complete::nodes())]
    node: NodeId,
}

/// The most stops and events that are shown.
const LISTED: usize = 10;

const DAY: Duration = Duration::from_hours(24);

impl NodeArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let is_json = shell.output.format(&Format::OF_ONE)? == Format::Json;
        let group = shell.open().await?.group;
        let mut watch = group.watch();
        let Look { snapshot, viewer } = Look::first(&mut watch).await?;
        watch.close().await;
        check_known(std::slice::from_ref(&self.node), &snapshot)?;
        let Some(status) = snapshot.node(&self.node) else { return Ok(()) };
        let row = NodeRow::new(status, &viewer);
        if is_json {
            let gone = gone::rows(&snapshot, &Deaths::new(), &viewer);
            return answer_json(&NodesDocument {
                head: Head::new("divider.nodes.v1", &snapshot, &viewer),
                summary: Summary::new(&snapshot),
                nodes: &[row],
                gone: &gone,
            });
        }
        let mut text = card(shell, status, &row, &viewer);
        text += &events(shell, &group, &self.node, &snapshot).await;
        Ok(answer(&text)?)
    }
}

fn card(shell: &Shell, status: &NodeStatus, row: &NodeRow, viewer: &Viewer) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // A String takes whatever is written to it.
        let _ = writeln!(text, "{name:<9} {}", shell.output.plain(value));
    };
    let now = viewer.anchor.moment();
    line("node", &row.node);
    let since = viewer.known(status.since).map(|since| format!(" for {}", age(now.since(since))));
    line("state", &format!("{}{}", row.state, since.unwrap_or_default()));
    line("keys", &format!("{} of a share of {}", row.keys, row.target));
    line("stopping", &row.stopping.to_string());
    line("affinity", &row.effective_affinity.to_string());
    line("beat", &format!("{} ago", span(row.last_beat_ms_ago)));
    line("lease", &age(status.lease));
    if let Some(session) = &row.session {
        line("session", session);
    }
    let some = [
        ("prefixes", row.prefixes.join(", ")),
        ("labels", labels(row)),
        ("host", row.host.clone()),
        ("build", row.build.clone()),
        ("request", row.intent.as_ref().map_or_else(String::new, IntentRow::line)),
    ];
    for (name, value) in some.iter().filter(|(_, value)| !value.is_empty()) {
        line(name, value);
    }
    let stops = &status.unconfirmed;
    if stops.count > 0 {
        line("stops", &format!("{} not confirmed, the oldest:", count(stops.count, "stop")));
    }
    for stop in stops.oldest.iter().take(LISTED) {
        line("", &format!("{}, sent {} ago", stop.key, age(now.since(stop.told))));
    }
    text
}

/// What happened to the node, the newest last.
async fn events(shell: &Shell, group: &Group, node: &NodeId, snapshot: &Snapshot) -> String {
    let Ok(History { entries, missing, .. }) = group.history(DAY).await else {
        return String::new();
    };
    let about = |entry: &&divider::group::HistoryEntry| {
        entry.node.as_ref() == Some(node) && entry.at_ms > 0
    };
    let entries: Vec<_> = entries.iter().filter(about).collect();
    if missing.is_some() {
        let name = snapshot.group();
        shell.output.say(&format!("without a history; `divider init -g {name}` makes one"));
    }
    let newest = &entries[entries.len().saturating_sub(LISTED)..];
    let line = |entry: &&divider::group::HistoryEntry| {
        let text = format!("{}  {}", date_time(entry.at_ms), sentence(entry));
        shell.output.plain(&text) + "\n"
    };
    let lines: String = newest.iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}
