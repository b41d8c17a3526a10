//! Divides keyed work among the nodes of a service: each key runs on exactly one live node.
//!
//! Each piece of work has a *key*: the name of a tenant, a channel, a device, a partition, or any
//! other text. A client *announces* a key to make it exist, and *retracts* it to end it. Each
//! process that can do the work runs a *node*. The nodes of a *group* share the keys in proportion
//! to their *affinities*, which are weights. When nodes join, leave, hang or crash, keys move to
//! other nodes. A group needs only a NATS server with JetStream; there is no coordinator.
//!
//! The *claim* of a key is the record that names its owner. A node changes a claim only by
//! compare-and-set: the write fails if the claim has changed since the node read it. So if two
//! nodes try to take a key, only one can win. Each node has a *lease*, which it renews with
//! *heartbeats*. A node that cannot renew its lease stops its work before the lease ends. When the
//! lease has ended, other nodes may take over the keys. A node that leaves the group or releases a
//! key *hands over* the claim to the next node.
//!
//! - [`Divider`] is the handle of a node. [`Divider::builder`] sets the node up and starts it.
//! - [`Events`] are the requests of the node to the application, to start or to stop work.
//! - [`run`] handles these events: it runs one async task for each key.
//! - [`Assignment`] is a key that this node owns, with its fencing [`Token`]: a number that
//!   increases with each start of the key.
//! - [`Group`] is the handle for announcers and operators.
//! - [`store`] has the backends: NATS, PostgreSQL, Redis, and memory for a single process and for
//!   tests.
//!
//! ```
//! use divider::{Assignment, Divider, Finish, GroupName, MemoryStore, run};
//!
//! async fn work(assignment: Assignment) -> Finish {
//!     println!("working on {}", assignment.key());
//!     assignment.cancelled().await; // stopped, lost, or the node shuts down
//!     Finish::Release // `Finish::Done` would end the key, on every node
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new(GroupName::new("chat")?);
//! let (divider, events) = Divider::builder(store).node("worker-1").start().await?;
//! let shutdown = async { /* SIGTERM and Ctrl-C: see `run` */ };
//! run(divider, events, work).with_graceful_shutdown(shutdown).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The interface
//!
//! | task | items |
//! |---|---|
//! | starting a node | [`Divider::builder`], whose [`Builder`] has affinity, prefixes, lease, and what to do when the node id is in use ([`JoinPolicy`]) |
//! | its events | [`Events`], a stream of [`Event::Start`], [`Event::Stop`] and [`Event::Lost`]; [`Events::split`] for two tasks |
//! | a key to work on | [`Assignment`]: key, token, remaining lease, [`is_valid`](Assignment::is_valid), a cancellation token |
//! | state that moves with the key | [`Assignment::checkpoint`] ([`checkpoint`]) |
//! | messages of a stream in order | [`Assignment::messages`] ([`messages`]) |
//! | a key to stop | [`Handoff`], to be [confirmed](Handoff::confirm) when the work has stopped |
//! | one task for each key | [`run`]: starts, cancels, waits for and restarts an async handler, which returns a [`Finish`] |
//! | ending work on a key | [`Divider::release`] (another node continues), [`Divider::complete`] (the work is done), [`Divider::quarantine`] (no node can do it) |
//! | keys whose work fails everywhere | [`Run::max_attempts`], [`Run::quarantine_after`], [`Group::retry`] |
//! | the node's weight | [`Divider::set_affinity`], [`Divider::alter_affinity`] |
//! | health checks and probes | [`Divider::health`], [`Divider::watch_health`], [`Divider::is_ready`], [`Divider::lease_remaining`] ([`health`]) |
//! | shutting down | [`Divider::flush_and_cancel`], or its two steps [`flush`](Divider::flush) and [`cancel`](Divider::cancel) |
//! | asking the owner of a key | [`Group::request`], [`Assignment::requests`] ([`requests`]) |
//! | making keys exist | [`Group::announce`], [`Group::announce_for`], [`Group::announcer`] for streams of keys, [`Group::reconcile`] to make the set of all keys equal to a list |
//! | operating | [`Group::drain`], [`Group::cordon`], [`Group::resume`], [`Group::set_affinity`]; [`Group::rebalance`] moves running keys until each node has its share, [`Group::freeze`] prevents such moves; previews of a drain and a rebalance |
//! | reading the state | [`Group::watch`] and [`Group::snapshot`]: nodes, keys, problems ([`snapshot`]) |
//! | backends | [`NatsStore`], `PostgresStore`, `RedisStore`, [`MemoryStore`], or a [`Store`](store::Store) of your own |
//! | testing a service | `testing`, with the cargo feature `testing`: several nodes in one test, in virtual time, with faults |
//! | writing to a database | [`fencing`]: how it refuses the late write of a node that has lost its key |
//! | running in production | [`operations`]: what to alert on, what each log line means, what to do |
//!
//! # Cargo features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `nats` | yes | `store::nats` and `NatsStore`, on the client `async-nats` |
//! | `postgres` | no | `store::postgres` and `PostgresStore`, on the client `tokio-postgres` |
//! | `redis` | no | `store::redis` and `RedisStore`, on the client `redis` |
//! | `ring` | yes | the crypto provider of these clients; `store::nats` explains how to use another provider |
//! | `testing` | no | `testing`: several nodes in one test with faults, for tests of services; the contract of a store as a suite, for tests of backends |
//!
//! Without features, the only store is [`MemoryStore`], or one of your own that implements the
//! trait [`Store`](store::Store).
//!
//! # Errors
//!
//! Each operation has an error type. The documentation of each variant states what is true after
//! the error, and the remedy. `Display` says what happened. It does not include the causes, which
//! [`source`](std::error::Error::source) returns. Print both, as error reporters do.
//!
//! # Guarantees
//!
//! - **One owner.** Two nodes never own a key at the same time. A node starts a key only after it
//!   has won the key's claim by compare-and-set. A planned move is one write, made after the old
//!   owner has confirmed its stop. A node whose lease is not renewed stops its work before any
//!   other node may take over its keys. This holds as long as the rate of each node's clock is
//!   wrong by at most 1 %.
//! - **Fencing tokens.** Each start of a key has a higher token than all starts of that key before.
//!   So a system that the work writes to can reject the late write of a process that was paused.
//! - **After a crash, keys are idle for one lease.** A little more than one [lease](Builder::lease)
//!   after a crash, other nodes take over the keys. The default lease is 6 s on one server and 18 s
//!   on several.
//! - **Minimal movement.** A node that joins gets its share of the keys. If the group was balanced
//!   and its nodes have the same [prefixes](Builder::prefix), only the keys of that share move.
//!   Otherwise some keys may also move between the other nodes. The keys of a node that lost its
//!   connection return to it if possible. A change of affinity by itself stops no running key; the
//!   next rebalance applies it.
//! - **No forced stops.** A key whose stop is not confirmed stays on its node and blocks no other
//!   key. [`Builder::stop_timeout`] can limit this wait. After a loss ([`Event::Lost`]), the end of
//!   the lease is the limit.
//!
//! # Limits of the guarantees
//!
//! - **One owner depends on the store.** The store may lose a write that it has acknowledged, for
//!   example if the power fails before it syncs the write to disk. Then two nodes may own a key for
//!   some time, until they notice the loss. Nodes check for such losses all the time.
//! - **A paused process can write late.** A process may pause after it has checked its assignment
//!   and before it writes. When it wakes, another node may own the key. Only the token can prevent
//!   the write: pass it to the system that you write to, and let that system reject every token
//!   that is lower than the highest one it has seen for the key.
//! - **Nothing stops work that ignores its cancellation.** After a loss, another node may start the
//!   key when the lease has ended, even if the stop was not confirmed.
//! - **Work may be done twice.** A key starts again after each move, crash and outage. Work that
//!   was done just before may then be done again, so it must be safe to repeat.
//! - **A crash is not detected at once.** The keys of the crashed node are idle until its lease has
//!   ended.
//! - **Workers trust each other.** Any user that may write claims can take any key.
//!
//! # Choosing the lease
//!
//! [`Builder::lease`] is the setting to choose with care, because most other times follow from it.
//!
//! | time, for a lease L | meaning |
//! |---|---|
//! | L / 6 | time between two heartbeats; each is one small write |
//! | about 2 L / 3 | outages and pauses that are shorter than this stop no work |
//! | L / 6 | time that the work has to stop after [`Event::Lost`] |
//! | 1.06 L | time until other nodes take over the keys of a crashed node |
//!
//! # Shutting down
//!
//! [`flush_and_cancel`](Divider::flush_and_cancel), or [`Run::with_graceful_shutdown`] on SIGTERM,
//! hands over every key, so that other nodes start the keys at once. If some keys could not be
//! handed over, [`run`] returns an error. If a process exits without ending its node, other nodes
//! treat this as a crash. If a node ends although the application did not end it ([`Ended`]), end
//! the process, too: the node does not rejoin by itself.
//!
//! Dropping the [`Events`] or the [`Run`] ends the node without handing anything over. Dropping an
//! [`Assignment`] changes nothing. Dropping a [`Handoff`] does not confirm the stop. After either,
//! [`Divider::assigned`] still lists the key.
//!
//! # Threads and runtimes
//!
//! The connection of [`NatsStore::connect`] has its own thread, and the node runs on that thread.
//! So a node does not lose its lease when the application blocks its executor. If a process has
//! many nodes, give each node its own store.
//!
//! With [`NatsStore::open`], the application passes a client of its own. The node then has its own
//! thread, but the client runs on the application's executor. If that executor is blocked, the node
//! may lose its lease. The one-owner guarantee then still holds for work that checks
//! [`Assignment::is_valid`].
//!
//! # Log lines and metrics
//!
//! Log lines are `tracing` events in a span with `group` and `node`. Lines at level `info` and
//! above are for operators, and [`operations`] explains each of them. Log lines and metrics cost
//! nothing while nobody collects them.
//!
#![doc = include_str!("engine/metrics.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod assignment;
mod backoff;
mod builder;
pub mod checkpoint;
mod divider;
mod engine;
mod error;
mod event;
mod events;
pub mod fencing;
pub mod group;
mod handoff;
pub mod health;
mod host;
pub mod messages;
mod numbered;
pub mod operations;
mod report;
pub mod requests;
mod run;
pub mod snapshot;
pub mod store;
mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use assignment::Assignment;
pub use builder::{Builder, JoinPolicy, MAX_LEASE, MIN_LEASE, Rebalance};
pub use divider::{Affinity, Divider, Flushed, MAX_RESTART_GRACE};
pub use divider_core::error::{InvalidId, InvalidKey};
pub use divider_core::id::{self, GroupName, NodeId, Revision, Session, Token};
pub use divider_core::key::{self, Key};
pub use error::{Ended, KeyError, LeaveError, RunError, StartError};
pub use event::{Event, Reason};
pub use events::{Events, Starts, Stops};
pub use group::Group;
pub use handoff::Handoff;
pub use health::Health;
pub use run::{BoxError, Finish, Run, run};
pub use store::MemoryStore;
#[cfg(feature = "nats")]
pub use store::nats::NatsStore;
#[cfg(feature = "postgres")]
pub use store::postgres::PostgresStore;
#[cfg(feature = "redis")]
pub use store::redis::RedisStore;
