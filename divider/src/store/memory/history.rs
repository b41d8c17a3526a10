//! The history of a group in memory.

use std::collections::VecDeque;

use bytes::Bytes;

use super::super::{HistoryRecord, HistoryStart};

/// The newest entries, and the ids of those of the last minutes.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: VecDeque<(String, HistoryRecord)>,
    last: u64,
}

/// How many entries are kept.
const MOST: usize = 10_000;

/// For so long an entry with the same id is the same entry.
const SAME_MS: u64 = 120_000;

impl History {
    pub(super) fn append(&mut self, now_ms: u64, id: &str, value: Bytes) {
        let recent = |at: u64| now_ms.saturating_sub(at) <= SAME_MS;
        let mut known = self.entries.iter().rev().take_while(|(_, entry)| recent(entry.at_ms));
        if known.any(|(other, _)| other == id) {
            return;
        }
        self.last += 1;
        self.entries.push_back((id.to_owned(), HistoryRecord::new(self.last, now_ms, value)));
        if self.entries.len() > MOST {
            self.entries.pop_front();
        }
    }

    pub(super) fn read(&self, now_ms: u64, from: HistoryStart) -> Vec<HistoryRecord> {
        let is_meant = |entry: &HistoryRecord| match from {
            HistoryStart::Ago(span) => {
                u128::from(now_ms.saturating_sub(entry.at_ms)) <= span.as_millis()
            }
            HistoryStart::After(number) => entry.number > number,
        };
        let entries = self.entries.iter().map(|(_, entry)| entry);
        entries.filter(|entry| is_meant(entry)).cloned().collect()
    }
}
