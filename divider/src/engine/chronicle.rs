//! What a node appends to the history of its group.
//!
//! An event is appended by one node: a join, a fence, a drain or an end by the node itself, a death by
//! the node that ended the session, and what concerns the whole group by the member with the lowest id.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::id::NodeId;
use crate::store::{Store, StoreError};
use divider_core::edge::Notice;
use divider_core::node::Numbers;
use divider_core::time::Time;
use divider_core::wire::{HistoryEntry, HistoryKind};

/// Appends entries one after another, and never holds the node up.
pub(super) struct Chronicle {
    store: Arc<dyn Store>,
    node: NodeId,
    /// The first part of the ids of this node's entries.
    life: u64,
    count: u64,
    /// The entries that are not stored yet, oldest first.
    waiting: VecDeque<(String, Bytes)>,
    sending: Option<BoxFuture<'static, Result<(), StoreError>>>,
    /// When the store is tried again that could not be reached.
    retry: Option<Instant>,
    /// How many attempts in a row had no answer.
    timeouts: u32,
    /// The user may not append.
    denied: bool,
    has_joined: bool,
    orphans: Orphans,
}

/// Keys without an owner.
#[derive(Debug, Default)]
struct Orphans {
    since: Option<Time>,
    reported: bool,
}

/// The most entries that wait; the oldest are dropped first.
const MOST_WAITING: usize = 64;

/// The pause after a store that could not be reached.
const PAUSE: Duration = Duration::from_secs(2);

/// After so many attempts without an answer the user probably may not append: a client that the
/// application brought does not tell.
const MOST_TIMEOUTS: u32 = 5;

/// The pause then.
const LONG_PAUSE: Duration = Duration::from_mins(10);

/// Without an owner for so long is no take-over any more.
const LASTING: Duration = Duration::from_secs(30);

/// How long the end of a node waits for its last entry.
const LAST: Duration = Duration::from_millis(500);

impl Chronicle {
    pub(super) fn new(store: Arc<dyn Store>, node: NodeId) -> Self {
        Self {
            store,
            node,
            life: getrandom::u64().unwrap_or_default(),
            count: 0,
            waiting: VecDeque::new(),
            sending: None,
            retry: None,
            timeouts: 0,
            denied: false,
            has_joined: false,
            orphans: Orphans::default(),
        }
    }

    pub(super) fn on_notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Joined { joined } => {
                self.has_joined = true;
                let own = self.own(HistoryKind::Joined).at(*joined);
                self.add(&own);
            }
            Notice::Fenced { held, why } => {
                let fenced = self.own(HistoryKind::Fenced).by("", *why);
                self.add(&fenced.with_keys(Some(*held)));
            }
            Notice::Killed { node, held } => {
                let died = HistoryEntry::new(HistoryKind::Died).of(node);
                self.add(&died.by(self.node.as_str(), "").with_keys(*held));
            }
            Notice::Drained { handed, freed } => {
                let reason = match freed {
                    0 => String::new(),
                    freed => format!("{freed} of them without a receiver"),
                };
                let drained = self.own(HistoryKind::Drained).by("", reason);
                self.add(&drained.with_keys(Some(*handed + *freed)));
            }
            Notice::LogLost => {
                let lost = HistoryEntry::new(HistoryKind::LogLost);
                self.add(&lost.by(self.node.as_str(), ""));
            }
            _ => {}
        }
    }

    /// Looks at how many keys have no owner.
    pub(super) fn on_numbers(&mut self, now: Time, numbers: Numbers) {
        let Numbers { unowned, is_first, .. } = numbers;
        if unowned == 0 {
            self.orphans.since = None;
            if std::mem::take(&mut self.orphans.reported) {
                self.add(&HistoryEntry::new(HistoryKind::OrphansOver));
            }
            return;
        }
        let since = *self.orphans.since.get_or_insert(now);
        if is_first && !self.orphans.reported && now.since(since) >= LASTING {
            self.orphans.reported = true;
            let lasting = HistoryEntry::new(HistoryKind::OrphansLasting);
            self.add(&lasting.with_keys(Some(unowned)));
        }
    }

    /// The node is over: its last entry, if it ever was a member, and what still waits.
    pub(super) async fn end(mut self, why: Option<String>) {
        if self.has_joined {
            let own = self.own(HistoryKind::Left).by("", why.unwrap_or_default());
            self.add(&own);
        }
        let all = async {
            while !self.waiting.is_empty() {
                if self.send_one().await.is_err() {
                    break;
                }
            }
        };
        // Whether it is stored or not, the node is over.
        let _ = tokio::time::timeout(LAST, all).await;
    }

    /// Sends what waits. It never comes back.
    ///
    /// # Cancel safety
    /// Cancel safe: a request on its way is kept.
    pub(super) async fn send(&mut self) {
        loop {
            if self.waiting.is_empty() {
                pending::<()>().await;
            }
            if let Some(at) = self.retry {
                tokio::time::sleep_until(at).await;
            }
            let outcome = self.send_one().await;
            self.retry = outcome.err().map(|error| Instant::now() + self.pause_after(&error));
        }
    }

    fn pause_after(&mut self, error: &StoreError) -> Duration {
        if !matches!(error, StoreError::Timeout { .. }) {
            return PAUSE;
        }
        self.timeouts += 1;
        if self.timeouts < MOST_TIMEOUTS { PAUSE } else { LONG_PAUSE }
    }

    /// Sends the oldest entry. An error: it waits on.
    async fn send_one(&mut self) -> Result<(), StoreError> {
        let Some((id, value)) = self.waiting.front() else { return Ok(()) };
        let store = &self.store;
        let sending = self.sending.get_or_insert_with(|| store.append_history(id, value.clone()));
        let outcome = sending.await;
        self.sending = None;
        match outcome {
            Ok(()) | Err(StoreError::NoHistory { .. }) => self.timeouts = 0,
            Err(error @ (StoreError::Unreachable { .. } | StoreError::Timeout { .. })) => {
                return Err(error);
            }
            Err(error) => {
                self.denied = matches!(error, StoreError::Denied { .. });
                tracing::debug!(%error, "an entry of the history was not stored");
            }
        }
        self.waiting.pop_front();
        Ok(())
    }

    fn own(&self, kind: HistoryKind) -> HistoryEntry {
        HistoryEntry::new(kind).of(&self.node)
    }

    fn add(&mut self, entry: &HistoryEntry) {
        if self.denied {
            return;
        }
        if self.waiting.len() == MOST_WAITING {
            // The first one may be on its way.
            self.waiting.remove(1);
        }
        let id = format!("{:016x}-{}", self.life, self.count);
        self.count += 1;
        self.waiting.push_back((id, entry.encode()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupName;
    use crate::store::{HistoryStart, MemoryStore};

    fn node(id: &str) -> NodeId {
        NodeId::new(id).expect(id)
    }

    fn chronicle(store: &MemoryStore, id: &str) -> Chronicle {
        Chronicle::new(Arc::new(store.clone()), node(id))
    }

    fn at(seconds: u64) -> Time {
        Time::default() + Duration::from_secs(seconds)
    }

    async fn kinds(store: &MemoryStore) -> Vec<HistoryKind> {
        let records = store.read_history(HistoryStart::After(0)).await.expect("an answer");
        let kind = |record: crate::store::HistoryRecord| {
            HistoryEntry::decode(record.number, record.at_ms, &record.value).expect("readable").kind
        };
        records.into_iter().map(kind).collect()
    }

    #[tokio::test]
    async fn one_node_reports_orphans_that_last() {
        let store = MemoryStore::new(GroupName::new("g").expect("legal"));
        for (id, is_first) in [("w1", true), ("w2", false)] {
            let mut chronicle = chronicle(&store, id);
            for (seconds, unowned) in [(0, 3), (20, 2), (25, 0), (40, 5), (69, 5), (70, 5), (99, 0)]
            {
                let numbers = Numbers { unowned, is_first, ..Numbers::default() };
                chronicle.on_numbers(at(seconds), numbers);
            }
            chronicle.end(None).await;
        }
        let expected = [HistoryKind::OrphansLasting, HistoryKind::OrphansOver];
        assert_eq!(kinds(&store).await, expected);
    }

    #[tokio::test]
    async fn what_waits_is_bounded_and_keeps_its_order() {
        let store = MemoryStore::new(GroupName::new("g").expect("legal"));
        let mut chronicle = chronicle(&store, "w1");
        for _ in 0..200 {
            chronicle.on_notice(&Notice::LogLost);
        }
        chronicle.on_notice(&Notice::Drained { handed: 3, freed: 1 });
        assert_eq!(chronicle.waiting.len(), MOST_WAITING);
        chronicle.end(None).await;
        let kinds = kinds(&store).await;
        assert_eq!((kinds.len(), kinds.last()), (MOST_WAITING, Some(&HistoryKind::Drained)));
    }
}
