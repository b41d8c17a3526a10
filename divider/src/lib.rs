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
//! | for | there is |
//! |---|---|
//! | starting a node | [`Divider::builder`], whose [`Builder`] has affinity, prefixes, lease, and what to do when the node id is in use ([`JoinPolicy`]) |
//! | its events | [`Events`], a stream of [`Event::Start`], [`Event::Stop`] and [`Event::Lost`]; [`Events::split`] for two tasks |
//! | a key to work on | [`Assignment`]: key, token, remaining lease, [`is_valid`](Assignment::is_valid), a cancellation token |
//! | a key to stop | [`Handoff`], to be [confirmed](Handoff::confirm) when the work has stopped |
//! | one task a key | [`run`]: starts, cancels, waits for and restarts an async handler, which returns a [`Finish`] |
//! | giving up a key | [`Divider::release`] (somebody else should), [`Divider::complete`] (it is done) |
//! | the node's weight | [`Divider::set_affinity`], [`Divider::alter_affinity`] |
//! | readiness probes | [`Divider::is_ready`], [`Divider::lease_remaining`] |
//! | shutting down | [`Divider::flush_and_cancel`], or its halves [`flush`](Divider::flush) and [`cancel`](Divider::cancel) |
//! | making keys exist | [`Group::announce`], [`Group::announce_for`], [`Group::announcer`] for streams of keys, [`Group::reconcile`] with a list |
//! | operating | [`Group::drain`], [`Group::cordon`], [`Group::resume`], [`Group::set_affinity`], [`Group::rebalance`], [`Group::freeze`]; previews of a drain and a rebalance |
//! | looking | [`Group::watch`] and [`Group::snapshot`]: nodes, keys, problems ([`snapshot`]) |
//! | where the log is | [`NatsStore`], [`MemoryStore`], or a [`Store`](store::Store) of your own |
//! | being woken at night | [`operations`]: what to alert on, what each log line means, what to do |
//!
//! # Cargo features
//!
//! | feature | default | |
//! |---|---|---|
//! | `nats` | yes | `store::nats` and `NatsStore`, on the client `async-nats` |
//! | `ring` | yes | the crypto provider of that client; `store::nats` tells how to use another |
//! | `testing` | no | `testing`: faults of [`MemoryStore`] on request, for tests of services |
//!
//! Without `nats` the crate has [`MemoryStore`] and the trait [`Store`](store::Store) alone.
//!
//! # Errors
//!
//! Each operation has an error type, whose variants tell the state after it and the remedy. `Display`
//! says what happened and leaves the causes to [`source`](std::error::Error::source): print both, as
//! error reporters do.
//!
//! # What holds, and what it rests on
//!
//! - **One owner.** At no instant do two nodes hold a key. A key starts only with a claim that was
//!   won by compare-and-set; a planned move is one write after the confirmed stop; and a node stops
//!   by its own clock before its lease is over for the others. That clock may be wrong by 1 %.
//! - **The token only grows.** A process that is frozen between a check of its assignment and what it
//!   writes then can only be stopped where it writes, by the [`Token`].
//! - **A crash costs a lease.** After [`Builder::lease`] and a little more the others take the keys
//!   over: 6 s on one server, 18 s on several, unless it is set.
//! - **Nothing moves that need not.** A join moves the new node's share; keys of a node that was cut
//!   off go back to it where they can. A change of affinity stops nothing.
//! - **A stop is never forced.** A key whose stop is not confirmed stays where it is and holds up no
//!   other, unless [`Builder::stop_timeout`] is set. After a loss the lease is the limit.
//! - **The store's word is believed as far as it goes.** What it loses after acknowledging it (a power
//!   cut before the sync to the disk) may cost an overlap; the log is checked for that all the time.
//!
//! # What does not hold
//!
//! - **Nothing stops a frozen process** between a check and its write but the token, checked by what
//!   it writes to.
//! - **Nothing stops work that ignores its cancellation.** After a loss its key may run elsewhere when
//!   the lease is over, confirmed or not.
//! - **A start may come again.** A key is started anew after each move, crash and outage, and work
//!   that was done just before may be done twice: it has to bear that, as with any lease.
//! - **Nobody is told of a crash at once.** Until the lease is over its keys are idle.
//! - **Workers trust each other.** Whoever may write claims can take any key.
//!
//! # Choosing the lease
//!
//! [`Builder::lease`] is the one setting to think about; the other times follow from it.
//!
//! | of a lease L | |
//! |---|---|
//! | L / 6 | between two heartbeats, each one small write |
//! | about 2 L / 3 | an outage or a pause that is shorter stops no work |
//! | L / 6 | what the work has to stop in after [`Event::Lost`] |
//! | 1.06 L | until others take over the keys of a crashed node |
//!
//! # Shutting down
//!
//! [`flush_and_cancel`](Divider::flush_and_cancel), or [`Run::with_graceful_shutdown`] on SIGTERM,
//! hands every key over without a pause; [`run`] ends with an error where that was not all. Dropping the [`Events`] or the [`Run`] ends the node without
//! handing anything over. Dropping an [`Assignment`] changes nothing, and dropping a [`Handoff`]
//! leaves its key unconfirmed; both are seen in [`Divider::assigned`]. A process that just exits looks
//! like a crash. When a node ends of another reason ([`Ended`]), let the process end, too: it does not
//! come back by itself.
//!
//! # Threads and runtimes
//!
//! The connection of [`NatsStore::connect`] has a thread of its own, and a node runs on it. Nothing that
//! blocks the application's executor costs a lease then. Many nodes in one process do best with a
//! store each. With a client that is handed in ([`NatsStore::open`]) the node has a thread, but the
//! client is on the application's executor: blocking that may cost the lease, never exclusivity for
//! those who ask [`Assignment::is_valid`].
//!
//! # Log lines and metrics
//!
//! Log lines are `tracing` events in a span with `group` and `node`: `info` and above is what an
//! operator acts on, and [`operations`] explains each. Neither they nor the metrics cost anything
//! while nobody listens.
//!
#![doc = include_str!("engine/metrics.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod assignment;
mod backoff;
mod builder;
mod divider;
mod engine;
mod error;
mod event;
mod events;
pub mod group;
mod handoff;
mod host;
mod numbered;
pub mod operations;
mod report;
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
pub use divider::{Affinity, Divider, Flushed};
pub use divider_core::error::{InvalidId, InvalidKey};
pub use divider_core::id::{self, GroupName, NodeId, Revision, Session, Token};
pub use divider_core::key::{self, Key};
pub use error::{Ended, KeyError, RunError, StartError};
pub use event::{Event, Reason};
pub use events::{Events, Starts, Stops};
pub use group::Group;
pub use handoff::Handoff;
pub use run::{BoxError, Finish, Run, run};
pub use store::MemoryStore;
#[cfg(feature = "nats")]
pub use store::nats::NatsStore;
