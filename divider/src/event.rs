//! What the application is told. (The engine's issue: this file grows the public events.)

/// Why a key has to stop on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
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

/// Why a key is no longer this node's without having been handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
