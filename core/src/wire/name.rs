//! Names of records.

use std::borrow::Cow;
use std::fmt;

use super::Part;
use crate::error::{InvalidId, InvalidKey};
use crate::id::NodeId;
use crate::key::{Key, Wire, read_wire};

/// The name of a record, read: what it is about.
pub type RecordName = Named<Key>;

/// What a record is about, with a key or just a key's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Named<K> {
    /// `key.<key>`: the key exists.
    Key(K),
    /// `claim.<key>`: who owns the key.
    Claim(K),
    /// `lease.<node>`: the node's proof of life.
    Lease(NodeId),
    /// `member.<node>`: the node as the others plan with it.
    Member(NodeId),
    /// `stops.<node>`: the stops that the node was told and has not confirmed.
    Stops(NodeId),
    /// `control.<node>`: what the operator wants of the node.
    Control(NodeId),
    /// `manifest.<part>`: which records of a part of the names stood at a revision.
    Manifest(Part),
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
        Ok(match Named::read(name)? {
            Named::Key(text) => Self::Key(Key::of_known(&text)),
            Named::Claim(text) => Self::Claim(Key::of_known(&text)),
            Named::Lease(node) => Self::Lease(node),
            Named::Member(node) => Self::Member(node),
            Named::Stops(node) => Self::Stops(node),
            Named::Control(node) => Self::Control(node),
            Named::Manifest(part) => Self::Manifest(part),
            Named::Rebalance => Self::Rebalance,
            Named::Group => Self::Group,
        })
    }
}

impl<'a> Named<Cow<'a, str>> {
    /// Reads a name as it stands in the bucket; a key's text is not copied if it need not be.
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
            Self::Rebalance => f.write_str("rebalance"),
            Self::Group => f.write_str("group"),
        }
    }
}
