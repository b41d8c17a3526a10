//! Looking at a group's stream as the server has it, also where it cannot be opened.

use std::time::SystemTime;

use serde::Deserialize;

use super::account::NatsAccount;
use super::error::OpenError;
use super::open::open_error;
use super::stream::{BrokenRule, Names, StreamInfo};
use crate::id::GroupName;

/// A group's stream, whether or not it keeps the rules of the protocol.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Inspection {
    /// Every rule that it breaks.
    pub broken: Vec<BrokenRule>,
    /// How many replicas the stream is configured with.
    pub replicas: usize,
    /// The servers that have a replica; empty where the server is no part of a cluster.
    pub servers: Vec<Replica>,
    /// Bytes kept now.
    pub bytes: u64,
    /// The limit on bytes, if there is one.
    pub max_bytes: Option<u64>,
    /// Records kept now.
    pub records: u64,
    /// The server's wall clock when it answered, if it said so.
    pub server_time: Option<SystemTime>,
}

/// A server's replica of a group's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replica {
    /// The server's name.
    pub server: String,
    /// Whether this server leads the stream.
    pub is_leader: bool,
    /// Whether it has everything that the leader has.
    pub is_current: bool,
    /// Whether the leader cannot reach this server.
    pub is_offline: bool,
}

/// What the server says about its cluster.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ClusterInfo {
    #[serde(default)]
    leader: String,
    #[serde(default)]
    replicas: Vec<Peer>,
}

#[derive(Debug, Deserialize)]
struct Peer {
    name: String,
    #[serde(default)]
    current: bool,
    #[serde(default)]
    offline: bool,
}

impl NatsAccount {
    /// Looks at a group's stream: its rules, its replicas, its size, and the server's clock.
    ///
    /// # Errors
    /// [`OpenError::NoGroup`], [`OpenError::NoJetStream`], [`OpenError::Denied`],
    /// [`OpenError::Timeout`], [`OpenError::Store`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn inspect(&self, group: &GroupName) -> Result<Inspection, OpenError> {
        let api = self.api(Some(group));
        let names = Names::new(group);
        let info = api.request(&format!("STREAM.INFO.{}", names.stream), &()).await;
        let info: StreamInfo = info.map_err(|error| open_error(&api, error))?;
        Ok(Inspection {
            broken: names.broken_rules(&info.config),
            replicas: info.replicas(),
            bytes: info.state.bytes,
            max_bytes: info.max_bytes(),
            records: info.state.messages,
            server_time: info.server_time(),
            servers: info.cluster.map(ClusterInfo::servers).unwrap_or_default(),
        })
    }
}

impl ClusterInfo {
    fn servers(self) -> Vec<Replica> {
        let leader = (!self.leader.is_empty()).then_some(Replica {
            server: self.leader,
            is_leader: true,
            is_current: true,
            is_offline: false,
        });
        let other = |peer: Peer| Replica {
            server: peer.name,
            is_leader: false,
            is_current: peer.current,
            is_offline: peer.offline,
        };
        leader.into_iter().chain(self.replicas.into_iter().map(other)).collect()
    }
}
