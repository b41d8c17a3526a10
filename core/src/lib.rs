//! The core of [divider](https://docs.rs/divider): one node as a state machine, without I/O, clock,
//! randomness, task or lock.
//!
//! Applications use the crate `divider`, which runs this core on a store. This crate is for those who
//! change the protocol or build something else on its records. It follows the version of `divider`; its
//! interface may change with any minor release.
//!
//! In reading order:
//!
//! | module | has |
//! |---|---|
//! | [`id`], [`key`] | names and numbers with a meaning of their own |
//! | [`log`] | records, writes, and the steps of a watch: what a store gives and takes |
//! | [`wire`] | the records' values as JSON |
//! | [`view`] | the log folded into what exists, who owns it and who lives |
//! | [`plan`], [`planner`] | which node should own each key: a pure function of the view |
//! | [`config`], [`time`], [`timing`] | a node's settings, time as an argument, and the spans that follow from a lease |
//! | [`edge`] | what goes into a node and what comes out |
//! | [`node`] | the node: [`Node::handle`](node::Node::handle), [`handle_timeout`](node::Node::handle_timeout), [`poll_action`](node::Node::poll_action), [`poll_timeout`](node::Node::poll_timeout) |
//!
//! `PROTOCOL.md` in the repository says what goes over the wire, and `vectors/` has it as JSON to test
//! an implementation in another language with. `sim/` runs whole groups of this node over a faulty log
//! in virtual time.

pub mod config;
pub mod edge;
pub mod error;
mod guard;
pub mod id;
pub mod key;
pub mod log;
pub mod node;
pub mod plan;
pub mod planner;
pub mod time;
pub mod timing;
pub mod view;
pub mod wire;

#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
#[path = "../bench/mod.rs"]
pub mod bench;
#[cfg(test)]
#[path = "../sim/mod.rs"]
mod sim;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod vectors;
