//! The moves of a balance generation.

use super::place::Candidate;

/// How many keys a donor gives a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Index of the donor.
    pub(crate) from: usize,
    /// Index of the receiver.
    pub(crate) to: usize,
    /// How many keys, above 0.
    pub(crate) keys: u64,
}

/// The least moves that bring every candidate of one class into its band.
pub(crate) fn quotas(candidates: &[Candidate]) -> Vec<Quota> {
    let _ = candidates;
    Vec::new()
}
