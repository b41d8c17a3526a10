//! The output of a node: its actions, and the purpose of each pending write and read.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::edge::{Action, End, Notice, ReadId, WatchId, WriteId};
use crate::id::{NodeId, Revision, Session};
use crate::log::{Record, Write};
use crate::view::{KeyIx, View};
use crate::wire::{Part, RecordName};

/// The purpose of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WriteFor {
    /// This node's own lease, with the number of the attempt.
    Lease(u64),
    /// The end of this node's own lease.
    End,
    /// This node's own member record.
    Member,
    /// Deletes a member record whose session is over.
    MemberGone(NodeId),
    /// This node's own unconfirmed stops.
    Stops,
    /// Ends another node's session.
    /// The number is how many keys the session had by its last heartbeat, if that is known.
    Kill(NodeId, Session, Option<u64>),
    /// A key's claim.
    Claim(KeyIx),
    /// Deletes a claim that no node needs.
    StaleClaim(KeyIx),
    /// Deletes a key whose work is done.
    Complete(KeyIx),
    /// Deletes a key whose time to live has passed. The revision is that of its announcement.
    Expire(KeyIx, Revision),
    /// Deletes an obsolete record of this name.
    Collect(Box<str>),
    /// The manifest of a part.
    Manifest(Part),
    /// Tests whether this node may write a record. Stores nothing.
    Probe,
}

/// The purpose of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadFor {
    /// This node's own lease, before a session begins.
    Join,
    /// This node's own lease, when the outcome of a renewal is unknown.
    OwnLease,
    /// This node's own lease, when the outcome of ending it is unknown.
    End,
    /// This node's own member record, when the outcome of a write is unknown.
    Member,
    /// This node's own record of unconfirmed stops, when the outcome of a write is unknown.
    Stops,
    /// A claim, when the outcome of a write is unknown.
    Claim(KeyIx),
    /// A `key` record, when the outcome of its deletion is unknown.
    Complete(KeyIx),
    /// A `key` record that a snapshot did not show, or whose time to live has passed. The revision
    /// is the last one that this node knew.
    KeyGone(KeyIx, Revision),
    /// A claim that a snapshot did not show. The revision is the last one that this node knew.
    ClaimGone(KeyIx, Revision),
    /// A claim, to check that it matches the view.
    Audit(KeyIx),
    /// A key, to check that it exists.
    AuditKey(KeyIx),
    /// An obsolete record that differs from what the watch showed.
    Collect(Box<str>),
    /// The record of a part's manifest, when it differs from what the watch showed.
    Manifest(Part),
}

impl WriteFor {
    /// The key that the write is about, if the outcome affects only that key.
    pub(super) fn key(&self) -> Option<KeyIx> {
        match self {
            Self::Claim(ix) | Self::Complete(ix) | Self::Expire(ix, _) => Some(*ix),
            Self::Lease(_)
            | Self::End
            | Self::Member
            | Self::MemberGone(_)
            | Self::Stops
            | Self::Kill(..)
            | Self::StaleClaim(_)
            | Self::Collect(_)
            | Self::Manifest(_)
            | Self::Probe => None,
        }
    }

    /// The kind of operation, for log lines and metrics.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Lease(_) => "renew the lease",
            Self::End => "end the lease",
            Self::Member => "write the member record",
            Self::MemberGone(_) => "delete the member record of an ended session",
            Self::Stops => "write the unconfirmed stops",
            Self::Kill(..) => "end an expired session",
            Self::Claim(_) => "write a claim",
            Self::Complete(_) => "delete a completed key",
            Self::StaleClaim(_) => "delete the claim of a deleted key",
            Self::Expire(..) => "delete an expired key",
            Self::Collect(_) => "delete an obsolete record",
            Self::Manifest(_) => "write a manifest",
            Self::Probe => "test the right to write a record",
        }
    }
}

impl ReadFor {
    /// The key that the read is about.
    pub(super) fn key(&self) -> Option<KeyIx> {
        match self {
            Self::Claim(ix)
            | Self::Complete(ix)
            | Self::KeyGone(ix, _)
            | Self::ClaimGone(ix, _)
            | Self::Audit(ix)
            | Self::AuditKey(ix) => Some(*ix),
            Self::Join
            | Self::OwnLease
            | Self::End
            | Self::Member
            | Self::Stops
            | Self::Collect(_)
            | Self::Manifest(_) => None,
        }
    }
}

/// The key that a request is about, with its hash. When the answer arrives, the index may belong to
/// another key. The hash of that key differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyRef(Option<(KeyIx, u64)>);

/// What a component requests from the whole node. The node does it as soon as the component has
/// returned.
#[derive(Debug)]
pub(super) enum Demand {
    /// The session is recorded in the log: start it.
    Begin,
    /// End the session here. The node loses every key.
    Fence(&'static str),
    /// End the session here. The node stays away until it may write this record.
    FenceUntilWritable(&'static str, RecordName),
    /// The view cannot be trusted: read the log again.
    Resync(&'static str),
    /// The log lost its newest records.
    LogLost,
    /// A heartbeat was sent: also write the record of unconfirmed stops.
    WriteStops,
    /// The node has ended.
    End(End),
}

/// The actions that a node sends, and the answers that it waits for.
#[derive(Debug)]
pub(super) struct Io {
    pub(super) actions: VecDeque<Action>,
    pub(super) demands: VecDeque<Demand>,
    /// Each pending write: its purpose, the newest revision known when it was sent, and its key.
    pub(super) writes: HashMap<WriteId, (WriteFor, Revision, KeyRef)>,
    pub(super) reads: HashMap<ReadId, (ReadFor, KeyRef)>,
    /// The newest revision that acknowledgements have shown since the log was last read again.
    pub(super) newest: Revision,
    /// How long an answer may take.
    ack: Duration,
    last_id: u64,
}

impl Io {
    pub(super) fn new(ack: Duration) -> Self {
        Self {
            actions: VecDeque::new(),
            demands: VecDeque::new(),
            writes: HashMap::new(),
            reads: HashMap::new(),
            newest: Revision::NONE,
            ack,
            last_id: 0,
        }
    }

    pub(super) fn push(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.actions.push_back(Action::Notice(notice));
    }

    pub(super) fn demand(&mut self, demand: Demand) {
        self.demands.push_back(demand);
    }

    pub(super) fn write(&mut self, view: &View, purpose: WriteFor, write: Write) -> WriteId {
        let id = WriteId(self.next_id());
        let key_ref = KeyRef::about(view, purpose.key());
        self.writes.insert(id, (purpose, self.newest.max(view.seen), key_ref));
        self.actions.push_back(Action::Write(id, write, self.ack));
        id
    }

    pub(super) fn read(&mut self, view: &View, purpose: ReadFor, name: &RecordName) -> ReadId {
        let id = ReadId(self.next_id());
        let key_ref = KeyRef::about(view, purpose.key());
        self.reads.insert(id, (purpose, key_ref));
        self.actions.push_back(Action::Read(id, name.to_string(), self.ack));
        id
    }

    pub(super) fn watch_id(&mut self) -> WatchId {
        WatchId(self.next_id())
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

impl KeyRef {
    fn about(view: &View, ix: Option<KeyIx>) -> Self {
        Self(ix.and_then(|ix| Some((ix, view.keys.get(ix)?.hash))))
    }

    /// Whether the index still belongs to the key that the request was about.
    pub(super) fn still_holds(self, view: &View) -> bool {
        self.0.is_none_or(|(ix, hash)| view.keys.get(ix).is_some_and(|e| e.hash == hash))
    }
}

/// The revision of a record that was read, or [`Revision::NONE`] if there is no record.
pub(super) fn answer_revision(answer: Option<&Record>) -> Revision {
    answer.map_or(Revision::NONE, |record| record.revision)
}
