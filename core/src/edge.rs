//! What goes into a node's core and what comes out.

use std::time::Duration;

use super::time::Time;
use crate::id::{NodeId, Revision, Session, Token};
use crate::key::Key;
use crate::log::{Change, Filter, Info, Outcome, Record, StoreError, Write};

/// A write that was asked for; its outcome comes back under this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub u64);

/// A leader read that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadId(pub u64);

/// A watch that was asked for. A closed one's number is never used again, so late news of it is told
/// apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub u64);

/// A command of the application that waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Something happened outside.
#[derive(Debug, Clone)]
pub enum Input {
    /// A watch is still being opened: the store takes its time, and has not given up.
    Opening(WatchId),
    /// A watch delivered something.
    Change(WatchId, Change),
    /// A watch could not be opened, or is over. The core asks for another one.
    WatchEnded(WatchId, StoreError),
    /// A write's outcome; exactly one for each write, at the latest when its time-out has passed.
    Wrote(WriteId, Outcome),
    /// A write was withdrawn before it was sent ([`Action::Withdraw`]), in place of its outcome.
    Withdrawn(WriteId),
    /// A leader read's answer; exactly one for each read, at the latest when its time-out has passed.
    Read(ReadId, Result<Option<Record>, StoreError>),
    /// The answer to [`Action::Info`].
    Info(Result<Info, StoreError>),
    /// The application confirmed that the run with this token is over. Also said by the engine for a
    /// `Start` that was withdrawn before the application took it.
    Confirm(Key, Token),
    /// The application wants something.
    Command(RequestId, Command),
}

/// What the application can ask of its node. Each is answered by one [`Action::Reply`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// It has stopped with this run of the key and somebody else should go on.
    Release(Key, Token),
    /// It has stopped with this run of the key because the work is done: the key is to exist no more.
    Complete(Key, Token),
    /// Use this affinity.
    SetAffinity(u32),
    /// Change the affinity by this much, at most to 0 and `u32::MAX`.
    AlterAffinity(i64),
    /// Hand over everything and take nothing more.
    Flush,
    /// Give everything up and end the session.
    Cancel,
}

/// The answer to a [`Command`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Done, or on its way and certain: the key is no longer this node's.
    Done,
    /// The node has no such run of the key, so that nothing was done.
    NotHeld,
    /// The run was lost, or handed over after its stop timed out, before it was asked. It counts as
    /// confirmed now.
    Lost,
    /// The key was lost while its deletion was on its way: it is gone, or it is started elsewhere.
    Doubtful,
    /// The key was announced again since: it will be started again here or elsewhere.
    AnnouncedAgain,
    /// The key could not be deleted: it exists, and goes to another node.
    NotDeleted(StoreError),
    /// The affinity is this now.
    Affinity {
        /// The node's own affinity.
        own: u32,
        /// The operator's, where it overrides the node's own.
        overridden: Option<u32>,
    },
    /// Nothing is held any more.
    Flushed {
        /// Keys that another node has now.
        handed: u64,
        /// Keys that no node could take, left without an owner.
        freed: u64,
        /// Keys that were lost with the lease before they were given away.
        lost: u64,
    },
    /// The node is over (ended, replaced): it cannot do that any more.
    Over,
}

/// The core wants something done. Actions are carried out in order; none may be dropped.
#[derive(Debug, Clone)]
pub enum Action {
    /// Write this; without an outcome within the span, say [`Outcome::Unknown`].
    Write(WriteId, Write, Duration),
    /// Withdraw every write that was not sent: their session is over.
    Withdraw,
    /// Read this record from the leader, at most for the span.
    Read(ReadId, String, Duration),
    /// Open a watch, not before the span has passed.
    Watch(WatchId, Filter, Duration),
    /// Close a watch.
    Unwatch(WatchId),
    /// Ask the store about the log.
    Info,
    /// A session began. Its assignments are valid until the deadline that [`Action::Lease`] moves.
    Session(Session),
    /// The lease of the current session lasts until this moment; nothing may be started later than
    /// `start_until`.
    Lease {
        /// When nothing is held any more.
        until: Time,
        /// The last moment at which the application may be told a start.
        start_until: Time,
    },
    /// Tell the application to start. If it has not taken it when a `Stop` or `Lost` of the same key
    /// comes, it is withdrawn and confirmed by the engine. While the time for starts is over it is
    /// held back: a renewed lease delivers it, and a lost one withdraws it.
    Start(Key, Token),
    /// Tell the application to stop. Where a moment is given, the key is handed over then, confirmed or
    /// not, and is not its any more.
    Stop(Key, Token, StopReason, Option<Time>),
    /// Tell the application that the key is not its any more from the moment given.
    Lost(Key, Token, LostReason, Time),
    /// Answer a command.
    Reply(RequestId, Reply),
    /// Something worth a log line and a metric.
    Notice(Notice),
    /// The node is over; nothing follows.
    End(End),
}

/// Why the core asks for a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// A balance generation moves it to another node.
    Rebalance,
    /// The operator drains this node.
    Drain,
    /// This node leaves (`flush`).
    Leave,
    /// The key was retracted, or its time to live is over.
    Retracted,
}

/// Why the core says that a key is no longer this node's without having been handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LostReason {
    /// The lease was not renewed in time, or another node ended this session.
    Fenced,
    /// The claim is not this node's any more: removed, overwritten, or not to be proved after a
    /// resynchronisation.
    ClaimLost,
    /// The node was cancelled.
    Cancelled,
    /// Another process took this node's id over.
    Replaced,
}

/// Why a node is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// `cancel` was called and all of it done.
    Cancelled,
    /// Another process holds this node's id; it is alive.
    NodeIdInUse {
        /// The other session.
        session: Session,
        /// The machine it runs on, where its member record says so.
        host: String,
    },
    /// Another process took this node's id over.
    Replaced {
        /// The session that replaced this one's.
        session: Session,
    },
    /// The group plans by a version that this build does not know any more.
    PlanTooOld {
        /// The member whose highest version is below this build's lowest.
        node: NodeId,
        /// That highest version.
        highest: u32,
    },
    /// The group's protocol is not the one that this build speaks.
    Protocol {
        /// The protocol found.
        found: u32,
    },
}

/// Something that an operator may want to know; the engine turns it into a log line and a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The node is a member now, and its record came back to it.
    Joined {
        /// The revision with which the session began.
        joined: Revision,
    },
    /// The lease ran out, or the session was ended by another: everything is told `Lost`.
    Fenced {
        /// How many keys were held.
        held: u64,
        /// Why.
        why: &'static str,
    },
    /// The view is read again from the start.
    Resync {
        /// Why.
        why: &'static str,
    },
    /// The view is complete again.
    CaughtUp {
        /// How long that took.
        after: Duration,
        /// How many keys there are.
        keys: u64,
    },
    /// A session was found unrenewed for its whole time, and ended.
    Killed {
        /// Whose session it was.
        node: NodeId,
    },
    /// The store refused or failed something; the core tries on.
    StoreFailed {
        /// What was asked.
        what: &'static str,
        /// What the store said.
        error: StoreError,
    },
    /// A compare-and-set found another revision.
    CasConflict {
        /// What was to be written.
        what: &'static str,
    },
    /// A key was handed over.
    HandedOver {
        /// From the `Stop`, or the release, to the write's acknowledgement.
        after: Duration,
    },
    /// A key of a node that is gone was taken.
    TakenOver {
        /// From the first attempt to claim it to the acknowledgement.
        after: Duration,
    },
    /// A key was released, and every node that may take it has released it lately.
    Unwanted {
        /// The key.
        key: Key,
    },
    /// All keys of a drain or flush are handed over.
    Drained {
        /// Keys that another node has now.
        handed: u64,
        /// Keys left without an owner.
        freed: u64,
    },
    /// Records that cannot be read were found.
    Problems {
        /// How many were ever found.
        count: u64,
    },
    /// The server's log is behind what it acknowledged: it lost its tail, or is another one.
    LogLost,
}
