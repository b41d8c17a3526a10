//! Announcing and retracting keys.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};

use super::backoff::Attempts;
use super::pipeline::{Failed, WINDOW, pipelined};
use super::{AnnounceError, Group};
use crate::key::Key;
use crate::store::{Outcome, Store, StoreError, Write};
use divider_core::wire::RecordName;

impl Group {
    /// Makes a key exist until it is retracted or completed. If it exists already, nothing changes, and
    /// its owner keeps working.
    ///
    /// # Errors
    /// [`AnnounceError::NotTaken`]. Without an answer or a connection, or if the server is too busy,
    /// the write is sent again, up to 16 times in all. An attempt without an answer may land later,
    /// even after a `retract` of the same key.
    ///
    /// # Cancel safety
    /// If the future is dropped, the key may or may not be announced. Nothing continues in the
    /// background.
    pub async fn announce(&self, key: &Key) -> Result<(), AnnounceError> {
        self.announce_all([key.clone()]).await.map(drop)
    }

    /// Announces a key with a time to live. After this time (rounded up to whole seconds) the key no
    /// longer exists, unless it is announced again.
    ///
    /// # Errors
    /// As [`announce`](Self::announce).
    ///
    /// # Cancel safety
    /// As [`announce`](Self::announce).
    pub async fn announce_for(&self, key: &Key, ttl: Duration) -> Result<(), AnnounceError> {
        let one = stream::iter([key.clone()]);
        self.announcer().ttl(ttl).announce(one).await.map(drop)
    }

    /// Makes a key stop existing. Its owner then stops. It is no error if the key does not exist.
    ///
    /// # Errors
    /// As [`announce`](Self::announce).
    ///
    /// # Cancel safety
    /// If the future is dropped, the key may or may not be retracted. Nothing continues in the
    /// background.
    pub async fn retract(&self, key: &Key) -> Result<(), AnnounceError> {
        self.retract_all([key.clone()]).await.map(drop)
    }

    /// Announces many keys. Returns how many the store acknowledged, which is all of them.
    ///
    /// # Errors
    /// As [`Announcer::announce`].
    ///
    /// # Cancel safety
    /// As [`Announcer::announce`].
    pub async fn announce_all(
        &self,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<u64, AnnounceError> {
        self.announcer().announce(stream::iter(keys)).await
    }

    /// Retracts many keys. Returns how many the store acknowledged, which is all of them.
    ///
    /// # Errors
    /// As [`Announcer::announce`].
    ///
    /// # Cancel safety
    /// As [`Announcer::retract`].
    pub async fn retract_all(
        &self,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<u64, AnnounceError> {
        self.announcer().retract(stream::iter(keys)).await
    }

    /// Announces and retracts keys of a stream, with a time to live, a window or a progress callback.
    pub fn announcer(&self) -> Announcer<'_> {
        Announcer { store: &self.store, ttl: None, window: WINDOW, progress: Box::new(|_| {}) }
    }
}

/// Announces and retracts keys. Made by [`Group::announcer`].
///
/// ```
/// # use std::time::Duration;
/// # use divider::{Group, GroupName, Key, MemoryStore};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let group = Group::open(MemoryStore::new(GroupName::new("orders")?));
/// let keys = (0..10_000).map(|n| Key::new(format!("/process/me/{n}")).expect("short"));
/// let acked = group
///     .announcer()
///     .ttl(Duration::from_secs(30))
///     .on_progress(|acked| eprint!("\r{acked} of 10000"))
///     .announce(futures_util::stream::iter(keys))
///     .await?;
/// assert_eq!(acked, 10_000);
/// # Ok(())
/// # }
/// ```
#[must_use = "it does nothing before `announce` or `retract`"]
pub struct Announcer<'a> {
    store: &'a Arc<dyn Store>,
    ttl: Option<Duration>,
    window: usize,
    progress: Box<dyn FnMut(u64) + Send + 'a>,
}

impl<'a> Announcer<'a> {
    /// The keys stop existing by themselves unless they are announced again within this time, of at
    /// least 1 s (it is rounded up to whole seconds). Take three times the interval at which you announce, so that
    /// one lost round stops nothing. Without it they exist until they are retracted.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How many keys may be on their way without an answer: at least 1, which 0 counts as; 1000 unless
    /// set, which keeps a server on the same network busy and leaves it time for others. More is
    /// faster over long distances, up to the 4096 that a `NatsStore` has under way.
    pub fn window(mut self, window: usize) -> Self {
        self.window = window.max(1);
        self
    }

    /// Calls this with the number of acknowledged keys each time it grows.
    pub fn on_progress(mut self, progress: impl FnMut(u64) + Send + 'a) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// Announces every key of the stream. Returns when the stream has ended and all keys are
    /// acknowledged.
    ///
    /// # Errors
    /// [`AnnounceError::NotTaken`] after the first failure. No further key is taken from the stream,
    /// and the ones on their way are awaited.
    ///
    /// # Cancel safety
    /// If the future is dropped, some keys are announced and some are not. Nothing continues in the
    /// background.
    pub async fn announce(self, keys: impl Stream<Item = Key>) -> Result<u64, AnnounceError> {
        let expires_in = self.ttl;
        self.write_all(keys, move |name| {
            Write::put(name, Bytes::new(), None).with_expires_in(expires_in)
        })
        .await
    }

    /// Retracts every key of the stream. Returns when the stream has ended and all keys are
    /// acknowledged.
    ///
    /// # Errors
    /// As [`announce`](Self::announce).
    ///
    /// # Cancel safety
    /// If the future is dropped, some keys are retracted and some are not. Nothing continues in the
    /// background.
    pub async fn retract(self, keys: impl Stream<Item = Key>) -> Result<u64, AnnounceError> {
        self.write_all(keys, |name| Write::delete(name, None)).await
    }

    async fn write_all(
        mut self,
        keys: impl Stream<Item = Key>,
        to_write: impl Fn(String) -> Write,
    ) -> Result<u64, AnnounceError> {
        let mut acked = 0;
        let put = |key: Key| {
            let write = to_write(RecordName::Key(key.clone()).to_string());
            put(self.store, write, key)
        };
        let count = |()| {
            acked += 1;
            (self.progress)(acked);
        };
        match pipelined(keys.map(put), self.window, count).await {
            Ok(()) => Ok(acked),
            Err(Failed { key, source }) => Err(AnnounceError::NotTaken { key, acked, source }),
        }
    }
}

impl fmt::Debug for Announcer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcer")
            .field("ttl", &self.ttl)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// Sends a blind write until the store has answered.
async fn put(store: &Arc<dyn Store>, write: Write, key: Key) -> Result<(), Failed> {
    let mut attempts = Attempts::new();
    let source = loop {
        let source = match store.write(write.clone()).await {
            Outcome::Acked(_) => return Ok(()),
            Outcome::Conflict => break unexpected_conflict(),
            // A refusal may come from a missing connection. Another attempt may have one.
            Outcome::Refused(source) | Outcome::Unknown(source) => source,
        };
        // Every attempt is the same write, so it does not matter whether an earlier one landed.
        if !attempts.waited_after(&source).await {
            break source;
        }
    };
    Err(Failed { key, source })
}

fn unexpected_conflict() -> StoreError {
    StoreError::Other { what: "unexpected conflict: the write expected no revision".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{GroupName, Revision};
    use crate::store::MemoryStore;
    use crate::testing::Fault;

    fn store() -> MemoryStore {
        MemoryStore::new(GroupName::new("g").expect("legal"))
    }

    fn key(text: &str) -> Key {
        Key::new(text).expect(text)
    }

    fn keys(count: usize) -> Vec<Key> {
        (0..count).map(|n| key(&format!("k.{n}"))).collect()
    }

    async fn exists(store: &MemoryStore, name: &str) -> bool {
        store.read(name).await.expect("a store in memory").is_some_and(|r| r.value.is_some())
    }

    #[tokio::test]
    async fn a_key_exists_from_its_announcement_to_its_retraction() {
        let store = store();
        let group = Group::open(store.clone());
        group.announce(&key("a b")).await.expect("announced");
        group.announce(&key("a b")).await.expect("announced again");
        assert!(exists(&store, "key.a=20b").await);
        group.retract(&key("a b")).await.expect("retracted");
        group.retract(&key("a b")).await.expect("retracted again");
        group.retract(&key("never there")).await.expect("no error");
        assert!(!exists(&store, "key.a=20b").await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_with_a_time_to_live_ends_unless_it_is_announced_again() {
        let store = store();
        let group = Group::open(store.clone());
        group.announce_for(&key("a"), Duration::from_secs(30)).await.expect("announced");
        tokio::time::sleep(Duration::from_secs(20)).await;
        group.announce_for(&key("a"), Duration::from_secs(30)).await.expect("announced again");
        tokio::time::sleep(Duration::from_secs(20)).await;
        let left = |record: crate::store::Record| (record.value.is_some(), record.expires_in);
        let record = store.read("key.a").await.expect("in memory").map(left);
        assert_eq!(record, Some((true, Some(Duration::from_secs(10)))));
        tokio::time::sleep(Duration::from_secs(11)).await;
        // Nodes delete the record; the store does not.
        let record = store.read("key.a").await.expect("in memory").map(left);
        assert_eq!(record, Some((true, Some(Duration::ZERO))));
    }

    #[tokio::test]
    async fn many_keys_are_announced_and_counted() {
        let store = store();
        let group = Group::open(store.clone());
        let mut last = 0;
        let acked = group
            .announcer()
            .window(7)
            .on_progress(|acked| {
                assert_eq!(acked, last + 1);
                last = acked;
            })
            .announce(stream::iter(keys(2500)))
            .await;
        assert_eq!((acked, last), (Ok(2500), 2500));
        assert_eq!(group.retract_all(keys(2500)).await, Ok(2500));
        assert!(!exists(&store, "key.k.0").await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_tried_again() {
        let store = store();
        let group = Group::open(store.clone());
        for fault in [Fault::LostAck, Fault::LostWrite, Fault::Late, Fault::LostAck] {
            store.fail_next(fault);
        }
        assert_eq!(group.announce_all(keys(2)).await, Ok(2));
        for key in keys(2) {
            assert!(exists(&store, &format!("key.{key}")).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_frozen_store_is_waited_for() {
        let store = store();
        let group = Group::open(store.clone());
        store.freeze();
        let thaw = async {
            tokio::time::sleep(Duration::from_secs(8)).await;
            store.thaw();
        };
        let (acked, ()) = tokio::join!(group.announce_all(keys(3000)), thaw);
        assert_eq!(acked, Ok(3000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_never_answers_is_an_error_that_names_the_first_key() {
        let store = store();
        let group = Group::open(store.clone());
        store.freeze();
        match group.announce_all(keys(10)).await.expect_err("nobody answers") {
            AnnounceError::NotTaken { key, acked: 0, source: StoreError::Timeout { .. } } => {
                assert_eq!(key.as_str(), "k.0");
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_full_store_stops_the_rest() {
        let store = store();
        let group = Group::open(store.clone());
        store.set_max_bytes(Some(7100));
        let error = group.announce_all(keys(5000)).await.expect_err("full");
        let AnnounceError::NotTaken { key, acked, source } = error else { panic!("{error:?}") };
        assert!(matches!(source, StoreError::Full { .. }), "{source}");
        assert_eq!(key, keys(5000)[usize::try_from(acked).expect("few")]);
        let last = store.info().await.expect("in memory").last;
        assert_eq!(last, Revision(acked));
    }

    #[tokio::test]
    async fn a_group_that_is_gone_is_said_at_once() {
        let store = store();
        store.delete_group();
        let error = Group::open(store).announce(&key("a")).await.expect_err("no group");
        let gone = StoreError::NoGroup { group: "g".to_owned() };
        assert_eq!(error, AnnounceError::NotTaken { key: key("a"), acked: 0, source: gone });
    }

    #[tokio::test]
    async fn a_stream_of_no_keys_is_done() {
        assert_eq!(Group::open(store()).announce_all([]).await, Ok(0));
    }
}
