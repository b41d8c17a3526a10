//! What would move where, as programs read it.

use divider::GroupName;
use divider::snapshot::{DrainPreview, RebalancePreview, Snapshot};
use serde::Serialize;

/// `divider.plan.v1` of a drain.
#[derive(Debug, Serialize)]
pub(crate) struct DrainPlan {
    schema: &'static str,
    kind: &'static str,
    group: String,
    nodes: Vec<String>,
    pub(crate) revision: u64,
    moves: u64,
    /// Keys that nobody else may take: they would stay.
    blocked: u64,
    pub(crate) to: Vec<Share>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) keys: Vec<Planned>,
}

/// `divider.plan.v1` of a rebalance. Which keys move is their donor's choice.
#[derive(Debug, Serialize)]
pub(crate) struct RebalancePlan {
    schema: &'static str,
    kind: &'static str,
    group: String,
    pub(crate) revision: u64,
    moves: u64,
    pub(crate) shifts: Vec<Shift>,
}

/// What a node would get.
#[derive(Debug, Serialize)]
pub(crate) struct Share {
    pub(crate) node: String,
    pub(crate) now: u64,
    pub(crate) adds: u64,
    pub(crate) after: u64,
}

/// One key that would move.
#[derive(Debug, Serialize)]
pub(crate) struct Planned {
    pub(crate) key: String,
    pub(crate) from: String,
    pub(crate) to: Option<String>,
}

/// Keys that would go from one node to another.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Shift {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) keys: u64,
}

/// Something to know before one says yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Warning {
    pub(crate) code: &'static str,
    pub(crate) text: String,
}

const SCHEMA: &str = "divider.plan.v1";

impl DrainPlan {
    pub(crate) fn new(
        snapshot: &Snapshot,
        nodes: &[divider::NodeId],
        preview: &DrainPreview,
        warnings: &[Warning],
    ) -> Self {
        let share = |receiver: &divider::snapshot::Receiver| Share {
            node: receiver.node.to_string(),
            now: receiver.now,
            adds: receiver.adds,
            after: receiver.now + receiver.adds,
        };
        let planned = |planned: &divider::snapshot::PlannedMove| Planned {
            key: planned.key.to_string(),
            from: planned.from.to_string(),
            to: planned.to.as_ref().map(ToString::to_string),
        };
        Self {
            schema: SCHEMA,
            kind: "drain",
            group: snapshot.group().to_string(),
            nodes: nodes.iter().map(ToString::to_string).collect(),
            revision: preview.revision.0,
            moves: preview.moves.len() as u64 - preview.without_receiver,
            blocked: preview.without_receiver,
            to: preview.receivers.iter().map(share).collect(),
            warnings: warnings.to_vec(),
            keys: preview.moves.iter().map(planned).collect(),
        }
    }
}

impl RebalancePlan {
    pub(crate) fn new(group: &GroupName, preview: &RebalancePreview) -> Self {
        let shift = |shift: &divider::snapshot::Shift| Shift {
            from: shift.from.to_string(),
            to: shift.to.to_string(),
            keys: shift.keys,
        };
        Self {
            schema: SCHEMA,
            kind: "rebalance",
            group: group.to_string(),
            revision: preview.revision.0,
            moves: preview.shifts.iter().map(|shift| shift.keys).sum(),
            shifts: preview.shifts.iter().map(shift).collect(),
        }
    }

    pub(crate) fn moves(&self) -> u64 {
        self.moves
    }
}
