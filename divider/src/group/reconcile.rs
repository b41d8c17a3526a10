//! Making the keys under a prefix equal to a list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream;

use super::backoff::Attempts;
use super::pipeline::{Failed, WINDOW, pipelined};
use super::{AnnounceError, Group};
use crate::id::Revision;
use crate::key::Key;
use crate::store::{Outcome, Store, StoreError, Write};
use divider_core::wire::RecordName;

/// The changes that make the keys under a prefix equal to a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    missing: Vec<Key>,
    extra: BTreeMap<Key, Revision>,
    prefix: String,
    listed: u64,
    existing: u64,
    newer: u64,
}

impl Difference {
    /// The listed keys that do not exist, sorted.
    pub fn missing(&self) -> &[Key] {
        &self.missing
    }

    /// The existing keys under the prefix that are not listed, sorted.
    pub fn extra(&self) -> impl ExactSizeIterator<Item = &Key> {
        self.extra.keys()
    }

    /// How many keys exist under the prefix.
    pub fn existing(&self) -> u64 {
        self.existing
    }

    /// How many keys differ from the list and stay unchanged, because they were announced or retracted
    /// after the list was read. 0 without [`ReconcileOptions::since`].
    pub fn newer(&self) -> u64 {
        self.newer
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty()
    }

    /// Checks that the options allow this many retractions.
    ///
    /// # Errors
    /// [`AnnounceError::EmptyList`] and [`AnnounceError::TooManyRetracted`].
    pub fn check(&self, options: &ReconcileOptions) -> Result<(), AnnounceError> {
        let (retracted, existing) = (self.extra.len() as u64, self.existing);
        let prefix = self.prefix.clone();
        if self.listed == 0 && retracted > 0 && !options.allow_empty {
            return Err(AnnounceError::EmptyList { prefix, retracted });
        }
        let most = options.most(self.listed, existing);
        if retracted > most {
            return Err(AnnounceError::TooManyRetracted { prefix, retracted, existing, most });
        }
        Ok(())
    }
}

/// How many keys a reconciliation may retract, and how old its list is.
///
/// ```
/// # use divider::group::{MaxRetract, ReconcileOptions};
/// # use divider::{Group, GroupName, Key, MemoryStore};
/// # fn read_tenants() -> Vec<Key> { Vec::new() }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let group = Group::open(MemoryStore::new(GroupName::new("orders")?));
/// let before = group.info().await?.last;
/// let tenants = read_tenants();
/// let options = ReconcileOptions::new().since(before).max_retract(MaxRetract::Percent(5));
/// group.reconcile_with("tenant/", tenants, &options).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "nothing is reconciled before `Group::reconcile_with`"]
pub struct ReconcileOptions {
    since: Option<Revision>,
    allow_empty: bool,
    max_retract: Option<MaxRetract>,
}

/// The most keys that may be retracted at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaxRetract {
    /// This many keys.
    Keys(u64),
    /// So many of a hundred that exist under the prefix, rounded down; from 100 on there is no limit.
    Percent(u8),
}

impl ReconcileOptions {
    /// Refuses an empty list, and a list that retracts more than half of the keys under the prefix. Ten
    /// keys may always be retracted.
    pub fn new() -> Self {
        Self::default()
    }

    /// The list was read at this revision of the log or later. Take it from
    /// [`Info::last`](crate::store::Info::last) of [`Group::info`] before you read the list. Keys that
    /// were announced or retracted later stay unchanged.
    pub fn since(mut self, revision: Revision) -> Self {
        self.since = Some(revision);
        self
    }

    /// An empty list retracts everything under the prefix. Unless set it is refused, since an export
    /// that failed is an empty list, too.
    pub fn allow_empty(mut self) -> Self {
        self.allow_empty = true;
        self
    }

    /// How many keys may be retracted at once. Unless set, half of those under the prefix and at least
    /// ten: a list that was cut off is noticed, and small groups are not in the way of themselves.
    pub fn max_retract(mut self, most: MaxRetract) -> Self {
        self.max_retract = Some(most);
        self
    }

    fn most(&self, listed: u64, existing: u64) -> u64 {
        match self.max_retract {
            Some(MaxRetract::Keys(keys)) => keys,
            Some(MaxRetract::Percent(percent)) => existing * u64::from(percent) / 100,
            None if listed == 0 && self.allow_empty => existing,
            None => (existing / 2).max(ALWAYS_RETRACTED),
        }
    }
}

/// By default this many keys may be retracted, whatever share of all keys they are.
const ALWAYS_RETRACTED: u64 = 10;

/// The changes of a reconciliation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Reconciled {
    /// How many keys were announced.
    pub announced: u64,
    /// How many keys were retracted.
    pub retracted: u64,
    /// How many keys differ from the list and stay unchanged, because they were announced or retracted
    /// after the list was read or during this call.
    pub kept: u64,
}

impl Group {
    /// Announces the listed keys that do not exist, and retracts the existing keys under the prefix
    /// that are not listed. An empty prefix covers the whole group.
    ///
    /// The list must be newer than every announcement under the prefix: a key that was announced after
    /// the list was read and before this call is not on it, and is retracted. If others announce at the
    /// same time, use [`reconcile_since`](Self::reconcile_since). A key that is announced during this
    /// call stays in any case.
    ///
    /// # Errors
    /// Any [`AnnounceError`]. An empty list, and a list that would retract more than half of the keys,
    /// is refused; [`reconcile_with`](Self::reconcile_with) changes these limits. Repeating the call is
    /// harmless and does only what is left.
    ///
    /// # Cancel safety
    /// If the future is dropped, some changes are made. Nothing continues in the background.
    pub async fn reconcile(
        &self,
        prefix: &str,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<Reconciled, AnnounceError> {
        self.reconcile_with(prefix, keys, &ReconcileOptions::new()).await
    }

    /// As [`reconcile`](Self::reconcile), with a list that was read at this revision or later. Keys
    /// that were announced or retracted later stay unchanged. Take the revision from
    /// [`Info::last`](crate::store::Info::last) of [`info`](Self::info) before you read the list.
    ///
    /// # Errors
    /// As [`reconcile`](Self::reconcile).
    ///
    /// # Cancel safety
    /// As [`reconcile`](Self::reconcile).
    pub async fn reconcile_since(
        &self,
        revision: Revision,
        prefix: &str,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<Reconciled, AnnounceError> {
        self.reconcile_with(prefix, keys, &ReconcileOptions::new().since(revision)).await
    }

    /// As [`reconcile`](Self::reconcile), with options.
    ///
    /// # Errors
    /// As [`reconcile`](Self::reconcile).
    ///
    /// # Cancel safety
    /// As [`reconcile`](Self::reconcile).
    pub async fn reconcile_with(
        &self,
        prefix: &str,
        keys: impl IntoIterator<Item = Key>,
        options: &ReconcileOptions,
    ) -> Result<Reconciled, AnnounceError> {
        let difference = self.difference(prefix, keys, options).await?;
        difference.check(options)?;
        self.apply(&difference).await
    }

    /// What [`reconcile_with`](Self::reconcile_with) would do now, also if its options refuse that
    /// ([`Difference::check`]). Changes nothing.
    ///
    /// # Errors
    /// [`AnnounceError::OutsidePrefix`] or [`AnnounceError::Unread`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn difference(
        &self,
        prefix: &str,
        keys: impl IntoIterator<Item = Key>,
        options: &ReconcileOptions,
    ) -> Result<Difference, AnnounceError> {
        let mut missing: BTreeSet<Key> = keys.into_iter().collect();
        if let Some(key) = missing.iter().find(|key| !key.as_str().starts_with(prefix)) {
            let (prefix, key) = (prefix.to_owned(), key.clone());
            return Err(AnnounceError::OutsidePrefix { prefix, key });
        }
        let listed = missing.len() as u64;
        let mut difference =
            Difference { prefix: prefix.to_owned(), listed, ..Difference::default() };
        for record in self.key_records().await? {
            // A name without a valid key is a problem, not a key to retract.
            let Ok(RecordName::Key(key)) = RecordName::parse(&record.name) else { continue };
            if !key.as_str().starts_with(prefix) {
                continue;
            }
            let exists = record.value.is_some();
            let is_newer = options.since.is_some_and(|since| record.revision > since);
            difference.existing += u64::from(exists);
            if exists && missing.remove(&key) || !exists && !missing.contains(&key) {
                continue;
            }
            if is_newer {
                missing.remove(&key);
                difference.newer += 1;
            } else if exists {
                difference.extra.insert(key, record.revision);
            }
        }
        Ok(Difference { missing: missing.into_iter().collect(), ..difference })
    }

    /// Carries out a difference. Keys that somebody changed since then stay unchanged.
    ///
    /// # Errors
    /// [`AnnounceError::NotTaken`], where `acked` counts announced and retracted keys.
    ///
    /// # Cancel safety
    /// If the future is dropped, some changes are made. Nothing continues in the background.
    pub async fn apply(&self, difference: &Difference) -> Result<Reconciled, AnnounceError> {
        let announced = self.announce_all(difference.missing.iter().cloned()).await?;
        let mut done = Reconciled { announced, retracted: 0, kept: difference.newer };
        let writes = difference.extra.iter().map(|(key, at)| retract_at(&self.store, key, *at));
        let count = |retracted| match retracted {
            Retracted::Gone => done.retracted += 1,
            Retracted::AnnouncedAgain => done.kept += 1,
        };
        let result = pipelined(stream::iter(writes), WINDOW, count).await;
        result.map(|()| done).map_err(|Failed { key, source }| AnnounceError::NotTaken {
            key,
            acked: done.announced + done.retracted,
            source,
        })
    }
}

/// The result of one retraction.
enum Retracted {
    Gone,
    AnnouncedAgain,
}

/// Retracts a key unless it was announced again after this revision.
async fn retract_at(
    store: &Arc<dyn Store>,
    key: &Key,
    seen: Revision,
) -> Result<Retracted, Failed> {
    let name = RecordName::Key(key.clone()).to_string();
    let write = Write::delete(name, Some(seen));
    let mut attempts = Attempts::new();
    let source = loop {
        let source = match store.write(write.clone()).await {
            Outcome::Acked(_) => return Ok(Retracted::Gone),
            // The conflict may be with an earlier attempt of this write that got no answer.
            Outcome::Conflict => match store.read(&write.name).await {
                Ok(Some(record)) if record.value.is_some() && record.revision != seen => {
                    return Ok(Retracted::AnnouncedAgain);
                }
                Ok(Some(record)) if record.value.is_some() => behind(&write.name),
                Ok(_) => return Ok(Retracted::Gone),
                Err(source) => source,
            },
            Outcome::Refused(source) | Outcome::Unknown(source) => source,
        };
        if !attempts.waited_after(&source).await {
            break source;
        }
    };
    Err(Failed { key: key.clone(), source })
}

fn behind(name: &str) -> StoreError {
    StoreError::Other { what: format!("the store returned an older record than it wrote: {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupName;
    use crate::store::MemoryStore;
    use crate::testing::Fault;

    fn keys(texts: &[&str]) -> Vec<Key> {
        texts.iter().map(|text| Key::new(text).expect(text)).collect()
    }

    async fn group(texts: &[&str]) -> (MemoryStore, Group) {
        let store = MemoryStore::new(GroupName::new("g").expect("legal"));
        let group = Group::open(store.clone());
        group.announce_all(keys(texts)).await.expect("announced");
        (store, group)
    }

    async fn existing(group: &Group) -> Vec<String> {
        let records = group.records("key.>").await.expect("in memory");
        let mut names: Vec<String> = records.into_iter().map(|record| record.name).collect();
        names.sort_unstable();
        names
    }

    fn limits() -> ReconcileOptions {
        ReconcileOptions::new()
    }

    #[tokio::test]
    async fn the_keys_under_the_prefix_become_those_of_the_list() {
        let (_, group) = group(&["a/1", "a/2", "b/1"]).await;
        group.retract(&keys(&["a/2"])[0]).await.expect("retracted");
        let wanted = keys(&["a/1", "a/3", "a/3", "a/4"]);
        let difference = group.difference("a/", wanted.clone(), &limits()).await.expect("read");
        assert_eq!(difference.missing(), keys(&["a/3", "a/4"]));
        assert_eq!(difference.extra().count(), 0);
        assert_eq!(existing(&group).await, ["key.a/1", "key.b/1"], "looking changes nothing");

        let done = group.reconcile("a/", wanted).await.expect("reconciled");
        assert_eq!(done, Reconciled { announced: 2, retracted: 0, kept: 0 });
        let done = group.reconcile("a/", keys(&["a/4"])).await.expect("reconciled");
        assert_eq!(done, Reconciled { announced: 0, retracted: 2, kept: 0 });
        assert_eq!(existing(&group).await, ["key.a/4", "key.b/1"]);
        let difference = group.difference("a/", keys(&["a/4"]), &limits()).await.expect("read");
        assert!(difference.is_empty());
        let all = limits().allow_empty();
        group.reconcile_with("", [], &all).await.expect("reconciled");
        assert_eq!(existing(&group).await, [""; 0]);
    }

    #[tokio::test]
    async fn a_key_outside_the_prefix_changes_nothing() {
        let (_, group) = group(&["a/1"]).await;
        let error = group.reconcile("a/", keys(&["a/2", "b/1"])).await.expect_err("b is not a");
        assert_eq!(error.to_string(), "a key is not under the prefix \"a/\": b/1");
        assert_eq!(existing(&group).await, ["key.a/1"]);
    }

    #[tokio::test]
    async fn what_changed_after_the_list_was_read_stays_as_it_is() {
        let (_, group) = group(&["t/1", "t/3"]).await;
        let before = group.info().await.expect("in memory").last;
        let list = keys(&["t/1", "t/4"]);
        group.announce(&keys(&["t/2"])[0]).await.expect("announced");
        group.retract(&keys(&["t/1"])[0]).await.expect("retracted");
        let done = group.reconcile_since(before, "t/", list.clone()).await.expect("reconciled");
        assert_eq!(done, Reconciled { announced: 1, retracted: 1, kept: 2 });
        assert_eq!(existing(&group).await, ["key.t/2", "key.t/4"]);
        let done = group.reconcile("t/", list).await.expect("reconciled");
        assert_eq!(done, Reconciled { announced: 1, retracted: 1, kept: 0 });
        assert_eq!(
            existing(&group).await,
            ["key.t/1", "key.t/4"],
            "a list without a time is the newest"
        );
    }

    #[tokio::test]
    async fn an_empty_list_is_refused_unless_it_is_meant() {
        let (_, group) = group(&["a/1", "a/2", "b/1"]).await;
        let error = group.reconcile("a/", []).await.expect_err("it is empty");
        let prefix = "a/".to_owned();
        assert_eq!(error, AnnounceError::EmptyList { prefix, retracted: 2 });
        assert_eq!(existing(&group).await.len(), 3, "nothing was changed");
        group.reconcile("c/", []).await.expect("there is nothing to retract");
        let one = limits().allow_empty().max_retract(MaxRetract::Keys(1));
        group.reconcile_with("a/", [], &one).await.expect_err("two are too many");
        group.reconcile_with("a/", [], &limits().allow_empty()).await.expect("allowed");
        assert_eq!(existing(&group).await, ["key.b/1"]);
    }

    #[tokio::test]
    async fn no_more_is_retracted_at_once_than_may_be() {
        let names: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let (_, group) = group(&all).await;
        let check = async |listed: usize, options: ReconcileOptions, most: Option<u64>| {
            let listed = keys(&all[..listed]);
            let difference = group.difference("", listed, &options).await.expect("read");
            let refused = difference.check(&options).err().map(|error| match error {
                AnnounceError::TooManyRetracted { most, existing: 40, .. } => most,
                other => panic!("{other}"),
            });
            assert_eq!(refused, most, "{options:?}");
        };
        check(20, limits(), None).await;
        check(19, limits(), Some(20)).await;
        check(19, limits().max_retract(MaxRetract::Keys(21)), None).await;
        check(19, limits().max_retract(MaxRetract::Keys(20)), Some(20)).await;
        check(35, limits().max_retract(MaxRetract::Percent(10)), Some(4)).await;
        check(36, limits().max_retract(MaxRetract::Percent(10)), None).await;
        check(1, limits().max_retract(MaxRetract::Percent(100)), None).await;
        let refused = group.reconcile("", keys(&all[..5])).await.expect_err("35 of 40");
        let words = "35 of the 40 keys under the prefix \"\" would be retracted, the limit is 20";
        assert!(refused.to_string().starts_with(words), "{refused}");
        assert_eq!(existing(&group).await.len(), 40, "nothing was changed");
    }

    #[tokio::test]
    async fn a_key_that_is_announced_meanwhile_stays() {
        let (_, group) = group(&["a", "b"]).await;
        let difference = group.difference("", [], &limits()).await.expect("read");
        group.announce(&keys(&["b"])[0]).await.expect("announced");
        let done = group.apply(&difference).await.expect("applied");
        assert_eq!(done, Reconciled { announced: 0, retracted: 1, kept: 1 });
        assert_eq!(existing(&group).await, ["key.b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_retraction_whose_answer_was_lost_is_one() {
        let (store, group) = group(&["a", "b"]).await;
        let difference = group.difference("", [], &limits()).await.expect("read");
        store.fail_next(Fault::LostAck);
        store.fail_next(Fault::LostWrite);
        let done = group.apply(&difference).await.expect("applied");
        assert_eq!(done, Reconciled { announced: 0, retracted: 2, kept: 0 });
        assert_eq!(existing(&group).await, [""; 0]);
    }
}
