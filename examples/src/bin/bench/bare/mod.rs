//! What a backend itself does, with nothing around it: the ceilings that divider is held against. The
//! streams and consumers of NATS are configured as divider's are.

mod ack;
mod chain;
mod snapshot;
mod tools;
mod writes;

pub(crate) use ack::{Acks, GROUP as ACKS, RoundTrips};
pub(crate) use chain::{Chains, GROUP as CHAINS};
pub(crate) use snapshot::read_all;
pub(crate) use writes::{Over, Writes, measure};
