//! `divider forget` and `divider delete-group`

use clap::Args;
use divider::{GroupName, NodeId};

use crate::ask::ask_for;
use crate::change_report::ChangeReport;
use crate::cli::Signed;
use crate::exit::{Exit, Failure, Outcome};
use crate::label::node_id;
use crate::output::count;
use crate::shell::Shell;

/// Remove the request for an absent node
///
/// A cordon, a drain or an affinity waits for a node that is not there. Without the request the node
/// takes keys as usual if it ever returns, and is no longer listed as absent.
#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    /// The nodes
    #[arg(value_name = "NODE", required = true, value_parser = node_id, add = crate::complete::nodes())]
    nodes: Vec<NodeId>,
    #[command(flatten)]
    signed: Signed,
}

/// Delete a group for good, with all its keys
///
/// All nodes stop their work. It asks twice: for a yes, and for the name of the group. Without a
/// terminal, both are given by --yes and --confirm NAME. It takes the rights of an administrator of the
/// account, which the role of an operator does not have.
#[derive(Debug, Args)]
pub(crate) struct DeleteGroupArgs {
    /// The group
    #[arg(value_name = "GROUP", add = crate::complete::groups())]
    name: GroupName,
    /// Do not ask whether to delete it
    #[arg(short, long)]
    yes: bool,
    /// The name of the group again, instead of typing it
    #[arg(long, value_name = "GROUP")]
    confirm: Option<String>,
}

impl ForgetArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let group = shell.open().await?.group;
        let mut changes = Vec::new();
        let mut end = Ok(());
        for node in &self.nodes {
            match group.forget(node, &self.signed.why()).await {
                Ok(edited) => {
                    changes.push(ChangeReport::edited(format!("node/{node}"), "forgotten", edited));
                }
                Err(error) => {
                    end = Err(error.into());
                    break;
                }
            }
        }
        shell.answer_changes_until(group.name().as_str(), &changes, end)
    }
}

impl DeleteGroupArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let connected = shell.connect().await?;
        let opened = connected.open_group(self.name.clone()).await?;
        let snapshot = opened.group.snapshot().await?;
        let (keys, nodes) = (snapshot.counts().all(), snapshot.nodes().len() as u64);
        let what = format!("{} and {}", count(keys, "key"), count(nodes, "node"));
        shell.output.say(&format!("the group {} has {what}; all work on them stops", self.name));
        let refused = || Failure::new(Exit::Refused, "not confirmed, nothing changed");
        if !self.yes {
            let question = format!("Delete the group {} for good? [y/N] ", self.name);
            let answer = ask_for(&question, "--yes")?.await.unwrap_or_default();
            if !matches!(answer.to_lowercase().as_str(), "y" | "yes") {
                return Err(refused());
            }
        }
        let typed = if let Some(name) = &self.confirm {
            name.clone()
        } else {
            let option = format!("--confirm {}", self.name);
            ask_for("Type the name of the group: ", &option)?.await.unwrap_or_default()
        };
        if typed != self.name.as_str() {
            return Err(refused());
        }
        connected.server.delete(&self.name).await?;
        let change = ChangeReport::done(format!("group/{}", self.name), "deleted");
        shell.answer_changes(self.name.as_str(), &[change])
    }
}
