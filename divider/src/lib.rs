//! Divides keyed work among the nodes of a service.

mod assignment;
mod backoff;
mod builder;
mod core;
mod divider;
mod engine;
mod error;
mod event;
mod events;
mod handoff;
mod host;
pub mod id;
pub mod key;
mod run;
#[cfg(test)]
mod sim;
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
pub use handoff::Handoff;
pub use id::{GroupName, NodeId, Revision, Session, Token};
pub use key::Key;
pub use run::{BoxError, Finish, Run, run};
pub use store::{MemoryStore, NatsOptions, NatsStore, OpenError};
