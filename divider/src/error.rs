//! Errors: what was found, what was expected, what to do.

use std::time::Duration;

use crate::id::{NodeId, Session};
use crate::store::StoreError;
use crate::{InvalidId, InvalidKey, Key};

/// Why a node did not start. Nothing of it is left running, and it holds nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The node's id is not one.
    #[error(transparent)]
    Node(#[from] InvalidId),
    /// No key can begin with this prefix. For every key, give no prefix at all.
    #[error("no key can have this prefix: {prefix:?}")]
    Prefix {
        /// The prefix.
        prefix: String,
        /// What is wrong with it.
        source: InvalidKey,
    },
    /// The lease is shorter than 300 ms or longer than 5 minutes.
    #[error("lease is out of range, from 300 ms to 5 min: {lease:?}")]
    LeaseOutOfRange {
        /// The lease that was asked for.
        lease: Duration,
    },
    /// Prefixes, labels and the other words about the node do not fit into its record. Give fewer or
    /// shorter ones.
    #[error(
        "prefixes and labels are too long for the node's record, at most {most} bytes: {bytes}"
    )]
    MemberTooLarge {
        /// How long the record would be.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// The store refused, for a reason that does not pass by itself: the group does not exist, a
    /// permission is missing.
    #[error("the node cannot join")]
    Store(#[source] StoreError),
    /// The node was not a member in time. It has given up, and ends its session where it had begun
    /// one. Look at the store, or give it more time with
    /// [`start_timeout`](crate::Builder::start_timeout).
    #[error("the node did not join within {after:?}: check the store")]
    TimedOut {
        /// How long it tried.
        after: Duration,
        /// The last thing that the store failed with, if anything.
        #[source]
        last: Option<StoreError>,
    },
    /// Another process, which is alive, has this node id. Stop it, or use another id.
    #[error(
        "the node id is in use by another process, which is alive: stop that one, or use another id: session {session} on host {host:?}"
    )]
    NodeIdInUse {
        /// The other process's session.
        session: Session,
        /// The machine it runs on, empty if it did not say.
        host: String,
    },
    /// A member plans by a version that this build does not know any more. Update that member
    /// first.
    #[error(
        "this build cannot plan by version {highest}, the highest that a member knows: update that member first: {node}"
    )]
    PlanTooOld {
        /// The member.
        node: NodeId,
        /// The highest plan version it knows.
        highest: u32,
    },
    /// The group is of another protocol. Use a build that speaks it.
    #[error("unsupported group protocol, this build supports {spoken}: use a build for {found}")]
    Protocol {
        /// The group's.
        found: u32,
        /// This build's.
        spoken: u32,
    },
    /// Tokio's clock is paused, and the store is a real one, which cannot wait for it. Tests with
    /// paused time need a [`MemoryStore`](crate::MemoryStore).
    #[error("tokio's clock is paused, which only a store in memory can follow: do not pause it")]
    PausedClock,
    /// The node ended before it joined.
    #[error("the node ended before it joined")]
    Over(#[source] Ended),
    /// The operating system gave no thread, no event queue or no random numbers.
    #[error("the node's thread could not be started")]
    System(#[source] std::io::Error),
}

/// Why a node is over. Its stream of events ends with it, and nothing that is asked of it after that
/// is done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ended {
    /// [`cancel`](crate::Divider::cancel) was called, or nobody listened to its events any more.
    #[error("the node was cancelled")]
    Cancelled,
    /// Another process took this node's id over. It has to be one process to an id.
    #[error(
        "another process took over the node id, only one process may use an id: its session is {session}"
    )]
    Replaced {
        /// The other process's session.
        session: Session,
    },
    /// Another process, which is alive, has this node id.
    #[error(
        "the node id is in use by another process, which is alive: stop that one, or use another id: session {session} on host {host:?}"
    )]
    NodeIdInUse {
        /// The other process's session.
        session: Session,
        /// The machine it runs on, empty if it did not say.
        host: String,
    },
    /// A member plans by a version that this build does not know any more.
    #[error(
        "this build cannot plan by version {highest}, the highest that a member knows: update that member first: {node}"
    )]
    PlanTooOld {
        /// The member.
        node: NodeId,
        /// The highest plan version it knows.
        highest: u32,
    },
    /// The group was made again with another protocol.
    #[error("the group was created again with an unsupported protocol: {found}")]
    Protocol {
        /// The group's.
        found: u32,
    },
    /// The node's thread failed; that is a bug. What it held is lost when the lease is over.
    #[error("the node's engine failed, which is a bug of this library")]
    Failed,
}

/// Why a key could not be released or completed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// This run of the key was over before: it was confirmed, released or completed, or it never was
    /// this node's. This call did nothing.
    #[error("the node does not hold the key: {key}")]
    NotHeld {
        /// The key.
        key: Key,
    },
    /// The key was lost before, or given away after its
    /// [`stop_timeout`](crate::Builder::stop_timeout): it exists still, and another node may run it.
    /// This call counts as the confirmation.
    #[error("the node has already lost the key, another node may run it: {key}")]
    Lost {
        /// The key.
        key: Key,
    },
    /// The key was lost after [`complete`](crate::Divider::complete) had asked the store to delete it.
    /// Nobody here knows whether it was: it is gone, or it is started again, most likely elsewhere.
    #[error("the key was lost during its deletion: it is deleted, or will start again: {key}")]
    Unknown {
        /// The key.
        key: Key,
    },
    /// The key was announced again since it started, so that it is not done: it starts again, here
    /// or elsewhere.
    #[error("the key was announced again and will be started again: {key}")]
    AnnouncedAgain {
        /// The key.
        key: Key,
    },
    /// The key could not be deleted, so it still exists: it is given to another node, as by
    /// [`release`](crate::Divider::release), and its work is done again. The source says what the
    /// store refused, and which right the user needs.
    #[error("the key could not be deleted, it still exists and goes to another node: {key}")]
    NotDeleted {
        /// The key.
        key: Key,
        /// What the store said last.
        source: StoreError,
    },
    /// The node is over, or was before it could answer; another node finds the key without an owner.
    #[error(transparent)]
    Over(#[from] Ended),
}

/// Why [`leave_for`](crate::Divider::leave_for) failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaveError {
    /// The keys cannot wait for so long. Nothing was done.
    #[error("keys can wait for a restart from 1 ms to {most:?}, not {grace:?}")]
    Grace {
        /// The value.
        grace: Duration,
        /// The longest one: an hour.
        most: Duration,
    },
    /// The node ended before all keys were stopped.
    #[error(transparent)]
    Over(#[from] Ended),
}

/// Why [`run`](crate::run()) did not end well. Every handler has ended, and the node is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The node was over without a shutdown. It does not come back by itself: let the process end.
    #[error(transparent)]
    Over(#[from] Ended),
    /// The node lost its lease while it shut down. Other nodes start these keys when the lease is over.
    #[error("keys were lost in the shutdown, and not handed over: {keys}")]
    Lost {
        /// How many keys.
        keys: u64,
    },
    /// The value of [`restart_grace`](crate::Run::restart_grace) is out of range. The node was cancelled
    /// and ran nothing.
    #[error(transparent)]
    RestartGrace(LeaveError),
    /// Not every key was handed over within [`shutdown_timeout`](crate::Run::shutdown_timeout). Other
    /// nodes start the rest when the lease is over.
    #[error("not every key was handed over within {after:?}: {keys} were lost")]
    TimedOut {
        /// How long the shutdown was given.
        after: Duration,
        /// How many keys still ran. Those that had stopped, and whose hand-over was not written, are
        /// not among them.
        keys: u64,
    },
}
