//! `divider resume`

use clap::Args;
use divider::NodeId;
use divider::group::{AfterResume, Edited};

use crate::Outcome;
use crate::cli::{Place, Signed};
use crate::output::answer;

/// Undo a drain or a cordon
///
/// No key that runs moves for it: the nodes get their share of what is announced or loses its owner
/// from now on.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    place: Place,
    /// The nodes
    #[arg(value_name = "NODE", required = true)]
    nodes: Vec<NodeId>,
    /// Move as few keys as give every node its share
    #[arg(long)]
    rebalance: bool,
    #[command(flatten)]
    signed: Signed,
}

/// Resumes the nodes.
pub(crate) async fn run(args: ResumeArgs) -> Outcome {
    let group = args.place.open().await?;
    let why = args.signed.why();
    for node in &args.nodes {
        let edited = group.resume(node, AfterResume::MoveNothing, &why).await?;
        let what = match edited {
            Edited::Changed(_) => "resumed",
            Edited::Already(_) => "already active",
        };
        answer(&format!("node/{node} {what}\n"))?;
    }
    if args.rebalance {
        group.rebalance(&why).await?;
    }
    Ok(())
}
