//! Keys on their way, as programs read it.

use divider::snapshot::{KeyStatus, Phase, Snapshot};
use serde::Serialize;

use super::Viewer;
use super::key::since;
use crate::output::millis;

/// One key that is not where the plan has it, or is told to stop.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MoveRow {
    pub(crate) key: String,
    pub(crate) from: Option<String>,
    /// Null while it is not known who gets it, or nobody does.
    pub(crate) to: Option<String>,
    pub(crate) step: Step,
    /// How long it has been at this step; null where that began before anybody looked.
    pub(crate) age_ms: Option<u64>,
}

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Its owner was told to stop it and has not confirmed that.
    Stopping,
    /// It has no owner, and somebody is to take it.
    Taking,
    /// It has no owner, and nobody may take it now, or nodes are waited for that are joining.
    Unplaced,
    /// It runs elsewhere than planned: its stop was not told yet.
    Waiting,
}

impl Step {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Stopping => "stopping",
            Self::Taking => "taking",
            Self::Unplaced => "unplaced",
            Self::Waiting => "waiting",
        }
    }

    fn of(status: &KeyStatus) -> Option<Self> {
        match (status.phase, &status.to) {
            (Phase::Stopping, _) => Some(Self::Stopping),
            (Phase::Orphaned, Some(_)) => Some(Self::Taking),
            (Phase::Orphaned, None) => Some(Self::Unplaced),
            (Phase::Running, Some(_)) => Some(Self::Waiting),
            (Phase::Running, None) | (Phase::Quarantined, _) => None,
        }
    }
}

/// Every key on its way: the longest known first, then by step and key.
pub(crate) fn moves_of(snapshot: &Snapshot, viewer: &Viewer) -> Vec<MoveRow> {
    let mut moves: Vec<_> = snapshot
        .keys()
        .filter_map(|(key, status)| {
            let step = Step::of(status)?;
            let since = since(snapshot, key, status, viewer);
            Some(MoveRow {
                key: key.to_string(),
                from: status.owner.as_ref().map(ToString::to_string),
                to: status.to.as_ref().map(ToString::to_string),
                step,
                age_ms: since.map(|since| millis(viewer.anchor.moment().since(since))),
            })
        })
        .collect();
    moves.sort_by(|a, b| b.age_ms.cmp(&a.age_ms).then(a.step.cmp(&b.step)));
    moves
}
