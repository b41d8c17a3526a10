//! The command line.

use clap::{Args, Parser, Subcommand};
use divider::group::Why;
use divider::{Group, GroupName, NatsStore, OpenError};

/// Look at groups of nodes that share keys, and say what you want of them
#[derive(Debug, Parser)]
#[command(name = "divider", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a group
    Init(crate::init::InitArgs),
    /// List the nodes: how each is, and how many keys it has
    Nodes(crate::nodes::NodesArgs),
    /// List the keys: who has each, and with which fencing token
    Keys(crate::keys::KeysArgs),
    /// Move everything off nodes, and wait until it is done
    Drain(crate::drain::DrainArgs),
    /// Undo a drain or a cordon
    Resume(crate::resume::ResumeArgs),
}

/// Where the group is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// The nats-server, or several with commas between them
    #[arg(
        short,
        long,
        value_name = "URL",
        env = "NATS_URL",
        hide_env_values = true,
        default_value = "nats://127.0.0.1:4222"
    )]
    pub(crate) server: String,
    /// The group of nodes that share the keys
    #[arg(short, long, value_name = "NAME", env = "DIVIDER_GROUP")]
    pub(crate) group: GroupName,
}

impl Place {
    pub(crate) async fn open(&self) -> Result<Group, OpenError> {
        NatsStore::connect(&self.server, self.group.clone()).await.map(Group::open)
    }
}

/// Who asks, and why: kept on record.
#[derive(Debug, Clone, Args)]
pub(crate) struct Signed {
    /// Why, for whoever looks at the node
    #[arg(short = 'm', long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Who asks
    #[arg(long, value_name = "NAME", env = "USER", default_value = "")]
    by: String,
}

impl Signed {
    pub(crate) fn why(&self) -> Why {
        Why::new(&self.by, &self.reason)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
