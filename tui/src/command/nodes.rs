//! `divider nodes`

use clap::Args;
use divider::snapshot::{NodeStatus, Snapshot};

use crate::exit::Outcome;
use crate::output::{answer, count, plain, table, tell};
use crate::shell::Shell;

/// List the nodes: how each is, and how many keys it has
///
/// It looks once. A node that has just fallen silent shows as it was, until another node has found
/// its lease to be over.
#[derive(Debug, Args)]
pub(crate) struct NodesArgs {}

const HEADINGS: [&str; 7] = ["NODE", "STATE", "AFFINITY", "KEYS", "TARGET", "STOPPING", "HOST"];

impl NodesArgs {
    /// Lists the nodes.
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let snapshot = shell.open().await?.group.snapshot().await?;
        let rows: Vec<_> = snapshot.nodes().map(row).collect();
        answer(&table(HEADINGS, &rows))?;
        sum_up(&snapshot);
        Ok(())
    }
}

fn row(node: &NodeStatus) -> [String; 7] {
    [
        node.node.to_string(),
        node.state.as_str().to_owned(),
        node.effective_affinity.to_string(),
        node.keys.to_string(),
        node.target.to_string(),
        node.stopping.to_string(),
        plain(&node.host),
    ]
}

/// Says how the group as a whole is.
pub(crate) fn sum_up(snapshot: &Snapshot) {
    let counts = snapshot.counts();
    tell(&format!(
        "{}: {} running, {} stopping, {} without an owner",
        count(counts.all(), "key"),
        counts.running,
        counts.stopping,
        counts.orphaned
    ));
    if let Some(freeze) = snapshot.freeze() {
        let (by, reason) = (plain(&freeze.by), plain(&freeze.reason));
        tell(&format!("balance moves are frozen by {by:?}: {reason:?}"));
    }
    for problem in &snapshot.problems().shown {
        tell(&format!("a record cannot be read: {}: {}", plain(&problem.name), problem.why));
    }
}
