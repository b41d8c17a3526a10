//! Making the keys under a prefix exactly those of a list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream;

use super::backoff::Attempts;
use super::pipeline::{Failed, WINDOW, pipelined};
use super::{AnnounceError, Group};
use crate::id::Revision;
use crate::key::Key;
use crate::store::{Outcome, Store, StoreError, Write};
use crate::wire::RecordName;

/// What is to be done so that the keys under a prefix are exactly those of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    missing: Vec<Key>,
    extra: BTreeMap<Key, Revision>,
}

impl Difference {
    /// The keys that are listed and do not exist, sorted.
    pub fn missing(&self) -> &[Key] {
        &self.missing
    }

    /// The keys under the prefix that exist and are not listed, sorted.
    pub fn extra(&self) -> impl ExactSizeIterator<Item = &Key> {
        self.extra.keys()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty()
    }
}

/// What was done to make the keys under a prefix those of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Reconciled {
    /// How many keys were announced.
    pub announced: u64,
    /// How many keys were retracted.
    pub retracted: u64,
    /// How many keys were to be retracted and were announced again meanwhile; they exist.
    pub kept: u64,
}

impl Group {
    /// Announces those of the keys that do not exist, and retracts those that exist under the prefix
    /// and are not among the keys. An empty list retracts everything under the prefix; an empty
    /// prefix stands for the whole group.
    ///
    /// A key that somebody announces while this runs stays.
    ///
    /// # Errors
    /// Any [`AnnounceError`]. Doing it once more is harmless and does only what is left.
    ///
    /// # Cancel safety
    /// Dropped before it is done, a part is done; nothing goes on.
    pub async fn reconcile(
        &self,
        prefix: &str,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<Reconciled, AnnounceError> {
        let difference = self.difference(prefix, keys).await?;
        self.apply(&difference).await
    }

    /// What [`reconcile`](Self::reconcile) would do now; it changes nothing.
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
    ) -> Result<Difference, AnnounceError> {
        let mut missing: BTreeSet<Key> = keys.into_iter().collect();
        if let Some(key) = missing.iter().find(|key| !key.as_str().starts_with(prefix)) {
            let (prefix, key) = (prefix.to_owned(), key.clone());
            return Err(AnnounceError::OutsidePrefix { prefix, key });
        }
        let mut extra = BTreeMap::new();
        for record in self.standing_keys().await? {
            // A name that is no key's is a problem to look at, not a key to retract.
            let Ok(RecordName::Key(key)) = RecordName::parse(&record.name) else { continue };
            if key.as_str().starts_with(prefix) && !missing.remove(&key) {
                extra.insert(key, record.revision);
            }
        }
        Ok(Difference { missing: missing.into_iter().collect(), extra })
    }

    /// Does what a difference says. What somebody changed since then stays as they left it.
    ///
    /// # Errors
    /// [`AnnounceError::NotTaken`], counting announced and retracted keys together.
    ///
    /// # Cancel safety
    /// Dropped before it is done, a part is done; nothing goes on.
    pub async fn apply(&self, difference: &Difference) -> Result<Reconciled, AnnounceError> {
        let announced = self.announce_all(difference.missing.iter().cloned()).await?;
        let mut done = Reconciled { announced, ..Reconciled::default() };
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

/// What became of a key that was to be retracted.
enum Retracted {
    Gone,
    AnnouncedAgain,
}

/// Retracts a key unless it was announced again since this revision.
async fn retract_at(
    store: &Arc<dyn Store>,
    key: &Key,
    seen: Revision,
) -> Result<Retracted, Failed> {
    let name = RecordName::Key(key.clone()).to_string();
    let write = Write { name, value: None, expected: Some(seen), ttl: None, expires_in: None };
    let mut attempts = Attempts::new();
    let source = loop {
        let source = match store.write(write.clone()).await {
            Outcome::Acked(_) => return Ok(Retracted::Gone),
            // The conflict may be over this very write, when its first attempt was not answered.
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
    StoreError::Other { what: format!("the store reads an older record than it writes: {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupName;
    use crate::store::{Fault, MemoryStore};

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

    #[tokio::test]
    async fn the_keys_under_the_prefix_become_those_of_the_list() {
        let (_, group) = group(&["a/1", "a/2", "b/1"]).await;
        group.retract(&keys(&["a/2"])[0]).await.expect("retracted");
        let wanted = keys(&["a/1", "a/3", "a/3", "a/4"]);
        let difference = group.difference("a/", wanted.clone()).await.expect("read");
        assert_eq!(difference.missing(), keys(&["a/3", "a/4"]));
        assert_eq!(difference.extra().count(), 0);
        assert_eq!(existing(&group).await, ["key.a/1", "key.b/1"], "looking changes nothing");

        let done = group.reconcile("a/", wanted).await.expect("reconciled");
        assert_eq!(done, Reconciled { announced: 2, retracted: 0, kept: 0 });
        let done = group.reconcile("a/", keys(&["a/4"])).await.expect("reconciled");
        assert_eq!(done, Reconciled { announced: 0, retracted: 2, kept: 0 });
        assert_eq!(existing(&group).await, ["key.a/4", "key.b/1"]);
        let difference = group.difference("a/", keys(&["a/4"])).await.expect("read");
        assert!(difference.is_empty());
        group.reconcile("", []).await.expect("reconciled");
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
    async fn a_key_that_is_announced_meanwhile_stays() {
        let (_, group) = group(&["a", "b"]).await;
        let difference = group.difference("", []).await.expect("read");
        group.announce(&keys(&["b"])[0]).await.expect("announced");
        let done = group.apply(&difference).await.expect("applied");
        assert_eq!(done, Reconciled { announced: 0, retracted: 1, kept: 1 });
        assert_eq!(existing(&group).await, ["key.b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_retraction_whose_answer_was_lost_is_one() {
        let (store, group) = group(&["a", "b"]).await;
        let difference = group.difference("", []).await.expect("read");
        store.fail_next(Fault::LostAck);
        store.fail_next(Fault::LostWrite);
        let done = group.apply(&difference).await.expect("applied");
        assert_eq!(done, Reconciled { announced: 0, retracted: 2, kept: 0 });
        assert_eq!(existing(&group).await, [""; 0]);
    }
}
