//! `divider resume`

use clap::Args;
use divider::NodeId;
use divider::group::{AfterResume, Edited};

use crate::cli::Signed;
use crate::exit::Outcome;
use crate::output::answer;
use crate::shell::Shell;

/// Undo a drain or a cordon
///
/// No key that runs moves for it: the nodes get their share of what is announced or loses its owner
/// from now on.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The nodes
    #[arg(value_name = "NODE", required = true)]
    nodes: Vec<NodeId>,
    /// Move as few keys as give every node its share
    #[arg(long)]
    rebalance: bool,
    #[command(flatten)]
    signed: Signed,
}

impl ResumeArgs {
    /// Resumes the nodes.
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let group = shell.open().await?.group;
        let why = self.signed.why();
        for node in &self.nodes {
            let edited = group.resume(node, AfterResume::MoveNothing, &why).await?;
            let what = match edited {
                Edited::Changed(_) => "resumed",
                Edited::Already(_) => "already active",
            };
            answer(&format!("node/{node} {what}\n"))?;
        }
        if self.rebalance {
            group.rebalance(&why).await?;
        }
        Ok(())
    }
}
