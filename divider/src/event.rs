//! The requests of the node to the application.

use std::fmt;

use divider_core::edge::{LostReason, StopReason};

use crate::assignment::Assignment;
use crate::handoff::Handoff;

/// A request of the node to the application, about one key.
///
/// No variant will ever be added, so a `match` needs no catch-all arm. (A catch-all arm would drop
/// the [`Handoff`] of a new variant, and so leave its key unconfirmed.) New causes of a stop or a
/// loss are added to [`Reason`]. [`Reason::is_loss`] shows whether a reason comes with a stop or
/// with a loss.
#[derive(Debug)]
pub enum Event {
    /// Start working on the key. Only this node owns it, until its stop is confirmed or the node's
    /// lease ends.
    Start(Assignment),
    /// Stop working on the key, then confirm. Until then this node owns the key, and no other node
    /// gets it. A stop is never withdrawn.
    Stop(Handoff),
    /// Stop working on the key at once, then confirm. This node no longer owns the key, or will no
    /// longer own it when [`Handoff::remaining`] has passed. After that time another node may start
    /// the key, even without the confirmation. This node gets the key again only after the
    /// confirmation.
    Lost(Handoff),
}

/// Why a key has to stop on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A rebalance moves the key to another node. Comes with [`Event::Stop`].
    Rebalance,
    /// The operator drains this node. Comes with [`Event::Stop`].
    Drain,
    /// The operator moves this key to another node. Comes with [`Event::Stop`].
    Move,
    /// This node leaves (`flush`). Comes with [`Event::Stop`].
    Leave,
    /// This node restarts ([`leave_for`](crate::Divider::leave_for)), and the key waits for its return.
    /// Comes with [`Event::Stop`].
    Restart,
    /// The key was retracted, or its time to live has passed. Comes with [`Event::Stop`].
    Retracted,
    /// The lease was not renewed in time, or another node ended this session. Comes with
    /// [`Event::Lost`].
    Fenced,
    /// The claim no longer names this node. It was removed or overwritten, or the node could not
    /// find it after it read the log again. Comes with [`Event::Lost`].
    ClaimLost,
    /// The node was cancelled. Comes with [`Event::Lost`].
    Cancelled,
    /// Another process has taken over this node's id. Comes with [`Event::Lost`].
    Replaced,
}

impl Reason {
    /// Whether this reason comes with [`Event::Lost`]. If so, another node may start the key before
    /// this node has confirmed its stop.
    pub const fn is_loss(self) -> bool {
        matches!(self, Self::Fenced | Self::ClaimLost | Self::Cancelled | Self::Replaced)
    }

    /// The reason as one lower-case word, as logs and metrics show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rebalance => "rebalance",
            Self::Drain => "drain",
            Self::Move => "move",
            Self::Leave => "leave",
            Self::Restart => "restart",
            Self::Retracted => "retracted",
            Self::Fenced => "fenced",
            Self::ClaimLost => "claim_lost",
            Self::Cancelled => "cancelled",
            Self::Replaced => "replaced",
        }
    }
}

/// A reason as a number from 1 on, for an atomic.
impl Reason {
    /// Each reason that [`number`](Self::number) has.
    const ALL: [Self; 10] = [
        Self::Rebalance,
        Self::Drain,
        Self::Move,
        Self::Leave,
        Self::Retracted,
        Self::Fenced,
        Self::ClaimLost,
        Self::Cancelled,
        Self::Replaced,
        Self::Restart,
    ];

    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Rebalance => 1,
            Self::Drain => 2,
            Self::Move => 3,
            Self::Leave => 4,
            Self::Retracted => 5,
            Self::Fenced => 6,
            Self::ClaimLost => 7,
            Self::Cancelled => 8,
            Self::Replaced => 9,
            Self::Restart => 10,
        }
    }

    pub(crate) fn of_number(number: u8) -> Option<Self> {
        let at = usize::from(number).checked_sub(1)?;
        Self::ALL.get(at).copied()
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
            StopReason::Restart => Self::Restart,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_found_again_by_its_number() {
        for reason in Reason::ALL {
            assert_eq!(Reason::of_number(reason.number()), Some(reason));
        }
        assert_eq!(Reason::of_number(0), None);
        let next = u8::try_from(Reason::ALL.len()).expect("few") + 1;
        assert_eq!(Reason::of_number(next), None);
    }
}
