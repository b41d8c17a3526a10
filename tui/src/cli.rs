//! The command line.

use clap::{Args, Parser, Subcommand};
use divider::group::Requester;

use crate::command;
use crate::connection::ConnectionArgs;
use crate::exit::Outcome;
use crate::output::OutputArgs;
use crate::shell::Shell;

/// Show and operate groups of nodes that share keys
#[derive(Debug, Parser)]
#[command(name = "divider", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Top(crate::top::TopArgs),
    Init(command::init::InitArgs),
    #[command(visible_alias = "ls")]
    Groups(command::groups::GroupsArgs),
    #[command(visible_alias = "info")]
    Status(command::status::StatusArgs),
    Nodes(command::nodes::NodesArgs),
    #[command(visible_alias = "describe")]
    Node(command::node::NodeArgs),
    Keys(command::keys::KeysArgs),
    Key(command::key::KeyArgs),
    Moves(command::moves::MovesArgs),
    Watch(command::watch::WatchArgs),
    Events(command::events::EventsArgs),
    Announce(command::announce::AnnounceArgs),
    Retract(command::announce::RetractArgs),
    Reconcile(command::reconcile::ReconcileArgs),
    Request(command::request::RequestArgs),
    Exec(command::exec::ExecArgs),
    Cordon(command::cordon::CordonArgs),
    #[command(visible_alias = "uncordon")]
    Resume(command::resume::ResumeArgs),
    Drain(command::drain::DrainArgs),
    Move(command::move_key::MoveArgs),
    Retry(command::retry::RetryArgs),
    Affinity(command::affinity::AffinityArgs),
    Rebalance(command::rebalance::RebalanceArgs),
    Freeze(command::freeze::FreezeArgs),
    Thaw(command::freeze::ThawArgs),
    Forget(command::forget::ForgetArgs),
    Check(command::check::CheckArgs),
    Repair(command::repair::RepairArgs),
    DeleteGroup(command::forget::DeleteGroupArgs),
    Export(command::export::ExportArgs),
    Context(command::context::ContextArgs),
    Doctor(command::doctor::DoctorArgs),
    Completion(command::completion::CompletionArgs),
    Man(command::man::ManArgs),
    Version(command::version::VersionArgs),
}

impl Command {
    /// Whether it ends well by itself after Ctrl-C, and is waited for.
    pub(crate) fn handles_interrupt(&self) -> bool {
        matches!(self, Self::Exec(_))
    }

    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        match self {
            Self::Top(args) => Box::pin(args.run(shell)).await,
            Self::Init(args) => args.run(shell).await,
            Self::Groups(args) => args.run(shell).await,
            Self::Status(args) => args.run(shell).await,
            Self::Nodes(args) => args.run(shell).await,
            Self::Node(args) => args.run(shell).await,
            Self::Keys(args) => args.run(shell).await,
            Self::Key(args) => args.run(shell).await,
            Self::Moves(args) => args.run(shell).await,
            Self::Watch(args) => args.run(shell).await,
            Self::Events(args) => args.run(shell).await,
            Self::Announce(args) => args.run(shell).await,
            Self::Retract(args) => args.run(shell).await,
            Self::Reconcile(args) => args.run(shell).await,
            Self::Request(args) => args.run(shell).await,
            Self::Exec(args) => args.run(shell).await,
            Self::Cordon(args) => args.run(shell).await,
            Self::Resume(args) => args.run(shell).await,
            Self::Drain(args) => args.run(shell).await,
            Self::Move(args) => args.run(shell).await,
            Self::Retry(args) => args.run(shell).await,
            Self::Affinity(args) => args.run(shell).await,
            Self::Rebalance(args) => args.run(shell).await,
            Self::Freeze(args) => args.run(shell).await,
            Self::Thaw(args) => args.run(shell).await,
            Self::Forget(args) => args.run(shell).await,
            Self::Check(args) => args.run(shell).await,
            Self::Repair(args) => args.run(shell).await,
            Self::DeleteGroup(args) => args.run(shell).await,
            Self::Export(args) => args.run(shell).await,
            Self::Context(args) => args.run(shell),
            Self::Doctor(args) => args.run(shell).await,
            Self::Completion(args) => args.run(),
            Self::Man(args) => args.run(shell),
            Self::Version(args) => args.run(shell).await,
        }
    }
}

/// The requester and the reason, which the record keeps.
#[derive(Debug, Clone, Args)]
pub(crate) struct Signed {
    /// Reason, shown with the node or the group
    #[arg(short = 'm', long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Name to record as the requester
    #[arg(long, value_name = "NAME", env = "USER", default_value = "", hide_env_values = true)]
    by: String,
}

impl Signed {
    pub(crate) fn why(&self) -> Requester {
        Requester::new(&self.by, &self.reason)
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
