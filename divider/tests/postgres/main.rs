//! The contract of a store on PostgreSQL, and what only PostgreSQL does.
//!
//! `POSTGRES_BIN=/usr/lib/postgresql/15/bin` runs it on that version. Without PostgreSQL nothing is
//! tested, and the output says so; where the variable `CI` is set, that is a failure.

mod contract;
mod failover;
mod faults;
mod fencing;
mod open;
mod pooler;
#[path = "../store/proxy.rs"]
mod proxy;
mod rights;
mod support;
