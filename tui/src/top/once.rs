//! The nodes, once: for who has no terminal, or wants just that.

use crate::command::nodes::NodesArgs;
use crate::exit::Outcome;
use crate::look::FromArgs;
use crate::shell::Shell;

/// Writes the nodes as `divider nodes` does.
pub(super) async fn run(shell: &Shell, from: FromArgs) -> Outcome {
    NodesArgs::every_node(from).run(shell).await
}
