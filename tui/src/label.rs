//! The nodes that a command is about: by name, by pattern, or by label.

use std::str::FromStr;

use divider::NodeId;
use divider::group::OperateError;
use divider::snapshot::{NodeStatus, Snapshot};

use crate::exit::{Exit, Failure};
use crate::glob::is_meant;

/// A label that a node has to have, as `zone=eu-1b`.
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

/// A node, or a pattern of nodes: `w1`, `node/w1` as `-o name` prints it, `'w*'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NodeArg {
    Id(NodeId),
    Pattern(String),
}

impl FromStr for NodeArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("node/").unwrap_or(text);
        let is_of_pattern = |c: char| c.is_ascii_alphanumeric() || "*?._-".contains(c);
        if name.contains(['*', '?']) && name.chars().all(is_of_pattern) {
            return Ok(Self::Pattern(name.to_owned()));
        }
        node_id(name).map(Self::Id)
    }
}

/// One node: `w1` or `node/w1`.
pub(crate) fn node_id(text: &str) -> Result<NodeId, String> {
    let name = text.strip_prefix("node/").unwrap_or(text);
    name.parse().map_err(|error: divider::InvalidId| error.to_string())
}

/// The nodes, each once, where all of them are named: then no snapshot is needed.
pub(crate) fn named(nodes: &[NodeArg], labels: &[Label]) -> Option<Vec<NodeId>> {
    let mut named = Vec::new();
    for node in nodes.iter().filter(|_| labels.is_empty()) {
        match node {
            NodeArg::Pattern(_) => return None,
            NodeArg::Id(node) if named.contains(node) => {}
            NodeArg::Id(node) => named.push(node.clone()),
        }
    }
    labels.is_empty().then_some(named)
}

/// The nodes that are named, that match a pattern, or that have all the labels; each once.
pub(crate) fn chosen(
    nodes: &[NodeArg],
    labels: &[Label],
    snapshot: &Snapshot,
) -> Result<Vec<NodeId>, Failure> {
    let mut chosen: Vec<NodeId> = Vec::new();
    let mut add = |node: &NodeId| {
        if !chosen.contains(node) {
            chosen.push(node.clone());
        }
    };
    for node in nodes {
        match node {
            NodeArg::Id(node) => add(node),
            NodeArg::Pattern(pattern) => {
                let is_match = |node: &&NodeStatus| is_meant(pattern, node.node.as_str());
                let mut matching = snapshot.nodes().filter(is_match).peekable();
                if matching.peek().is_none() {
                    let words = format!("no node matches: {pattern}");
                    return Err(Failure::new(Exit::NotFound, words));
                }
                matching.for_each(|node| add(&node.node));
            }
        }
    }
    if !labels.is_empty() {
        let has_all = |node: &&NodeStatus| labels.iter().all(|label| label.is_on(node));
        snapshot.nodes().filter(has_all).for_each(|node| add(&node.node));
        if chosen.is_empty() {
            return Err(Failure::new(Exit::NotFound, "no node has all of these labels"));
        }
    }
    Ok(chosen)
}

/// Checks that the group knows these nodes.
pub(crate) fn check_known(nodes: &[NodeId], snapshot: &Snapshot) -> Result<(), Failure> {
    let Some(node) = nodes.iter().find(|node| snapshot.node(node).is_none()) else {
        return Ok(());
    };
    if let Some(gone) = snapshot.gone().iter().find(|gone| gone.node == *node) {
        let words = format!("{node} is gone; nothing to do: {}", crate::gone::how(gone));
        return Err(Failure::new(Exit::NotFound, words));
    }
    let known = snapshot.nodes().map(|status| status.node.clone()).collect();
    Err(OperateError::UnknownNode { node: node.clone(), known }.into())
}

#[cfg(test)]
mod tests {
    use divider::snapshot::{Moment, NodeState};
    use divider::{GroupName, Revision};

    use super::*;

    #[test]
    fn nodes_are_meant_by_name_by_pattern_and_once() {
        let now = Moment::now();
        let mut builder = Snapshot::builder(GroupName::new("g").expect("legal"), Revision(1), now);
        for id in ["w1", "w2", "x1"] {
            let id = NodeId::new(id).expect("legal");
            builder = builder.node(NodeStatus::new(id, NodeState::Ready, now));
        }
        let snapshot = builder.build();
        let check = |args: &[&str], expected: &[&str]| {
            let args: Vec<NodeArg> = args.iter().map(|arg| arg.parse().expect("legal")).collect();
            let found = chosen(&args, &[], &snapshot).expect("found");
            let found: Vec<_> = found.iter().map(NodeId::as_str).collect();
            assert_eq!(found, expected);
        };
        check(&["w1", "w1", "node/w1"], &["w1"]);
        check(&["w*"], &["w1", "w2"]);
        check(&["x1", "*1"], &["x1", "w1"]);
        check(&["node/?2"], &["w2"]);
        check(&["nowhere"], &["nowhere"]);
        let nothing = chosen(&["y*".parse().expect("legal")], &[], &snapshot);
        assert_eq!(nothing.expect_err("none").to_string(), "no node matches: y*");
        assert!("a b".parse::<NodeArg>().is_err());
        assert!("a b*".parse::<NodeArg>().is_err());
    }
}
