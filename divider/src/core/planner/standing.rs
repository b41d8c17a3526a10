//! How each member stands to the plan: what it may take, and whether it has to go.

use std::collections::BTreeMap;

use crate::core::plan::node_hash;
use crate::core::view::{OwnerIx, View};
use crate::id::NodeId;
use crate::wire::{ControlRecord, MemberState, Mode};

/// One member, as the plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Its session.
    pub(crate) owner: OwnerIx,
    /// Its hash.
    pub(crate) hash: u64,
    /// Its effective affinity: 0 where it takes nothing new.
    pub(crate) affinity: u32,
    /// It gives up everything it has: it leaves, or is drained.
    pub(crate) departs: bool,
    /// The prefixes of the keys it takes; none: every key.
    pub(crate) prefixes: Vec<String>,
}

/// The members by node id.
pub(crate) type Standings = BTreeMap<NodeId, Standing>;

/// Works the standings out from the view.
pub(super) fn standings(view: &View) -> Standings {
    let stand = |node: &NodeId| {
        let member = &view.members.get(node)?.record;
        let owner = view.owners.find(node, member.session)?;
        let control = view.controls.get(node).map(|c| &c.record);
        let mode = control.map_or(Mode::Active, |c| c.mode);
        let active = mode == Mode::Active
            && member.state == MemberState::Active
            && !is_drained_next(view, node);
        let wanted = affinity_if_active(view, node);
        let standing = Standing {
            owner,
            hash: node_hash(node.as_str()),
            affinity: if active { wanted } else { 0 },
            departs: mode == Mode::Drain || member.state == MemberState::Leaving,
            prefixes: member.prefixes.clone(),
        };
        Some((node.clone(), standing))
    };
    view.members.keys().filter_map(stand).collect()
}

/// The affinity of a node that takes keys: the operator's, else its own; 0 where it leaves or is no
/// member.
pub(super) fn affinity_if_active(view: &View, node: &NodeId) -> u32 {
    let Some(member) = view.members.get(node) else { return 0 };
    let control = view.controls.get(node).and_then(|c| c.record.affinity);
    let stays = member.record.state == MemberState::Active;
    if stays { control.unwrap_or(member.record.affinity) } else { 0 }
}

/// Whether a drain of other nodes says that this one is next, and nothing was said to it since.
fn is_drained_next(view: &View, node: &NodeId) -> bool {
    let told = view.controls.get(node).map(|c| c.revision).unwrap_or_default();
    view.controls.values().any(|c| {
        let lists = |c: &ControlRecord| c.also.iter().any(|next| next == node.as_str());
        c.revision > told && c.record.mode == Mode::Drain && lists(&c.record)
    })
}
