//! The inputs and actions of a node.

use std::time::Duration;

use super::time::Time;
use crate::id::{NodeId, Revision, Session, Token};
use crate::key::Key;
use crate::log::{Change, Filter, Info, Outcome, Record, StoreError, Write};
use crate::wire::Failed;

/// Identifies a write. Its outcome has the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub u64);

/// Identifies a leader read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadId(pub u64);

/// Identifies a watch. The id of a closed watch is not used again, so late changes of it can be
/// recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub u64);

/// Identifies a command of the application. Its reply has the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Something that happened outside the core.
#[derive(Debug, Clone)]
pub enum Input {
    /// A watch is still being opened. The store has not given up yet.
    Opening(WatchId),
    /// A watch made a step.
    Change(WatchId, Change),
    /// A watch could not be opened, or ended. The core asks for another one.
    WatchEnded(WatchId, StoreError),
    /// The outcome of a write. There is exactly one for each write, at the latest when its time-out has
    /// passed, counted from when the engine gave it to the store.
    Wrote(WriteId, Outcome),
    /// A write was withdrawn before it was sent ([`Action::Withdraw`]). Replaces its outcome.
    Withdrawn(WriteId),
    /// The answer to a leader read. There is exactly one for each read, at the latest when its time-out
    /// has passed.
    Read(ReadId, Result<Option<Record>, StoreError>),
    /// The answer to [`Action::Info`].
    Info(Result<Info, StoreError>),
    /// The application confirmed that the run with this token is over. The engine also sends this for a
    /// `Start` that was withdrawn before the application took it.
    Confirm(Key, Token),
    /// The application sent a command.
    Command(RequestId, Command),
}

/// A command of the application. One [`Action::Reply`] answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The application has ended this run. Another node takes the key.
    Release(Key, Token),
    /// The application has ended this run because the work failed. Another node takes the key, or
    /// none does until an operator retries it.
    Fail(Key, Token, Failure),
    /// The application has ended this run because the work is done. The key is deleted.
    Complete(Key, Token),
    /// Sets the node's own affinity.
    SetAffinity(u32),
    /// Adds this to the node's own affinity. The result stays between 0 and `u32::MAX`.
    AlterAffinity(i64),
    /// Hands over every key and takes no more.
    Flush,
    /// Stops every key, hands none over and takes no more. After the end of the session, the keys wait
    /// for the node's next session for this long, at most an hour.
    LeaveFor(Duration),
    /// Gives up every key and ends the session.
    Cancel,
}

/// Why a run gives its key up: its work has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The last error. It is cut to [`MAX_REASON`](crate::wire::MAX_REASON) bytes.
    pub reason: String,
    /// How many attempts of this run have failed in a row.
    pub attempts: u32,
    /// Whether no attempt of this run succeeded, so that the row of earlier runs goes on.
    pub goes_on: bool,
    /// After how many such runs in a row the key is quarantined. 0 counts as 1.
    pub limit: u32,
}

/// The answer to a [`Command`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The command is carried out, or certain to be. A released or completed key is no longer this
    /// node's.
    Done,
    /// The node has no such run of the key. Nothing changed.
    NotHeld,
    /// The run was lost, or was handed over after its stop timed out, before the command. The run now
    /// counts as confirmed.
    Lost,
    /// The key was lost while its deletion was in flight. It is deleted, or another node starts it.
    Doubtful,
    /// The key was announced again. It is started again, here or on another node.
    AnnouncedAgain,
    /// The key could not be deleted. It exists and goes to another node.
    NotDeleted(StoreError),
    /// The affinity now in force.
    Affinity {
        /// The node's own affinity.
        own: u32,
        /// The operator's affinity, if it replaces the node's own.
        overridden: Option<u32>,
    },
    /// The node has no keys left.
    Flushed {
        /// Keys that other nodes own now.
        handed: u64,
        /// Keys that no node could take. They are free.
        freed: u64,
        /// Keys that wait for this node's next session.
        kept: u64,
        /// Keys that were lost with the lease before they were given away.
        lost: u64,
    },
    /// The node has ended or was replaced, and runs no more commands.
    Over,
}

/// Something that the core needs done. The engine carries actions out in order, and drops none.
#[derive(Debug, Clone)]
pub enum Action {
    /// Write this record. If there is no outcome within the span after it was given to the store, answer
    /// [`Outcome::Unknown`]. The time for which a write waits in the engine does not count.
    Write(WriteId, Write, Duration),
    /// Withdraw every write that is not sent yet: its session is over.
    Withdraw,
    /// Read this record from the leader, within the span.
    Read(ReadId, String, Duration),
    /// Open a watch after the span.
    Watch(WatchId, Filter, Duration),
    /// Close a watch.
    Unwatch(WatchId),
    /// Read the state of the log.
    Info,
    /// A session began. Its runs are valid until the deadline in the newest [`Action::Lease`].
    Session(Session),
    /// The lease of the current session lasts until this time. No run may be started after
    /// `start_until`.
    Lease {
        /// From this time on no run is valid.
        until: Time,
        /// The last time at which the application may receive a start.
        start_until: Time,
    },
    /// Send a start to the application. If it has not taken it when a `Stop` or `Lost` of the same key
    /// follows, the engine withdraws and confirms it. Between `start_until` and the end of the lease
    /// the start waits: a renewed lease delivers it, a lost one withdraws it.
    Start(Key, Token),
    /// Send a stop to the application. If there is a time, the key is handed over then, confirmed or
    /// not.
    Stop(Key, Token, StopReason, Option<Time>),
    /// Report to the application that the key is lost. Its run must be over at the given time.
    Lost(Key, Token, LostReason, Time),
    /// Answer a command.
    Reply(RequestId, Reply),
    /// An event for a log line and a metric.
    Notice(Notice),
    /// The node is over. No action follows.
    End(End),
}

/// The reason of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// A balance generation moves the key to another node.
    Rebalance,
    /// The operator drains this node.
    Drain,
    /// The operator moves this key to a named node.
    Move,
    /// The node leaves (`flush`).
    Leave,
    /// The node restarts. The key waits for it.
    Restart,
    /// The key was retracted, or its time to live has passed.
    Retracted,
}

/// The reason why a key was lost, not handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LostReason {
    /// The lease was not renewed in time, or another node ended the session.
    Fenced,
    /// The claim no longer names this session: it was removed or overwritten, or it could not be read
    /// after the view was read again.
    ClaimLost,
    /// The node was cancelled.
    Cancelled,
    /// Another process took over this node's id.
    Replaced,
}

/// The reason why a node is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// `cancel` was called and has finished.
    Cancelled,
    /// Another process, which is alive, uses this node's id.
    NodeIdInUse {
        /// The other session.
        session: Session,
        /// The machine of the other session, if its member record has it.
        host: String,
    },
    /// Another process took over this node's id.
    Replaced {
        /// The session that replaced this node's.
        session: Session,
    },
    /// The group plans by a version that this build no longer supports.
    PlanTooOld {
        /// The member whose highest version is below this build's lowest.
        node: NodeId,
        /// The highest version of that member.
        highest: u32,
    },
    /// The group has a protocol that this build does not support.
    Protocol {
        /// The group's protocol.
        found: u32,
    },
}

/// An event for operators. The engine makes a log line and a metric of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The node is a member now: its member record came back through the watch.
    Joined {
        /// The revision at which the session began.
        joined: Revision,
    },
    /// The lease ran out, or another node ended the session. Every key is lost.
    Fenced {
        /// How many keys the node had.
        held: u64,
        /// The cause.
        why: &'static str,
    },
    /// The node reads the log again from the start.
    Resync {
        /// The cause.
        why: &'static str,
    },
    /// The view is complete again.
    CaughtUp {
        /// How long reading took.
        after: Duration,
        /// How many keys exist.
        keys: u64,
    },
    /// The node ended a session whose lease was unchanged for its whole time.
    Killed {
        /// The node of that session.
        node: NodeId,
        /// How many keys it had by its last heartbeat, if this node knows that record.
        held: Option<u64>,
    },
    /// The store refused or failed an operation. The core tries again.
    StoreFailed {
        /// The kind of operation.
        what: &'static str,
        /// The error of the store.
        error: StoreError,
    },
    /// A compare-and-set found another revision.
    CasConflict {
        /// The kind of record.
        what: &'static str,
    },
    /// A key was handed over.
    HandedOver {
        /// From the stop or the release to the acknowledgement of the write.
        after: Duration,
    },
    /// The node took a key of a node that is gone.
    TakenOver {
        /// From the first attempt to claim it to the acknowledgement.
        after: Duration,
    },
    /// A key was released, and all eligible nodes are cooling down for it.
    Unwanted {
        /// The key.
        key: Key,
    },
    /// This node put a key into quarantine.
    Quarantined {
        /// The key.
        key: Key,
        /// Why.
        reason: String,
        /// How often its work has failed in a row.
        failed: Failed,
        /// The revision of its claim.
        revision: Revision,
    },
    /// All keys of a drain or flush are handed over.
    Drained {
        /// Keys that other nodes own now.
        handed: u64,
        /// Keys that are free now.
        freed: u64,
    },
    /// The node restarts: all its keys are stopped and wait for it.
    Stopped {
        /// How many keys wait.
        kept: u64,
    },
    /// Unreadable records were found.
    Problems {
        /// How many the node has found in all.
        count: u64,
    },
    /// The server's log is behind what it acknowledged: it lost its tail, or is another log.
    LogLost,
}
