//! A node for viewers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Moment;
use crate::id::{NodeId, Revision, Session, Token};
use crate::key::Key;
use divider_core::wire::{Mode, OnDeadline};

/// The state of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStatus {
    /// Its node id.
    pub node: NodeId,
    /// Its state.
    pub state: NodeState,
    /// Since when it is in this state: as this viewer saw it, or as the times of the records show it. The
    /// time of the viewer's first snapshot where neither is known.
    pub since: Moment,
    /// Its session, if it has one.
    pub session: Option<Session>,
    /// The revision at which the session began.
    pub joined: Revision,
    /// Its own affinity.
    pub affinity: u32,
    /// The affinity that it is planned with: the operator's, else its own; 0 if it gets no new keys.
    pub effective_affinity: u32,
    /// The number of the deploy that it belongs to ([`Builder::rollout`](crate::Builder::rollout)); 0: none.
    pub rollout: u64,
    /// How many keys it would have in perfect balance: its share, by affinity, of the keys for which it
    /// is eligible, over all prefixes, rounded.
    pub target: u64,
    /// How many claims name its session.
    pub keys: u64,
    /// How many keys its application has, as its newest lease record says.
    pub held: u64,
    /// How many of its runs received a stop and are not confirmed, also of keys given away or lost, as
    /// its newest lease record says.
    pub stopping: u64,
    /// For how long its keys wait for it after the end of its session, if it restarts
    /// ([`Divider::leave_for`](crate::Divider::leave_for)). In the state [`Away`](NodeState::Away), the
    /// wait began at [`since`](Self::since).
    pub away: Option<Duration>,
    /// Whether its last session ended in order: its own node ended it, with no unconfirmed run.
    pub left: bool,
    /// When its newest heartbeat was stored, by the store's clock. `None`: no heartbeat yet.
    pub last_beat: Option<Moment>,
    /// The length of its lease. There are six heartbeats in it.
    pub lease: Duration,
    /// The newest revision that it has seen, as its newest lease record says.
    pub seen: Revision,
    /// The newest generation whose moves it has finished.
    pub balanced: Revision,
    /// It takes keys that begin with one of these. Empty: all keys.
    pub prefixes: Vec<String>,
    /// Labels for operators.
    pub labels: BTreeMap<String, String>,
    /// The name of the machine.
    pub host: String,
    /// The name and version of the build.
    pub build: String,
    /// The stops that its application has not confirmed.
    pub unconfirmed: Unconfirmed,
    /// The state that operators want of it; `None` where none ever asked for anything.
    pub desired: Option<DesiredState>,
}

/// The state of a node. If several apply, it is the most urgent one for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NodeState {
    /// Its session is over, or its lease was not renewed for its whole time and the grace. Other nodes
    /// take its keys.
    Lost,
    /// No heartbeat came for more than one and a half heartbeat intervals.
    Late,
    /// It drains. It still has keys, or some of its keys have no owner.
    Draining,
    /// It has drained. No claim names it, it has no unconfirmed stop, and every key that left it has a
    /// live owner.
    Drained,
    /// It has drained and has no keys left, but not in order. Some of its keys have no owner since the
    /// deadline freed them, or other nodes took them from a dead session whose stops nobody confirmed.
    Emptied,
    /// It hands over everything or stops everything for a restart, by its own request.
    Leaving,
    /// It restarts. Its session has ended, and its keys wait for it
    /// ([`NodeStatus::away`]).
    Away,
    /// It keeps its keys and gets no new ones.
    Cordoned,
    /// It has joined, and its join is not settled.
    Joining,
    /// It takes its share.
    Ready,
    /// There is no such node now; an operator's request waits for it.
    Absent,
}

impl NodeState {
    /// One lower-case word for the state.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Late => "late",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Emptied => "emptied",
            Self::Leaving => "leaving",
            Self::Away => "away",
            Self::Cordoned => "cordoned",
            Self::Joining => "joining",
            Self::Ready => "ready",
            Self::Absent => "absent",
        }
    }
}

/// Stops that were sent and not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Unconfirmed {
    /// How many there are.
    pub count: u64,
    /// How many of them are of keys that the node gave away without waiting any longer
    /// ([`stop_timeout`](crate::Builder::stop_timeout)), or lost. That work may still run beside the
    /// next owner's.
    pub given: u64,
    /// The oldest ones, oldest first, at most 32.
    pub oldest: Vec<UnconfirmedStop>,
}

/// A stop that was sent and not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnconfirmedStop {
    /// The key.
    pub key: Key,
    /// The token of the run.
    pub token: Token,
    /// When the stop was sent: the age in the record, counted back from its receipt.
    pub told: Moment,
    /// Whether the key was given away all the same, or lost.
    pub given: bool,
}

/// The state that operators want of a node, by the newest request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DesiredState {
    /// Whether it gets new keys and keeps those that it has.
    pub mode: Mode,
    /// The operator's affinity, which counts instead of the node's own while it is set.
    pub affinity: Option<u32>,
    /// Who requested it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The time of the request by the operator's clock, in Unix ms.
    pub at_ms: u64,
    /// The revision of the control record.
    pub revision: Revision,
    /// The id of the drain, if it is one.
    pub drain_id: Option<String>,
    /// The deadline of the drain by the operator's clock, in Unix ms.
    pub deadline_ms: Option<u64>,
    /// What happens at the deadline to keys without a receiver.
    pub on_deadline: OnDeadline,
    /// The most stops that are sent, not handed over, and not older than a sixth of the lease. 0: no limit.
    pub parallel: u32,
    /// The drain sends no further stops.
    pub paused: bool,
    /// The revision at which the drain was planned.
    pub planned: Revision,
    /// How many keys the node had when this viewer first saw the drain. [`NodeStatus::keys`] has what
    /// is left.
    pub drained_from: u64,
    /// How many of the keys that left it since then have no live owner.
    pub adrift: u64,
    /// How many of the keys that left it since then were taken over, because their session was over
    /// before their stops were confirmed.
    pub taken_over: u64,
}
