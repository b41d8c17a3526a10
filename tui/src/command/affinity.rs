//! `divider affinity`

use clap::Args;
use divider::NodeId;

use crate::change_report::ChangeReport;
use crate::cli::Signed;
use crate::exit::Outcome;
use crate::label::{NodeArg, node_id};
use crate::shell::Shell;

/// Override the affinity of a node
///
/// Moves no running key. From now on the node gets its new share of new and orphaned keys;
/// `divider rebalance` moves the rest. With 0 it gets no new keys.
#[derive(Debug, Args)]
pub(crate) struct AffinityArgs {
    /// The node
    #[arg(value_name = "NODE", value_parser = node_id, add = crate::complete::nodes())]
    node: NodeId,
    /// The affinity
    #[arg(
        value_name = "N",
        value_parser = parse_affinity,
        required_unless_present = "clear",
        conflicts_with = "clear"
    )]
    affinity: Option<u32>,
    /// Remove the override
    #[arg(long)]
    clear: bool,
    /// Show what would change, without changing it
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    signed: Signed,
}

impl AffinityArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let group = shell.open().await?.group;
        let on = format!("node/{}", self.node);
        let what = match self.affinity {
            Some(affinity) => format!("at affinity {affinity}"),
            None => "at its own affinity".to_owned(),
        };
        let change = if self.dry_run {
            super::nodes_to(&group, &[NodeArg::Id(self.node.clone())], &[], true).await?;
            ChangeReport::would(on, &what)
        } else {
            let why = self.signed.why();
            let edited = group.set_affinity(&self.node, self.affinity, &why).await?;
            ChangeReport::edited(on, &what, edited)
        };
        shell.answer_changes(group.name().as_str(), &[change])
    }
}

fn parse_affinity(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("affinity is a whole number from 0 to {}", u32::MAX))
}
