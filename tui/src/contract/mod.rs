//! What programs read: documents whose form only grows within a version.
//!
//! Names are `snake_case`, times RFC 3339 in UTC, spans whole milliseconds in fields that end in
//! `_ms`. What is not known is null; a list is never null. The schemas are in `schemas/`.

mod anchor;
mod event;
mod export;
mod head;
mod key;
mod moves;
mod node;
mod plan;
mod summary;

pub(crate) use anchor::{Anchor, Viewer};
pub(crate) use event::{Event, Happening};
pub(crate) use export::Export;
pub(crate) use head::{Head, KeysDocument, MovesDocument, NodesDocument};
pub(crate) use key::{KeyRow, phase_of, since};
pub(crate) use moves::{MoveRow, moves_of};
pub(crate) use node::{IntentRow, NodeRow, STATES, state_of};
pub(crate) use plan::{DrainPlan, Planned, RebalancePlan, Share, Shift, Warning};
pub(crate) use summary::Summary;
