//! The states of nodes.

use std::time::Duration;

use super::model::Model;
use crate::id::{NodeId, Revision};
use crate::snapshot::{DesiredState, NodeState, NodeStatus};
use divider_core::time::{Now, Time};
use divider_core::timing::{Timing, UNKNOWN_LEASE, observed};
use divider_core::wire::{LeaseState, MemberState, Mode, OnDeadline};

/// What the lease of a node shows, by the time since its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pulse {
    /// There is no session.
    None,
    /// The lease is renewed. Without a heartbeat it is late at this time.
    Fresh(Time),
    /// A heartbeat is missing. Without another one the lease is silent at this time.
    Late(Time),
    /// Another session of the node has begun, and is no member yet.
    Begins,
    /// The lease was not renewed for its whole time.
    Silent,
    /// Its record says that the session is over.
    Over,
}

impl Pulse {
    /// When this state changes without a record.
    pub(super) fn due(self) -> Option<Time> {
        match self {
            Self::Fresh(at) | Self::Late(at) => Some(at),
            Self::None | Self::Begins | Self::Silent | Self::Over => None,
        }
    }

    fn since(received: Time, lease: Duration, now: Now) -> Self {
        let late = received + late_after(lease);
        let silent = received + observed(lease.min(UNKNOWN_LEASE));
        if now.at < late {
            Self::Fresh(late)
        } else if now.at < silent {
            Self::Late(silent)
        } else {
            Self::Silent
        }
    }
}

impl Model {
    pub(super) fn pulse(&self, node: &NodeId, now: Now) -> Pulse {
        let member = self.view.members.get(node);
        let Some(lease) = self.view.leases.get(node) else {
            // Without a lease record, the time counts from the receipt of the member record.
            return member.map_or(Pulse::None, |member| {
                let span = Duration::from_millis(member.record.lease_ms);
                Pulse::since(member.received, span, now)
            });
        };
        let is_other = member.is_some_and(|m| m.record.session != lease.record.session);
        match lease.record.state {
            LeaseState::Live if is_other => Pulse::Begins,
            LeaseState::Live => {
                let span = Duration::from_millis(lease.record.lease_ms);
                Pulse::since(lease.received, span, now)
            }
            LeaseState::Ended | LeaseState::Dead => Pulse::Over,
        }
    }

    /// How long after its last heartbeat a node is late.
    pub(super) fn late_after(&self, node: &NodeId) -> Duration {
        late_after(self.lease_of(node))
    }

    /// How long after its last heartbeat the session of a node is over for others.
    pub(super) fn silent_after(&self, node: &NodeId) -> Duration {
        observed(self.lease_of(node).min(UNKNOWN_LEASE))
    }

    fn lease_of(&self, node: &NodeId) -> Duration {
        let lease = self.view.leases.get(node);
        lease.map_or(UNKNOWN_LEASE, |lease| Duration::from_millis(lease.record.lease_ms))
    }

    /// The state of a node. `None`: it is over and has left nothing behind.
    pub(super) fn judge(&self, status: &NodeStatus, pulse: Pulse, now: Now) -> Option<NodeState> {
        let Some(member) = self.view.members.get(&status.node) else {
            return match pulse {
                Pulse::Fresh(_) | Pulse::Late(_) | Pulse::Begins => Some(NodeState::Joining),
                _ if status.keys > 0 => Some(NodeState::Lost),
                // A control record with only defaults waits for no node.
                _ => {
                    let waits = |desired: &&DesiredState| {
                        desired.mode != Mode::Active || desired.affinity.is_some()
                    };
                    status.desired.as_ref().filter(waits).map(|_| NodeState::Absent)
                }
            };
        };
        let mode = status.desired.as_ref().map_or(Mode::Active, |desired| desired.mode);
        let is_over = matches!(pulse, Pulse::Over | Pulse::Silent | Pulse::None);
        if is_over && mode != Mode::Drain && member.record.state == MemberState::Away {
            return Some(NodeState::Away);
        }
        Some(match pulse {
            Pulse::Over | Pulse::Silent | Pulse::None => NodeState::Lost,
            Pulse::Begins => NodeState::Joining,
            Pulse::Late(_) => NodeState::Late,
            Pulse::Fresh(_) if mode == Mode::Drain => self.judge_drain(status, now),
            Pulse::Fresh(_) if member.record.state != MemberState::Active => NodeState::Leaving,
            Pulse::Fresh(_) if mode == Mode::Cordon => NodeState::Cordoned,
            Pulse::Fresh(_) if self.is_joining(member.joined()) => NodeState::Joining,
            Pulse::Fresh(_) => NodeState::Ready,
        })
    }

    /// The state of a draining node: whether it has keys left, and whether those that left it have
    /// owners.
    fn judge_drain(&self, status: &NodeStatus, now: Now) -> NodeState {
        let desired = status.desired.as_ref();
        let freed = desired.is_some_and(|desired| is_freed(desired, now));
        let is_whole = desired.is_some_and(|desired| desired.revision > self.came);
        // Who came later cannot tell whose the keys were that have no owner.
        let adrift = match desired.map_or(0, |desired| desired.adrift) {
            0 if freed && !is_whole => self.snapshot.counts.orphaned,
            adrift => adrift,
        };
        let left = status.keys + status.stopping + status.unconfirmed.count;
        if left > 0 || adrift > 0 && !freed {
            NodeState::Draining
        } else if adrift > 0 || desired.is_some_and(|desired| desired.taken_over > 0) {
            NodeState::Emptied
        } else {
            NodeState::Drained
        }
    }

    fn is_joining(&self, joined: Revision) -> bool {
        self.planner.unsettled(&self.view).is_some() && joined > self.view.settled()
    }
}

/// How long after its last heartbeat a node is late.
fn late_after(lease: Duration) -> Duration {
    Timing::of(lease.min(UNKNOWN_LEASE)).heartbeat * 3 / 2
}

/// Whether keys without a receiver were to be freed by now.
fn is_freed(desired: &DesiredState, now: Now) -> bool {
    let over = desired.deadline_ms.is_some_and(|deadline| deadline <= now.unix_us / 1000);
    over && desired.on_deadline == OnDeadline::Free
}
