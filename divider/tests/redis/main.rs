//! A store on Redis: the contract, and what only Redis does.
//!
//! `REDIS_SERVER=/path/to/redis-server` (or a valkey-server) runs it on another version. Without a
//! server the tests say that they are skipped; with `CI` set they fail.

mod contract;
mod faults;
#[path = "../store/proxy.rs"]
mod proxy;
mod support;
mod users;
