//! A group in numbers, as programs read it.

use divider::snapshot::{NodeState, Phase, Snapshot};
use serde::{Deserialize, Serialize};

/// How many there are of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) nodes: u64,
    pub(crate) ready: u64,
    pub(crate) joining: u64,
    pub(crate) cordoned: u64,
    pub(crate) draining: u64,
    pub(crate) drained: u64,
    #[serde(default)]
    pub(crate) emptied: u64,
    pub(crate) leaving: u64,
    #[serde(default)]
    pub(crate) away: u64,
    pub(crate) late: u64,
    pub(crate) lost: u64,
    pub(crate) absent: u64,
    pub(crate) keys: u64,
    pub(crate) running: u64,
    pub(crate) stopping: u64,
    pub(crate) orphaned: u64,
    #[serde(default)]
    pub(crate) quarantined: u64,
    /// Those of the orphaned that nobody may take now, or that wait for nodes that are joining.
    pub(crate) unplaced: u64,
    /// Keys on their way from one owner to another.
    pub(crate) moving: u64,
    /// How much more than its share the fullest node has, as a factor; null without a share.
    pub(crate) spread: Option<f64>,
}

impl Summary {
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        let of =
            |state: NodeState| snapshot.nodes().filter(|node| node.state == state).count() as u64;
        let counts = snapshot.reported_counts();
        let moves = |phase, to: bool| phase == Phase::Stopping || (phase == Phase::Running && to);
        let moving = snapshot.keys().filter(|(_, key)| moves(key.phase, key.to.is_some()));
        Self {
            nodes: snapshot.nodes().filter(|node| node.state != NodeState::Absent).count() as u64,
            ready: of(NodeState::Ready),
            joining: of(NodeState::Joining),
            cordoned: of(NodeState::Cordoned),
            draining: of(NodeState::Draining),
            drained: of(NodeState::Drained),
            emptied: of(NodeState::Emptied),
            leaving: of(NodeState::Leaving),
            away: of(NodeState::Away),
            late: of(NodeState::Late),
            lost: of(NodeState::Lost),
            absent: of(NodeState::Absent),
            keys: counts.all(),
            running: counts.running,
            stopping: counts.stopping,
            orphaned: counts.orphaned,
            quarantined: counts.quarantined,
            unplaced: counts.unplaced,
            moving: moving.count() as u64,
            spread: spread(snapshot),
        }
    }
}

/// How much more than its share the fullest node has, rounded to hundredths.
#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn spread(snapshot: &Snapshot) -> Option<f64> {
    let shares = snapshot.nodes().filter(|node| node.target > 0);
    let factors = shares.map(|node| node.keys as f64 / node.target as f64);
    factors.max_by(f64::total_cmp).map(|most| (most * 100.0).round() / 100.0)
}
