//! The contract of a store on NATS, and what only NATS does.
//!
//! `NATS_SERVER=/path/to/nats-server` runs it on another version than the pinned one.

mod contract;
mod faults;
mod garbage;
mod open;
mod proxy;
mod said;
mod start;
mod subjects;
mod support;
mod writer;
