//! Divides keyed work among the nodes of a service.

mod core;
mod engine;
mod error;
mod event;
pub mod id;
pub mod key;
pub mod store;
pub mod wire;

pub use error::{InvalidId, InvalidKey};
pub use id::{GroupName, NodeId, Revision, Session, Token};
pub use key::Key;
pub use store::{MemoryStore, NatsOptions, NatsStore, OpenError};
