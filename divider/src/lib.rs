//! Divides keyed work among the nodes of a service, each key on exactly one live node.
//!
//! Work is a set of *keys*: tenants, channels, devices, partitions, any text. Whoever knows of work
//! announces its key; each process that can do it runs a node. The nodes share the keys in
//! proportion to their affinities, and go on doing so while nodes come, go, hang and crash. All they
//! need in common is a NATS server with JetStream.
//!
//! - [`Divider`] is one node: [`Divider::builder`] sets it up, [`Events`] say what to start and what
//!   to stop.
//! - [`run`] does the usual thing with those events: one task for each key.
//! - [`Assignment`] is a key that is this node's, with the fencing [`Token`] to pass along.
//! - [`store`] has the backends: NATS, and memory for a single process and for tests.
//!
//! ```
//! use divider::{Assignment, Divider, Finish, GroupName, MemoryStore, run};
//!
//! async fn work(assignment: Assignment) -> Finish {
//!     println!("working on {}", assignment.key());
//!     assignment.cancelled().await; // stopped, lost, or the node shuts down
//!     Finish::Done
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new(GroupName::new("chat")?);
//! let (divider, events) = Divider::builder(store).node("worker-1").start().await?;
//! let shutdown = async { /* e.g. tokio::signal::ctrl_c() */ };
//! run(divider, events, work).with_graceful_shutdown(shutdown).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What holds, and what it rests on
//! At no instant do two nodes hold a key: a node stops by its own clock before its lease is over for
//! the others. That clock may be wrong by 1 %. A process that is frozen between a check of its
//! assignment and what it writes then can only be stopped where it writes, by the token.

mod assignment;
mod backoff;
mod builder;
mod core;
mod divider;
mod engine;
mod error;
mod event;
mod events;
pub mod group;
mod handoff;
mod host;
pub mod id;
pub mod key;
mod run;
#[cfg(test)]
mod sim;
pub mod snapshot;
pub mod store;
#[cfg(test)]
mod tests;
pub mod wire;

pub use assignment::Assignment;
pub use builder::{Builder, MAX_LEASE, MIN_LEASE, Rebalance};
pub use divider::{Affinity, Divider, Flushed};
pub use error::{Ended, InvalidId, InvalidKey, KeyError, StartError};
pub use event::{Event, Reason};
pub use events::{Events, Starts, Stops};
pub use group::Group;
pub use handoff::Handoff;
pub use id::{GroupName, NodeId, Revision, Session, Token};
pub use key::Key;
pub use run::{BoxError, Finish, Run, run};
pub use store::{MemoryStore, NatsOptions, NatsStore, OpenError};
