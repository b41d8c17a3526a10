//! The pure core: view, plan, and the node's state machine. No task, no clock, no I/O.

pub(crate) mod edge;
pub(crate) mod plan;
pub(crate) mod time;
