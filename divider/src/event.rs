//! What the application is told.

use std::fmt;

use divider_core::edge::{LostReason, StopReason};

use crate::assignment::Assignment;
use crate::handoff::Handoff;

/// What the application is told about its keys.
///
/// These three are all there will ever be: a match on them needs no further arm, which would drop a
/// hand-off of a new kind unconfirmed. New causes are added to [`Reason`] instead, and
/// [`Reason::is_loss`] tells what any of them asks for.
#[derive(Debug)]
pub enum Event {
    /// Start working on the key: until its stop is confirmed or its lease is over, it is this
    /// node's and nobody else's.
    Start(Assignment),
    /// Stop working on the key, then confirm: it stays this node's until you do, and nobody else
    /// gets it before. It is never taken back.
    Stop(Handoff),
    /// The key is not this node's any more, or will not be in [`Handoff::remaining`]: stop at once,
    /// then confirm. Another node may start it when that time is over, confirmed or not; this node
    /// gets it again only after the confirmation.
    Lost(Handoff),
}

/// Why a key has to stop on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A balance generation moves it to another node. Comes with [`Event::Stop`].
    Rebalance,
    /// The operator drains this node. Comes with [`Event::Stop`].
    Drain,
    /// The operator moves this key to another node. Comes with [`Event::Stop`].
    Move,
    /// This node leaves (`flush`). Comes with [`Event::Stop`].
    Leave,
    /// The key was retracted, or its time to live is over. Comes with [`Event::Stop`].
    Retracted,
    /// The lease was not renewed in time, or another node ended this session. Comes with
    /// [`Event::Lost`].
    Fenced,
    /// The claim is not this node's any more: removed, overwritten, or not to be proved after the
    /// log was read again. Comes with [`Event::Lost`].
    ClaimLost,
    /// The node was cancelled. Comes with [`Event::Lost`].
    Cancelled,
    /// Another process took this node's id over. Comes with [`Event::Lost`].
    Replaced,
}

impl Reason {
    /// Whether it comes with [`Event::Lost`], so that the key may run elsewhere before this node
    /// has confirmed anything.
    pub const fn is_loss(self) -> bool {
        matches!(self, Self::Fenced | Self::ClaimLost | Self::Cancelled | Self::Replaced)
    }

    /// One lower-case word for it, the same in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rebalance => "rebalance",
            Self::Drain => "drain",
            Self::Move => "move",
            Self::Leave => "leave",
            Self::Retracted => "retracted",
            Self::Fenced => "fenced",
            Self::ClaimLost => "claim_lost",
            Self::Cancelled => "cancelled",
            Self::Replaced => "replaced",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<StopReason> for Reason {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::Rebalance => Self::Rebalance,
            StopReason::Drain => Self::Drain,
            StopReason::Move => Self::Move,
            StopReason::Leave => Self::Leave,
            StopReason::Retracted => Self::Retracted,
        }
    }
}

impl From<LostReason> for Reason {
    fn from(reason: LostReason) -> Self {
        match reason {
            LostReason::Fenced => Self::Fenced,
            LostReason::ClaimLost => Self::ClaimLost,
            LostReason::Cancelled => Self::Cancelled,
            LostReason::Replaced => Self::Replaced,
        }
    }
}
