//! `divider resume`

use clap::Args;
use divider::group::AfterResume;
use divider::{Group, NodeId};

use crate::change_report::ChangeReport;
use crate::cli::Signed;
use crate::command::nodes_to;
use crate::command::rebalance::{confirm, preview, say_shifts};
use crate::exit::Outcome;
use crate::label::{Label, NodeArg};
use crate::shell::Shell;

/// End a drain or a cordon
///
/// Moves no running key. From now on the nodes get their share of new and orphaned keys. With
/// --rebalance, running keys move, too.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The nodes, such as w1 or 'w*'
    #[arg(value_name = "NODE", required_unless_present = "label", add = crate::complete::nodes())]
    nodes: Vec<NodeArg>,
    /// The nodes with this label, instead of names; if repeated, the nodes with all of the labels
    #[arg(short, long, value_name = "NAME=VALUE", conflicts_with = "nodes")]
    label: Vec<Label>,
    /// Also rebalance, with the fewest moves
    #[arg(long)]
    rebalance: bool,
    /// With --rebalance, do not ask for confirmation
    #[arg(short, long, requires = "rebalance")]
    yes: bool,
    /// Show which nodes would change, without changing them
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    signed: Signed,
}

impl ResumeArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let group = shell.open().await?.group;
        let nodes = nodes_to(&group, &self.nodes, &self.label, self.dry_run).await?;
        if self.rebalance && !self.dry_run {
            let plan = preview(&group, &nodes).await?;
            say_shifts(shell, &plan);
            confirm(shell, &group, &plan, &nodes, self.yes).await?;
        }
        let mut changes = Vec::new();
        let end = self.resume(&group, &nodes, &mut changes).await;
        shell.answer_changes_until(group.name().as_str(), &changes, end)
    }

    async fn resume(
        &self,
        group: &Group,
        nodes: &[NodeId],
        changes: &mut Vec<ChangeReport>,
    ) -> Outcome {
        let why = self.signed.why();
        for node in nodes {
            let on = format!("node/{node}");
            if self.dry_run {
                changes.push(ChangeReport::would(on, "active"));
                continue;
            }
            // The rebalance is asked for once, after all of them.
            let edited = group.resume(node, AfterResume::MoveNothing, &why).await?;
            changes.push(ChangeReport::edited(on, "active", edited));
        }
        if self.rebalance && !self.dry_run {
            let edited = group.rebalance(&why).await?;
            changes.push(ChangeReport::edited(
                format!("group/{}", group.name()),
                "rebalance requested",
                edited,
            ));
        }
        Ok(())
    }
}
