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
use divider_core::node::{Fullest, Numbers};
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
    /// How many keys wait for the node, if it restarts.
    restart: Option<u64>,
    orphans: Lasting,
    spread: Lasting,
    /// When the shares are compared again.
    spread_at: Time,
}

/// A trouble that is reported when it has lasted, and when it is over.
#[derive(Debug, Default)]
struct Lasting {
    since: Option<Time>,
    reported: bool,
}

impl Lasting {
    /// Whether it has lasted for that long and is reported now.
    fn is_reported_after(&mut self, now: Time, long: Duration) -> bool {
        let since = *self.since.get_or_insert(now);
        let reports = !self.reported && now.since(since) >= long;
        self.reported |= reports;
        reports
    }

    /// It is over. Whether that was reported to last.
    fn end(&mut self) -> bool {
        self.since = None;
        std::mem::take(&mut self.reported)
    }
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

/// Above its share for so long is no balancing any more.
const LASTING_SPREAD: Duration = Duration::from_mins(2);

/// How often the shares are compared.
const SPREAD_EVERY: Duration = Duration::from_secs(10);

/// A node with so many hundredths of its share is far above it.
const FAR_ABOVE: u64 = 120;

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
            restart: None,
            orphans: Lasting::default(),
            spread: Lasting::default(),
            spread_at: Time::default(),
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
            Notice::Quarantined { key, reason, revision, .. } => {
                let own = self.own(HistoryKind::Quarantined).at(*revision).with_keys(Some(1));
                self.add(&own.by("", format!("{key}: {reason}")));
            }
            Notice::Drained { handed, freed } => {
                self.restart = None;
                let reason = match freed {
                    0 => String::new(),
                    freed => format!("{freed} of them without a receiver"),
                };
                let drained = self.own(HistoryKind::Drained).by("", reason);
                self.add(&drained.with_keys(Some(*handed + *freed)));
            }
            Notice::Stopped { kept } => self.restart = Some(*kept),
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
            if self.orphans.end() {
                self.add(&HistoryEntry::new(HistoryKind::OrphansOver));
            }
            return;
        }
        // Counted on each node, so that the next one goes on where the first member leaves.
        let long = if is_first { LASTING } else { Duration::MAX };
        if self.orphans.is_reported_after(now, long) {
            let lasting = HistoryEntry::new(HistoryKind::OrphansLasting);
            self.add(&lasting.with_keys(Some(unowned)));
        }
    }

    /// Looks at the node with the most keys for its share, a few times a minute. Only the first member
    /// does, and only with a complete view: otherwise nothing is known, also not that a spread is over.
    pub(super) fn on_shares(&mut self, now: Time, fullest: impl FnOnce() -> Option<Fullest>) {
        if now < self.spread_at {
            return;
        }
        self.spread_at = now + SPREAD_EVERY;
        let far = fullest().filter(|f| f.keys * 100 > f.share * FAR_ABOVE);
        let Some(Fullest { node, keys, share }) = far else {
            if self.spread.end() {
                self.add(&HistoryEntry::new(HistoryKind::SpreadOver));
            }
            return;
        };
        if self.spread.is_reported_after(now, LASTING_SPREAD) {
            let lasting = HistoryEntry::new(HistoryKind::SpreadLasting).of(&node);
            let lasting = lasting.by("", format!("its share is {share}"));
            self.add(&lasting.with_keys(Some(keys)));
        }
    }

    /// The node is over: its last entry, if it ever was a member, and what still waits.
    pub(super) async fn end(mut self, why: Option<String>) {
        if self.has_joined {
            let why = match (why, self.restart) {
                (None, Some(_)) => "it restarts, its keys wait for it".to_owned(),
                (why, _) => why.unwrap_or_default(),
            };
            let own = self.own(HistoryKind::Left).by("", why);
            self.add(&own.with_keys(self.restart));
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
    use crate::id::{GroupName, Revision};
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
    async fn a_spread_that_lasts_is_reported_with_the_fullest_node() {
        let store = MemoryStore::new(GroupName::new("g").expect("legal"));
        let mut chronicle = chronicle(&store, "w1");
        let full = |keys| Some(Fullest { node: node("w3"), keys, share: 10 });
        // 12 keys of a share of 10 are not far above it; a spread that ends in time is not reported.
        for (seconds, keys) in [(0, 13), (110, 12), (120, 13), (230, 14), (240, 15), (250, 15)] {
            chronicle.on_shares(at(seconds), || full(keys));
        }
        chronicle.on_shares(at(255), || panic!("compared a few times a minute only"));
        chronicle.on_shares(at(260), || None);
        chronicle.end(None).await;
        let expected = [HistoryKind::SpreadLasting, HistoryKind::SpreadOver];
        assert_eq!(kinds(&store).await, expected);
        let records = store.read_history(HistoryStart::After(0)).await.expect("an answer");
        let first = HistoryEntry::decode(1, 0, &records[0].value).expect("readable");
        assert_eq!((first.node, first.keys), (Some(node("w3")), Some(15)));
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

    #[tokio::test]
    async fn the_end_of_a_node_says_whether_it_restarts() {
        let waits = "it restarts, its keys wait for it";
        for (is_flushed, reason, keys) in [(false, waits, Some(4)), (true, "", None)] {
            let store = MemoryStore::new(GroupName::new("g").expect("legal"));
            let mut chronicle = chronicle(&store, "w1");
            chronicle.on_notice(&Notice::Joined { joined: Revision(3) });
            chronicle.on_notice(&Notice::Stopped { kept: 4 });
            if is_flushed {
                // The application asked for a flush after all.
                chronicle.on_notice(&Notice::Drained { handed: 4, freed: 0 });
            }
            chronicle.end(None).await;
            let records = store.read_history(HistoryStart::After(0)).await.expect("an answer");
            let last = records.last().expect("it has left");
            let last = HistoryEntry::decode(1, 0, &last.value).expect("readable");
            assert_eq!(
                (last.kind, last.reason.as_str(), last.keys),
                (HistoryKind::Left, reason, keys)
            );
        }
    }
}
