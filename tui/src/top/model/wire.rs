//! How the dashboard hears of its group.

use std::time::Duration;

use crate::output::age;
use divider::GroupName;
use divider::snapshot::{Link, Moment, NodeState, Snapshot};

/// From the first look for the server on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Wire {
    /// No group is open.
    #[default]
    Connecting,
    /// There are several groups, and one has to be chosen.
    Choosing,
    /// The group could not be opened; it is tried again.
    NotOpen(NotOpen),
    /// What is there is being read.
    Reading { records: u64 },
    /// Every change is heard of.
    Live,
    /// Neither the watch nor the store says anything: it is busy, or gone.
    Silent { since: Moment },
    /// The store is lost; it is tried again.
    Lost { error: String, since: Moment, attempts: u32, retry: Moment },
    /// It is read from a file: it is as it was then.
    File,
}

/// Why a group is not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotOpen {
    /// The group, where it is known which.
    pub(crate) group: Option<GroupName>,
    pub(crate) error: String,
    pub(crate) cause: Cause,
    pub(crate) attempts: u32,
    pub(crate) retry: Moment,
}

/// What has to be done so that a group can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Somebody has to make it.
    NoGroup,
    /// The server refuses whoever asks.
    Denied,
    /// Anything else.
    Other,
}

impl Wire {
    /// What a watch says of its link.
    pub(crate) fn of(link: &Link) -> Self {
        match link {
            Link::Opening => Self::Reading { records: 0 },
            Link::Reading { records } => Self::Reading { records: *records },
            Link::Live => Self::Live,
            Link::Silent { since } => Self::Silent { since: *since },
            Link::Lost { error, since, attempts, retry } => Self::Lost {
                error: error.to_string(),
                since: *since,
                attempts: *attempts,
                retry: *retry,
            },
            _ => Self::Connecting,
        }
    }

    /// Why nothing can be changed now, if that is so.
    pub(crate) fn why_no_changes(&self) -> Option<String> {
        let why = match self {
            Self::Live => return None,
            Self::Connecting | Self::NotOpen(_) => "not connected yet",
            Self::Choosing => "no group is open",
            Self::Reading { .. } => "still reading the group",
            Self::Silent { .. } => "the server is silent",
            Self::Lost { .. } => "connection lost",
            Self::File => "a file is shown",
        };
        Some(why.to_owned())
    }

    /// For how long nothing has come in though the link is live and nodes ought to beat: longer
    /// than three heartbeats of the node that beats slowest.
    pub(crate) fn stale(&self, snapshot: &Snapshot, now: Moment) -> Option<Duration> {
        if let Self::Silent { since } = self {
            return Some(now.since(*since));
        }
        let beats = |state| !matches!(state, NodeState::Lost | NodeState::Absent);
        let there = snapshot.nodes().filter(|node| beats(node.state));
        let (last, lease) = there.fold((None, Duration::ZERO), |(last, lease), node| {
            (last.max(node.last_beat), lease.max(node.lease))
        });
        let age = now.since(last?);
        (*self == Self::Live && age > lease / 2).then_some(age)
    }

    /// When it is tried again, in words.
    pub(crate) fn retry(attempts: u32, retry: Moment, now: Moment) -> String {
        let number = attempts.saturating_add(1);
        match retry.since(now) {
            Duration::ZERO => format!("retry {number} is under way"),
            wait => format!("retry {number} in {}", age(wait)),
        }
    }
}
