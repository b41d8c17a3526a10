//! Names of records.

use std::fmt;

use crate::error::{InvalidId, InvalidKey};
use crate::id::NodeId;
use crate::key::Key;

/// The name of a record, read: what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RecordName {
    /// `key.<key>`: the key exists.
    Key(Key),
    /// `claim.<key>`: who owns the key.
    Claim(Key),
    /// `lease.<node>`: the node's proof of life.
    Lease(NodeId),
    /// `member.<node>`: the node as the others plan with it.
    Member(NodeId),
    /// `stops.<node>`: the stops that the node was told and has not confirmed.
    Stops(NodeId),
    /// `control.<node>`: what the operator wants of the node.
    Control(NodeId),
    /// `rebalance`: a balance generation that was asked for.
    Rebalance,
    /// `group`: the group's protocol version and freeze.
    Group,
}

/// Why a record's name is not one of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// It names a key that is none.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// It names a node that is none.
    #[error(transparent)]
    Node(#[from] InvalidId),
    /// It is no kind of record that this version knows.
    #[error("a record of an unknown kind: {name:?}")]
    Unknown {
        /// The name, cut at 64 characters.
        name: String,
    },
}

impl RecordName {
    /// Reads a name as it stands in the bucket.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        let (kind, rest) = name.split_once('.').unwrap_or((name, ""));
        Ok(match kind {
            "key" => Self::Key(Key::from_wire(rest)?),
            "claim" => Self::Claim(Key::from_wire(rest)?),
            "lease" => Self::Lease(NodeId::new(rest)?),
            "member" => Self::Member(NodeId::new(rest)?),
            "stops" => Self::Stops(NodeId::new(rest)?),
            "control" => Self::Control(NodeId::new(rest)?),
            "rebalance" if rest.is_empty() && name == kind => Self::Rebalance,
            "group" if rest.is_empty() && name == kind => Self::Group,
            _ => return Err(InvalidName::Unknown { name: name.chars().take(64).collect() }),
        })
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key.{}", key.wire()),
            Self::Claim(key) => write!(f, "claim.{}", key.wire()),
            Self::Lease(node) => write!(f, "lease.{node}"),
            Self::Member(node) => write!(f, "member.{node}"),
            Self::Stops(node) => write!(f, "stops.{node}"),
            Self::Control(node) => write!(f, "control.{node}"),
            Self::Rebalance => f.write_str("rebalance"),
            Self::Group => f.write_str("group"),
        }
    }
}
