//! The standing of each member: which keys it is eligible for, and whether it departs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::id::{NodeId, Revision};
use crate::plan::node_hash;
use crate::view::{OwnerIx, View};
use crate::wire::{MemberRecord, MemberState, Mode};

/// One member, as the plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The member's current session.
    pub owner: OwnerIx,
    /// The hash of the node id.
    pub hash: u64,
    /// The effective affinity. With 0, the member gets no new keys.
    pub affinity: u32,
    /// Whether the member hands over every key: it leaves, or is drained.
    pub departs: bool,
    /// Whether the member restarts. It does nothing, and its keys wait for it.
    pub away: bool,
    /// Whether the member is of an earlier deploy than others. Keys go to the later nodes, where these may
    /// take them.
    pub superseded: bool,
    /// The session from which the member returned, if any record names it.
    pub previous: OwnerIx,
    /// The member takes only keys that begin with one of these prefixes. If there are none, it
    /// takes all keys.
    pub prefixes: Vec<String>,
}

/// The members by node id.
pub type Standings = BTreeMap<NodeId, Standing>;

/// Computes the standings from the view.
pub(super) fn standings(view: &View, rollout: Option<u64>) -> Standings {
    let next = drained_next(view);
    let stand = |node: &NodeId| {
        let member = &view.members.get(node)?.record;
        let owner = view.owners.find(node, member.session)?;
        let control = view.controls.get(node).map(|c| &c.record);
        let mode = control.map_or(Mode::Active, |c| c.mode);
        let told = view.controls.get(node).map(|c| c.revision).unwrap_or_default();
        let is_next = next.get(node.as_str()).is_some_and(|revision| *revision > told);
        let active = mode == Mode::Active && member.state == MemberState::Active && !is_next;
        let wanted = affinity_if_active(view, node);
        let previous = member.previous.and_then(|session| view.owners.find(node, session));
        let standing = Standing {
            owner,
            hash: node_hash(node.as_str()),
            affinity: if active { wanted } else { 0 },
            departs: mode == Mode::Drain || member.state == MemberState::Leaving,
            away: member.state == MemberState::Away,
            superseded: rollout.is_some_and(|newest| member.rollout < newest),
            previous: previous.unwrap_or_default(),
            prefixes: member.prefixes.clone(),
        };
        Some((node.clone(), standing))
    };
    view.members.keys().filter_map(stand).collect()
}

/// The number of the newest deploy, while nodes of an earlier one live that have not begun to leave. It
/// is over earlier if an operator requests a rebalance, or if a node of the newest deploy says so.
///
/// `drained` are further nodes that begin to leave.
pub(super) fn rollout(view: &View, drained: &BTreeSet<NodeId>) -> Option<u64> {
    let stays = |node: &NodeId, member: &MemberRecord| {
        let control = view.controls.get(node).map_or(Mode::Active, |c| c.record.mode);
        let leaves = member.state == MemberState::Leaving || control == Mode::Drain;
        !leaves && !drained.contains(node)
    };
    let staying = || view.members.iter().filter(|(node, m)| stays(node, &m.record)).map(|(_, m)| m);
    let newest = staying().map(|m| m.record.rollout).max().filter(|newest| *newest > 0)?;
    let of_newest = || staying().filter(|m| m.record.rollout == newest);
    let over = of_newest().any(|m| m.record.rollout_over || m.joined() < view.rebalance);
    let mixed = staying().any(|m| m.record.rollout < newest);
    (mixed && !over).then_some(newest)
}

/// The affinity of a node in mode and state `active`: the operator's value, else the node's own
/// value. It is 0 if the node leaves, is away or is not a member.
pub(super) fn affinity_if_active(view: &View, node: &NodeId) -> u32 {
    let Some(member) = view.members.get(node) else { return 0 };
    let control = view.controls.get(node).and_then(|c| c.record.affinity);
    let stays = member.record.state == MemberState::Active;
    if stays { control.unwrap_or(member.record.affinity) } else { 0 }
}

/// The nodes that the drains of other nodes will reach next, with the newest revision that lists
/// them.
fn drained_next(view: &View) -> HashMap<&str, Revision> {
    let mut next: HashMap<&str, Revision> = HashMap::new();
    for control in view.controls.values().filter(|c| c.record.mode == Mode::Drain) {
        for node in &control.record.also {
            let newest = next.entry(node).or_default();
            *newest = control.revision.max(*newest);
        }
    }
    next
}
