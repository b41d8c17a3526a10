//! The way out of a node: its actions, and what the answers to its writes and reads were for.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::edge::{Action, End, Notice, ReadId, WatchId, WriteId};
use crate::id::{NodeId, Revision, Session};
use crate::log::{Record, Write};
use crate::view::{KeyIx, View};
use crate::wire::{Part, RecordName};

/// What a write is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WriteFor {
    /// The own lease, with this attempt's number.
    Lease(u64),
    /// The end of the own lease.
    End,
    /// The own member record.
    Member,
    /// Deleting a member record whose session is over.
    MemberGone(NodeId),
    /// The own unconfirmed stops.
    Stops,
    /// Ending another node's session.
    Kill(NodeId, Session),
    /// A key's claim.
    Claim(KeyIx),
    /// Deleting a claim that nobody needs.
    StaleClaim(KeyIx),
    /// Deleting a key whose work is done.
    Complete(KeyIx),
    /// Deleting a key whose time is over, announced at this revision.
    Expire(KeyIx, Revision),
    /// Deleting a record of this name that is of no use.
    Collect(Box<str>),
    /// The manifest of a part.
    Manifest(Part),
    /// Nothing: whether a record may be written.
    Probe,
}

/// What a read is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadFor {
    /// The own lease, before a session begins.
    Join,
    /// The own lease, where an attempt's outcome is doubtful.
    OwnLease,
    /// The own lease, where its end is doubtful.
    End,
    /// The own member record, likewise.
    Member,
    /// The own record of unconfirmed stops, likewise.
    Stops,
    /// A claim, likewise.
    Claim(KeyIx),
    /// A `key` record whose deletion is doubtful.
    Complete(KeyIx),
    /// A `key` record that a snapshot did not show, or whose time to live has passed; with the
    /// revision that was known.
    KeyGone(KeyIx, Revision),
    /// A claim that a snapshot did not show, likewise.
    ClaimGone(KeyIx, Revision),
    /// A claim that ought to be as it is known.
    Audit(KeyIx),
    /// A key that ought to exist.
    AuditKey(KeyIx),
    /// A record of no use, which was not as it was shown.
    Collect(Box<str>),
    /// The record of a part's manifest, likewise.
    Manifest(Part),
}

impl WriteFor {
    /// The key that it is about, where its outcome is that key's alone.
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
}

impl ReadFor {
    /// The key that it is about.
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

/// Which key was asked about. Its place may be another key's when the answer comes, which has another
/// hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked(Option<(KeyIx, u64)>);

/// What a component needs done that is the whole node's business. It is done as soon as the component
/// has returned.
#[derive(Debug)]
pub(super) enum Demand {
    /// The session is recorded: it begins.
    Begin,
    /// The session ends here, and everything is lost.
    Fence(&'static str),
    /// The same, and the node stays away until it may write this record.
    FenceUntilWritable(&'static str, RecordName),
    /// The view cannot be trusted: the log is read again.
    Resync(&'static str),
    /// A heartbeat was sent: the record of unconfirmed stops goes with it.
    WriteStops,
    /// The node is over.
    End(End),
}

/// What a node sends, and what it waits for.
#[derive(Debug)]
pub(super) struct Io {
    pub(super) actions: VecDeque<Action>,
    pub(super) demands: VecDeque<Demand>,
    /// What was asked for, with the newest revision that was known when it was, and for which key.
    pub(super) writes: HashMap<WriteId, (WriteFor, Revision, Asked)>,
    pub(super) reads: HashMap<ReadId, (ReadFor, Asked)>,
    /// The newest revision of the log as far as acknowledgements tell, since the view was last read
    /// again.
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
        let asked = Asked::about(view, purpose.key());
        self.writes.insert(id, (purpose, self.newest.max(view.seen), asked));
        self.actions.push_back(Action::Write(id, write, self.ack));
        id
    }

    pub(super) fn read(&mut self, view: &View, purpose: ReadFor, name: &RecordName) -> ReadId {
        let id = ReadId(self.next_id());
        let asked = Asked::about(view, purpose.key());
        self.reads.insert(id, (purpose, asked));
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

impl Asked {
    fn about(view: &View, ix: Option<KeyIx>) -> Self {
        Self(ix.and_then(|ix| Some((ix, view.keys.get(ix)?.hash))))
    }

    /// Whether the key that was asked about is the one that has its place now.
    pub(super) fn still_holds(self, view: &View) -> bool {
        self.0.is_none_or(|(ix, hash)| view.keys.get(ix).is_some_and(|e| e.hash == hash))
    }
}

/// The revision of a record that was read; none where there is no record.
pub(super) fn answer_revision(answer: Option<&Record>) -> Revision {
    answer.map_or(Revision::NONE, |record| record.revision)
}

impl WriteFor {
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
