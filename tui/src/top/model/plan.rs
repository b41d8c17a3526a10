//! What a desired would do, as its dialog shows it.

use std::collections::{BTreeMap, BTreeSet};

use divider::snapshot::{
    DrainPreview, NodeState, NodeStatus, PlannedMove, RebalancePreview, Shift, Snapshot,
};
use divider::{NodeId, Revision};

/// The plan in a dialog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Plan {
    /// This desired moves nothing.
    #[default]
    None,
    /// It was asked for.
    Asked,
    Drain(DrainPlan),
    Rebalance(RebalancePlan),
    /// It could not be worked out.
    Failed(String),
}

/// What a drain would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DrainPlan {
    pub(crate) revision: Revision,
    /// Keys that would go to another node.
    pub(crate) moves: u64,
    /// Keys that no other node may take.
    pub(crate) without: u64,
    /// The most keys that one of the nodes has to give.
    pub(crate) most: u64,
    pub(crate) to: Vec<Receives>,
    /// The first keys that would move, in their order.
    pub(crate) first: Vec<PlannedMove>,
    pub(crate) warnings: Vec<String>,
    /// Why it cannot be done.
    pub(crate) refusal: Option<String>,
    /// Of a hundred parts of the affinity that takes keys, how many stay.
    pub(crate) stays_percent: u64,
    /// How many nodes go on taking keys.
    pub(crate) stay: u64,
}

/// One node that would get keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receives {
    pub(crate) node: NodeId,
    pub(crate) now: u64,
    pub(crate) adds: u64,
    /// Its share, once the drained nodes take no part.
    pub(crate) share: u64,
}

/// What a rebalance would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RebalancePlan {
    pub(crate) revision: Revision,
    pub(crate) shifts: Vec<Shift>,
}

/// So many keys are shown by name.
const NAMED: usize = 200;

impl DrainPlan {
    /// The plan of draining these nodes.
    pub(crate) fn of(preview: DrainPreview, snapshot: &Snapshot, nodes: &[NodeId]) -> Self {
        let nodes: BTreeSet<&NodeId> = nodes.iter().collect();
        let takes = |node: &&NodeStatus| node.effective_affinity > 0;
        let before: u64 = snapshot.nodes().filter(takes).map(affinity).sum();
        let staying: Vec<_> =
            snapshot.nodes().filter(takes).filter(|n| !nodes.contains(&n.node)).collect();
        let after: u64 = staying.iter().copied().map(affinity).sum();
        let without = preview.without_receiver;
        let moves = preview.moves.len() as u64 - without;
        let mut from: BTreeMap<&NodeId, u64> = BTreeMap::new();
        for planned in preview.moves.iter().filter(|planned| planned.to.is_some()) {
            *from.entry(&planned.from).or_default() += 1;
        }
        let most = from.into_values().max().unwrap_or(0);
        let kept: u64 = staying.iter().map(|node| node.keys).sum();
        let share = |node: &NodeId| {
            let affinity = snapshot.node(node).map_or(0, affinity);
            (kept + moves) * affinity / after.max(1)
        };
        let to = preview.receivers.iter().map(|receiver| Receives {
            node: receiver.node.clone(),
            now: receiver.now,
            adds: receiver.adds,
            share: share(&receiver.node),
        });
        let mut to: Vec<_> = to.collect();
        to.sort_by(|a, b| b.adds.cmp(&a.adds).then_with(|| a.node.cmp(&b.node)));
        Self {
            revision: preview.revision,
            moves,
            without,
            most,
            to,
            warnings: warnings(snapshot, &nodes, without),
            refusal: staying.is_empty().then(|| refusal(snapshot, &nodes)),
            stays_percent: after * 100 / before.max(1),
            stay: staying.len() as u64,
            first: preview.moves.into_iter().take(NAMED).collect(),
        }
    }

    /// Whether two plans would do the same.
    pub(crate) fn does_the_same(&self, other: &Self) -> bool {
        let plan = |plan: &Self| Self { revision: Revision::NONE, ..plan.clone() };
        plan(self) == plan(other)
    }

    /// Whether so much would change that it has to be confirmed by typing.
    pub(crate) fn is_big(&self, nodes: usize) -> bool {
        nodes > 1 || self.stays_percent < 67 || self.stay < 2
    }
}

fn affinity(node: &NodeStatus) -> u64 {
    u64::from(node.effective_affinity)
}

fn refusal(snapshot: &Snapshot, nodes: &BTreeSet<&NodeId>) -> String {
    if snapshot.nodes().all(|node| nodes.contains(&node.node)) {
        return "there is no other node to take its keys".to_owned();
    }
    "no other node takes keys: all are cordoned, drained, leaving or at affinity 0".to_owned()
}

fn warnings(snapshot: &Snapshot, nodes: &BTreeSet<&NodeId>, without: u64) -> Vec<String> {
    let mut warnings = Vec::new();
    if without > 0 {
        let keys = crate::output::count(without, "key");
        warnings.push(format!("no other node may take {keys}, left running there"));
    }
    let others = |state: NodeState| {
        let of_state = |node: &&NodeStatus| node.state == state && !nodes.contains(&node.node);
        let names: Vec<_> =
            snapshot.nodes().filter(of_state).map(|node| node.node.to_string()).collect();
        (!names.is_empty()).then(|| {
            let more = names.len().saturating_sub(3);
            let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{rest}", names[..names.len() - more].join(", "))
        })
    };
    for (state, so) in [
        (NodeState::Lost, "lost, gets no keys"),
        (NodeState::Late, "late, its new keys wait until it answers or is lost"),
        (NodeState::Cordoned, "cordoned, gets no keys"),
        (NodeState::Draining, "also being drained"),
    ] {
        if let Some(names) = others(state) {
            warnings.push(format!("{so}: {names}"));
        }
    }
    warnings
}

impl RebalancePlan {
    pub(crate) fn of(preview: RebalancePreview) -> Self {
        Self { revision: preview.revision, shifts: preview.shifts }
    }

    /// How many keys would move.
    pub(crate) fn moves(&self) -> u64 {
        self.shifts.iter().map(|shift| shift.keys).sum()
    }
}
