//! `divider affinity`

use clap::Args;
use divider::NodeId;

use crate::cli::Signed;
use crate::deed::Deed;
use crate::exit::Outcome;
use crate::shell::Shell;

/// Give a node another affinity than it says itself
///
/// Nothing that runs moves for it: the node gets its new share of what is announced or loses its
/// owner from now on; `divider rebalance` moves the rest. 0 gives it nothing new.
#[derive(Debug, Args)]
pub(crate) struct AffinityArgs {
    /// The node
    #[arg(value_name = "NODE")]
    node: NodeId,
    /// The affinity
    #[arg(value_name = "N", required_unless_present = "clear", conflicts_with = "clear")]
    affinity: Option<u32>,
    /// Have the node's own word count again
    #[arg(long)]
    clear: bool,
    /// Say what would change, and change nothing
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
        let deed = if self.dry_run {
            super::nodes_to(&group, std::slice::from_ref(&self.node), &[], true).await?;
            Deed::would(on, &what)
        } else {
            let why = self.signed.why();
            let edited = group.set_affinity(&self.node, self.affinity, &why).await?;
            Deed::edited(on, &what, edited)
        };
        shell.answer_deeds(group.name().as_str(), &[deed])
    }
}
