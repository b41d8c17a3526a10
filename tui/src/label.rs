//! Labels of nodes, as `zone=eu-1b`.

use std::str::FromStr;

use divider::NodeId;
use divider::snapshot::{NodeStatus, Snapshot};

use crate::exit::{Exit, Failure};

/// A label that a node has to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    name: String,
    value: String,
}

impl FromStr for Label {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err(format!("expected NAME=VALUE, found {text:?}")),
        }
    }
}

impl Label {
    pub(crate) fn is_on(&self, node: &NodeStatus) -> bool {
        node.labels.get(&self.name) == Some(&self.value)
    }
}

/// The nodes that are named, or that have all the labels.
pub(crate) fn chosen(
    nodes: &[NodeId],
    labels: &[Label],
    snapshot: &Snapshot,
) -> Result<Vec<NodeId>, Failure> {
    if labels.is_empty() {
        return Ok(nodes.to_vec());
    }
    let has_all = |node: &&NodeStatus| labels.iter().all(|label| label.is_on(node));
    let chosen: Vec<_> = snapshot.nodes().filter(has_all).map(|node| node.node.clone()).collect();
    if chosen.is_empty() {
        return Err(Failure::new(Exit::NotFound, "no node has all of these labels"));
    }
    Ok(chosen)
}
