//! Names of records.

use std::borrow::Cow;
use std::fmt;

use super::Part;
use crate::error::{InvalidId, InvalidKey};
use crate::id::NodeId;
use crate::key::{Key, Wire, read_wire};

/// A parsed record name.
pub type RecordName = Named<Key>;

/// The kind of a record, with its key, its key's text, or its node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Named<K> {
    /// `key.<key>`: the key exists.
    Key(K),
    /// `claim.<key>`: who owns the key.
    Claim(K),
    /// `lease.<node>`: the proof that the node's session lives.
    Lease(NodeId),
    /// `member.<node>`: how others plan with the node.
    Member(NodeId),
    /// `stops.<node>`: the node's unconfirmed stops.
    Stops(NodeId),
    /// `control.<node>`: what operators request of the node.
    Control(NodeId),
    /// `manifest.<part>`: the current records of a part of the names.
    Manifest(Part),
    /// `retry.<key>`: an operator ended the quarantine of the key.
    Retry(K),
    /// `rebalance`: a request for a balance generation.
    Rebalance,
    /// `group`: the group's protocol version and freeze.
    Group,
}

/// A record name that this protocol does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// The key in it is invalid.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// The node id in it is invalid.
    #[error(transparent)]
    Node(#[from] InvalidId),
    /// It is of no type that this version knows.
    #[error("unknown record type: {name:?}")]
    Unknown {
        /// The name, cut at 64 characters.
        name: String,
    },
}

impl RecordName {
    /// Parses a record name.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        Ok(match Named::read(name)? {
            Named::Key(text) => Self::Key(Key::of_known(&text)),
            Named::Claim(text) => Self::Claim(Key::of_known(&text)),
            Named::Lease(node) => Self::Lease(node),
            Named::Member(node) => Self::Member(node),
            Named::Stops(node) => Self::Stops(node),
            Named::Control(node) => Self::Control(node),
            Named::Manifest(part) => Self::Manifest(part),
            Named::Retry(text) => Self::Retry(Key::of_known(&text)),
            Named::Rebalance => Self::Rebalance,
            Named::Group => Self::Group,
        })
    }
}

impl<'a> Named<Cow<'a, str>> {
    /// Parses a record name. The text of a key is copied only if it has escapes.
    pub fn read(name: &'a str) -> Result<Self, InvalidName> {
        let (kind, rest) = name.split_once('.').unwrap_or((name, ""));
        let unknown = || InvalidName::Unknown { name: name.chars().take(64).collect() };
        Ok(match kind {
            "key" => Self::Key(read_wire(rest)?),
            "claim" => Self::Claim(read_wire(rest)?),
            "lease" => Self::Lease(NodeId::new(rest)?),
            "member" => Self::Member(NodeId::new(rest)?),
            "stops" => Self::Stops(NodeId::new(rest)?),
            "control" => Self::Control(NodeId::new(rest)?),
            "manifest" => Self::Manifest(rest.parse().map_err(|()| unknown())?),
            "retry" => Self::Retry(read_wire(rest)?),
            "rebalance" if rest.is_empty() && name == kind => Self::Rebalance,
            "group" if rest.is_empty() && name == kind => Self::Group,
            _ => return Err(unknown()),
        })
    }
}

impl<K: AsRef<str>> fmt::Display for Named<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key.{}", Wire(key.as_ref())),
            Self::Claim(key) => write!(f, "claim.{}", Wire(key.as_ref())),
            Self::Lease(node) => write!(f, "lease.{node}"),
            Self::Member(node) => write!(f, "member.{node}"),
            Self::Stops(node) => write!(f, "stops.{node}"),
            Self::Control(node) => write!(f, "control.{node}"),
            Self::Manifest(part) => write!(f, "manifest.{part}"),
            Self::Retry(key) => write!(f, "retry.{}", Wire(key.as_ref())),
            Self::Rebalance => f.write_str("rebalance"),
            Self::Group => f.write_str("group"),
        }
    }
}
