//! What a node knows about its own condition, for health checks.

use super::Node;
use super::session::Life;
use crate::id::Revision;
use crate::wire::ControlRecord;

/// The condition of a node at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Condition {
    /// How far the session is.
    pub phase: Phase,
    /// Whether the view has every record of the log. It is incomplete while the node reads the log
    /// again.
    pub is_view_complete: bool,
    /// The revision of the operators' request to this node, or [`Revision::NONE`] without one.
    pub requested: Revision,
}

/// How far the session of a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// The node has not been a member yet.
    #[default]
    Joining,
    /// The node is a member.
    Member,
    /// The node lost its lease, and is not a member again yet.
    Fenced,
    /// The node was cancelled, or has ended.
    Ending,
}

impl Node {
    /// The current condition. The cost does not depend on the number of keys.
    pub fn condition(&self) -> Condition {
        let phase = match self.session.life {
            Life::Active(_) => Phase::Member,
            Life::Cancelling(_) | Life::Over => Phase::Ending,
            Life::Fenced { .. } => Phase::Fenced,
            Life::Opening
            | Life::Checking { .. }
            | Life::Observing { .. }
            | Life::Claiming(_)
            | Life::Entering(_) => {
                if self.session.old.is_empty() {
                    Phase::Joining
                } else {
                    Phase::Fenced
                }
            }
        };
        let control = self.view.controls.get(&self.config.node);
        Condition {
            phase,
            is_view_complete: self.watch.is_live(),
            requested: control.map_or(Revision::NONE, |control| control.revision),
        }
    }

    /// The operators' request to this node.
    pub fn requested(&self) -> Option<&ControlRecord> {
        self.view.controls.get(&self.config.node).map(|control| &control.record)
    }
}
