//! The core of [divider](https://docs.rs/divider): a node as a state machine, without I/O, clock,
//! randomness, task or lock.
//!
//! Applications use the crate `divider`, which runs this core on a store. This crate is for changes of
//! the protocol and for tools that use its records. It follows the version of `divider`; its interface
//! may change with any minor release.
//!
//! In reading order:
//!
//! | module | content |
//! |---|---|
//! | [`id`], [`key`] | ids, revisions, tokens, sessions; keys and their wire form |
//! | [`log`] | records, writes, and the steps of a watch: what a store accepts and delivers |
//! | [`wire`] | the values of records as JSON |
//! | [`view`] | the fold of the log: which keys exist, who owns them, which sessions live |
//! | [`plan`], [`planner`] | which node should own each key: a pure function of the view |
//! | [`config`], [`time`], [`timing`] | a node's settings, time as an argument, and the spans that follow from a lease |
//! | [`edge`] | the inputs and actions of a node |
//! | [`node`] | the node: [`Node::handle`](node::Node::handle), [`handle_timeout`](node::Node::handle_timeout), [`poll_action`](node::Node::poll_action), [`poll_timeout`](node::Node::poll_timeout) |
//!
//! `PROTOCOL.md` in the repository specifies the records and rules. `vectors/` has them as JSON, to test
//! an implementation in another language. `sim/` runs whole groups of this node over a faulty log in
//! virtual time.

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
