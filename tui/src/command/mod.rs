//! The commands, one a file: what each is asked, and what it answers.

#![allow(clippy::doc_markdown, reason = "the comments of arguments are shown as they are")]

pub(crate) mod affinity;
pub(crate) mod announce;
pub(crate) mod check;
pub(crate) mod completion;
pub(crate) mod context;
pub(crate) mod cordon;
pub(crate) mod doctor;
pub(crate) mod drain;
pub(crate) mod events;
pub(crate) mod exec;
pub(crate) mod export;
pub(crate) mod forget;
pub(crate) mod freeze;
pub(crate) mod groups;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod keys;
pub(crate) mod man;
pub(crate) mod move_key;
pub(crate) mod moves;
pub(crate) mod node;
pub(crate) mod nodes;
pub(crate) mod rebalance;
pub(crate) mod reconcile;
pub(crate) mod repair;
pub(crate) mod request;
pub(crate) mod resume;
pub(crate) mod retry;
pub(crate) mod status;
pub(crate) mod version;
pub(crate) mod watch;

use divider::{Group, NodeId};

use crate::exit::Failure;
use crate::label::{Label, NodeArg, check_known, chosen, named};

/// What `divider` alone answers.
pub(crate) const START_HERE: &str = "\
divider: show and operate groups of nodes that share keys

  divider status         show the group's health
  divider nodes          list the nodes with their states and keys
  divider drain NODE     move all keys off a node, and wait until it is drained

All commands: divider help. The server and context in use: divider context info.
";

/// The nodes that are named, that match a pattern, or that have all the labels. With `checked` the group
/// has to know them: where nothing is written, nobody else finds that out.
async fn nodes_to(
    group: &Group,
    nodes: &[NodeArg],
    labels: &[Label],
    checked: bool,
) -> Result<Vec<NodeId>, Failure> {
    if let Some(named) = named(nodes, labels).filter(|_| !checked) {
        return Ok(named);
    }
    let snapshot = group.snapshot().await?;
    let chosen = chosen(nodes, labels, &snapshot)?;
    check_known(&chosen, &snapshot)?;
    Ok(chosen)
}
