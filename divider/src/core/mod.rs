//! The pure core: view, plan, and the node's state machine. No task, no clock, no I/O.

pub(crate) mod config;
pub(crate) mod edge;
pub(crate) mod guard;
pub(crate) mod node;
pub(crate) mod plan;
pub(crate) mod planner;
pub(crate) mod time;
pub(crate) mod timing;
pub(crate) mod view;
