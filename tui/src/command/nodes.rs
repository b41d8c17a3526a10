//! `divider nodes`

use std::cmp::Reverse;
use std::time::Duration;

use clap::{Args, ValueEnum};
use divider::NodeId;
use divider::snapshot::{NodeState, NodeStatus};

use crate::contract::{Head, NodeRow, NodesDocument, Summary, state_of};
use crate::exit::{Exit, Failure, Outcome};
use crate::gone::{self, Deaths, deaths};
use crate::label::{Label, node_id};
use crate::look::{EveryArgs, FromArgs, Look};
use crate::output::{Column, List, Tone, age, tone_of};
use crate::shell::Shell;
use crate::words::sum_up;

/// List the nodes with their states and keys
///
/// TARGET is the node's share by affinity of the keys that it may take, over all prefixes. DELTA is
/// KEYS minus TARGET. BEAT is the time since the last heartbeat, by the server's clock: a node whose
/// lease has ended is lost, also at one look. Below the list are the nodes that died or left in the
/// last day.
#[derive(Debug, Args)]
pub(crate) struct NodesArgs {
    /// Only this node
    #[arg(value_name = "NODE", value_parser = node_id, add = crate::complete::nodes())]
    node: Option<NodeId>,
    /// Only nodes with this label; if repeated, nodes with all of the labels
    #[arg(short, long, value_name = "NAME=VALUE")]
    label: Vec<Label>,
    /// Only nodes in this state: lost, late, draining, drained, emptied, leaving, away, cordoned, joining, ready, absent
    #[arg(long, value_name = "STATE", value_parser = state_of, add = crate::complete::states())]
    state: Option<NodeState>,
    /// Sort order
    #[arg(long, value_name = "COLUMN", value_enum, default_value_t = Sort::State)]
    sort: Sort,
    /// Reverse the order
    #[arg(long)]
    reverse: bool,
    /// Maximum number of nodes to list
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    #[command(flatten)]
    every: EveryArgs,
    #[command(flatten)]
    from: FromArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// Trouble first
    State,
    /// By name
    Node,
    /// Most keys first
    Keys,
    /// Farthest from its share first
    Delta,
    /// Highest affinity first
    Affinity,
    /// Oldest heartbeat first
    Beat,
}

const COLUMNS: &[Column<NodeRow>] = &[
    Column::new("NODE", |row: &NodeRow| row.node.clone()),
    Column::new("STATE", state).toned(|row| tone_of(&row.state)),
    Column::number("AFFINITY", affinity),
    Column::number("KEYS", |row: &NodeRow| row.keys.to_string()),
    Column::number("TARGET", |row: &NodeRow| row.target.to_string()),
    Column::number("DELTA", delta).toned(|_| Tone::Dim),
    Column::number("STOPPING", |row: &NodeRow| row.stopping.to_string()),
    Column::number("BEAT", |row: &NodeRow| span(row.last_beat_ms_ago)),
    Column::new("HOST", |row: &NodeRow| row.host.clone()).wide(),
    Column::new("BUILD", |row: &NodeRow| row.build.clone()).wide(),
    Column::new("LABELS", labels).wide(),
    Column::new("INTENT", intent).wide(),
];

impl NodesArgs {
    /// Every node of a group or of a file.
    pub(crate) fn every_node(from: FromArgs) -> Self {
        Self {
            node: None,
            label: Vec::new(),
            state: None,
            sort: Sort::State,
            reverse: false,
            top: None,
            every: EveryArgs::default(),
            from,
        }
    }

    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        if self.from.from.is_some() {
            let show = |look: &Look| self.show(shell, look, &Deaths::new());
            return shell.look_every(&self.from, &self.every, show).await;
        }
        let group = shell.open().await?.group;
        let mut watch = group.watch();
        let first = self.every.first(&mut watch).await?;
        let deaths = deaths(&group, &first.snapshot).await;
        shell
            .repeat(watch, first, &self.every, |look, changed| match changed {
                None => self.show(shell, look, &deaths),
                Some(_) => Ok(()),
            })
            .await
    }

    fn show(&self, shell: &Shell, look: &Look, deaths: &Deaths) -> Outcome {
        let snapshot = &look.snapshot;
        if let Some(node) = &self.node
            && snapshot.node(node).is_none()
        {
            return Err(Failure::new(Exit::NotFound, format!("no such node: {node}")));
        }
        let mut nodes: Vec<_> = snapshot.nodes().filter(|node| self.means(node)).collect();
        self.sort(&mut nodes);
        nodes.truncate(self.top.unwrap_or(usize::MAX));
        let rows: Vec<_> = nodes.iter().map(|node| NodeRow::new(node, &look.viewer)).collect();
        let gone = gone::rows(snapshot, deaths, &look.viewer);
        let document = NodesDocument {
            head: Head::new("divider.nodes.v1", snapshot, &look.viewer),
            summary: Summary::new(snapshot),
            nodes: &rows,
            gone: &gone,
        };
        shell.output.list(&List { columns: COLUMNS, rows: &rows, kind: "node" }, &document)?;
        sum_up(&shell.output, snapshot);
        for line in gone::lines(&gone, snapshot) {
            shell.output.say(&line);
        }
        Ok(())
    }

    fn means(&self, node: &NodeStatus) -> bool {
        self.node.as_ref().is_none_or(|id| node.node == *id)
            && self.state.is_none_or(|state| node.state == state)
            && self.label.iter().all(|label| label.is_on(node))
    }

    fn sort(&self, nodes: &mut [&NodeStatus]) {
        // They come by name, and equal ones stay so.
        match self.sort {
            Sort::State => nodes.sort_by_key(|node| node.state),
            Sort::Node => {}
            Sort::Keys => nodes.sort_by_key(|node| Reverse(node.keys)),
            Sort::Delta => nodes.sort_by_key(|node| Reverse(node.keys.abs_diff(node.target))),
            Sort::Affinity => nodes.sort_by_key(|node| Reverse(node.effective_affinity)),
            Sort::Beat => nodes.sort_by_key(|node| node.last_beat),
        }
        if self.reverse {
            nodes.reverse();
        }
    }
}

/// The state, and how far a drain is.
fn state(row: &NodeRow) -> String {
    let from = row.intent.as_ref().map_or(0, |intent| intent.drained_from);
    match (row.state.as_str(), row.keys.min(from), from) {
        ("away", ..) if row.away_ms.is_some() => {
            let since = row.away_since_ms.map(Duration::from_millis).unwrap_or_default();
            let of = Duration::from_millis(row.away_ms.unwrap_or_default());
            format!("away {} of {}", age(since), age(of))
        }
        ("draining", left, 1..) => format!("draining {}%", (from - left) * 100 / from),
        (state, ..) => state.to_owned(),
    }
}

/// What it is planned with, and its own where that is another.
fn affinity(row: &NodeRow) -> String {
    match (row.effective_affinity, row.affinity) {
        (same, own) if same == own => own.to_string(),
        (now, own) => format!("{now} ({own})"),
    }
}

fn delta(row: &NodeRow) -> String {
    match (row.target, row.keys) {
        (target, keys) if keys > target => format!("+{}", keys - target),
        (target, keys) if keys < target => format!("-{}", target - keys),
        _ => "0".to_owned(),
    }
}

pub(crate) fn span(ms: Option<u64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| age(Duration::from_millis(ms)))
}

pub(crate) fn labels(row: &NodeRow) -> String {
    let each: Vec<_> = row.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    each.join(",")
}

pub(crate) fn intent(row: &NodeRow) -> String {
    let Some(intent) = &row.intent else { return String::new() };
    intent.line()
}
