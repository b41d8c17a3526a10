//! A node, as a viewer sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Moment;
use crate::id::{NodeId, Revision, Session, Token};
use crate::key::Key;
use divider_core::wire::{Mode, OnDeadline};

/// How a node does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStatus {
    /// Its name.
    pub node: NodeId,
    /// How it is, in one word.
    pub state: NodeState,
    /// Since when it is so, as this viewer saw it.
    pub since: Moment,
    /// Its session, where it has one.
    pub session: Option<Session>,
    /// The revision with which the session began.
    pub joined: Revision,
    /// Its own affinity.
    pub affinity: u32,
    /// What it is planned with: the operator's affinity where there is one, 0 where it gets nothing
    /// new.
    pub effective_affinity: u32,
    /// What it would have in perfect balance: its share by affinity of the keys that it may take, over
    /// all prefixes, rounded.
    pub target: u64,
    /// The keys whose claims name its session.
    pub keys: u64,
    /// The keys it has, by its own last word.
    pub held: u64,
    /// The runs that it was told to end and that are not confirmed over, by its own last word: also
    /// those whose key it gave away unconfirmed or lost.
    pub stopping: u64,
    /// Its last session ended in order: it ended it itself, and no run of it was unconfirmed.
    pub left: bool,
    /// When its last heartbeat came in here; none before the first.
    pub last_beat: Option<Moment>,
    /// How long its lease lasts. A heartbeat comes six times in it.
    pub lease: Duration,
    /// Up to which revision it has seen the log, by its own last word.
    pub seen: Revision,
    /// The newest balance generation of which it has no move left to make.
    pub balanced: Revision,
    /// The prefixes of the keys it takes; none: every key.
    pub prefixes: Vec<String>,
    /// What its operator calls it.
    pub labels: BTreeMap<String, String>,
    /// The machine it runs on.
    pub host: String,
    /// The build that runs.
    pub build: String,
    /// The stops that it was told and that its application has not confirmed.
    pub unconfirmed: Unconfirmed,
    /// The state that operators want of it; `None` where none ever asked for anything.
    pub desired: Option<DesiredState>,
}

/// How a node is. Of several that hold, the one that an operator has to know of first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NodeState {
    /// Its session is over, or no heartbeat came for a whole lease and the grace: its keys are being
    /// taken over.
    Lost,
    /// No heartbeat came for more than one and a half of its heartbeats.
    Late,
    /// It is drained, and keys are left that it has, or that nobody has since.
    Draining,
    /// It is drained: no claim names it, it says that it stops nothing any more, and each of the keys
    /// that were seen to leave it has a live owner.
    Drained,
    /// It is drained and has nothing left, but not as it should be: keys of it have no owner since the
    /// drain's deadline freed them, or were taken over from a session of it that died, whose stops
    /// nobody confirmed.
    Emptied,
    /// It hands over everything, by its own request.
    Leaving,
    /// It keeps what it has and gets nothing new.
    Cordoned,
    /// It has come, and it is waited for others that may come with it.
    Joining,
    /// It takes its share.
    Ready,
    /// There is no such node now; an operator's request waits for it.
    Absent,
}

impl NodeState {
    /// One lower-case word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Late => "late",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Emptied => "emptied",
            Self::Leaving => "leaving",
            Self::Cordoned => "cordoned",
            Self::Joining => "joining",
            Self::Ready => "ready",
            Self::Absent => "absent",
        }
    }
}

/// Stops told and not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Unconfirmed {
    /// How many there are.
    pub count: u64,
    /// How many of them are of keys that the node gave away without waiting any longer
    /// ([`stop_timeout`](crate::Builder::stop_timeout)), or lost: that work may still run, beside the
    /// next owner's.
    pub given: u64,
    /// The oldest of them, oldest first, at most 32.
    pub oldest: Vec<UnconfirmedStop>,
}

/// A stop told and not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnconfirmedStop {
    /// The key.
    pub key: Key,
    /// Its assignment's token.
    pub token: Token,
    /// When it was told: by the node's word, counted back from when that came in.
    pub told: Moment,
    /// The key was given away all the same, or lost.
    pub given: bool,
}

/// The state that operators want of a node, by the newest request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DesiredState {
    /// Whether it gets new keys and keeps those that it has.
    pub mode: Mode,
    /// The operator's affinity, which counts instead of the node's own while it is set.
    pub affinity: Option<u32>,
    /// Who requested it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, by the operator's clock, in Unix milliseconds.
    pub at_ms: u64,
    /// Its revision.
    pub revision: Revision,
    /// The drain's name, where it is one.
    pub drain_id: Option<String>,
    /// When the drain counts as failed, by the operator's clock, in Unix milliseconds.
    pub deadline_ms: Option<u64>,
    /// What becomes of keys without a receiver then.
    pub on_deadline: OnDeadline,
    /// The most stops told and not yet handed over; 0: no limit.
    pub parallel: u32,
    /// It tells no further stops for now.
    pub paused: bool,
    /// The revision at which it was planned.
    pub planned: Revision,
    /// How many keys the node had when this viewer first saw the drain: what is left of them is
    /// [`NodeStatus::keys`].
    pub drained_from: u64,
    /// How many of the keys that left it since then have no live owner.
    pub adrift: u64,
    /// How many of the keys that left it since then were taken over, since their session was over
    /// before it had confirmed their stops.
    pub taken_over: u64,
}
