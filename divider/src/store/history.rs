//! What a backend keeps of a group's history.

use std::time::Duration;

use bytes::Bytes;

/// An entry of a history as the backend has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryRecord {
    /// Its number in the history: a later entry has a higher one.
    pub number: u64,
    /// When it was stored, in Unix ms, by the backend's clock.
    pub at_ms: u64,
    /// Its value.
    pub value: Bytes,
}

impl HistoryRecord {
    /// An entry.
    pub fn new(number: u64, at_ms: u64, value: Bytes) -> Self {
        Self { number, at_ms, value }
    }
}

/// Where to read a history from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryStart {
    /// The entries of the last time, by the backend's clock.
    Ago(Duration),
    /// The entries after this number.
    After(u64),
}
