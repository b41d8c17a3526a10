//! `divider cordon`

use clap::Args;

use crate::change_report::ChangeReport;
use crate::cli::Signed;
use crate::command::nodes_to;
use crate::exit::Outcome;
use crate::label::{Label, NodeArg};
use crate::shell::Shell;

/// Give nodes no new keys; they keep their keys
///
/// A cordon lasts until `divider resume`, also across a restart of the node. It ends a drain of the
/// node: keys not handed over yet stay.
#[derive(Debug, Args)]
pub(crate) struct CordonArgs {
    /// The nodes, such as w1 or 'w*'
    #[arg(value_name = "NODE", required_unless_present = "label", add = crate::complete::nodes())]
    nodes: Vec<NodeArg>,
    /// The nodes with this label, instead of names; if repeated, the nodes with all of the labels
    #[arg(short, long, value_name = "NAME=VALUE", conflicts_with = "nodes")]
    label: Vec<Label>,
    /// Show which nodes would change, without changing them
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    signed: Signed,
}

impl CordonArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let group = shell.open().await?.group;
        let nodes = nodes_to(&group, &self.nodes, &self.label, self.dry_run).await?;
        let mut changes = Vec::new();
        let mut end = Ok(());
        for node in &nodes {
            let on = format!("node/{node}");
            if self.dry_run {
                changes.push(ChangeReport::would(on, "cordoned"));
                continue;
            }
            match group.cordon(node, &self.signed.why()).await {
                Ok(edited) => changes.push(ChangeReport::edited(on, "cordoned", edited)),
                Err(error) => {
                    end = Err(error.into());
                    break;
                }
            }
        }
        shell.answer_changes_until(group.name().as_str(), &changes, end)
    }
}
