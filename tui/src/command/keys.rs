//! `divider keys`

use clap::{Args, ValueEnum};
use divider::snapshot::{KeyStatus, Phase};
use divider::{Key, NodeId};

use crate::command::nodes::sum_up;
use crate::exit::Outcome;
use crate::output::{answer, plain, table};
use crate::shell::Shell;

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    /// Only keys that begin with this
    #[arg(value_name = "PREFIX", default_value = "")]
    prefix: String,
    /// Only keys of this node
    #[arg(long, value_name = "NODE")]
    node: Option<NodeId>,
    /// Only keys in this phase
    #[arg(long, value_name = "PHASE")]
    phase: Option<PhaseArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PhaseArg {
    /// No live node has it
    Orphaned,
    /// A live node has it
    Running,
    /// A live node has it and was told to stop
    Stopping,
}

impl From<PhaseArg> for Phase {
    fn from(phase: PhaseArg) -> Self {
        match phase {
            PhaseArg::Orphaned => Self::Orphaned,
            PhaseArg::Running => Self::Running,
            PhaseArg::Stopping => Self::Stopping,
        }
    }
}

const HEADINGS: [&str; 4] = ["KEY", "OWNER", "PHASE", "TOKEN"];

impl KeysArgs {
    /// Lists the keys.
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let snapshot = shell.open().await?.group.snapshot().await?;
        let shown = snapshot.keys().filter(|(key, status)| self.shows(key, status));
        let rows: Vec<_> = shown.map(|(key, status)| row(key, status)).collect();
        answer(&table(HEADINGS, &rows))?;
        sum_up(&snapshot);
        Ok(())
    }
}

impl KeysArgs {
    fn shows(&self, key: &Key, status: &KeyStatus) -> bool {
        key.as_str().starts_with(&self.prefix)
            && self.node.as_ref().is_none_or(|node| status.owner.as_ref() == Some(node))
            && self.phase.is_none_or(|phase| status.phase == phase.into())
    }
}

fn row(key: &Key, status: &KeyStatus) -> [String; 4] {
    [
        plain(key.as_str()),
        status.owner.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        status.phase.as_str().to_owned(),
        status.token.to_string(),
    ]
}
