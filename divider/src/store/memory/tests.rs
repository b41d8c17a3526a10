//! The faults; what every store does alike is in `testing::store`.

use super::super::{Change, Store, StoreError, Write};
use super::*;
use crate::id::Revision;

fn store() -> MemoryStore {
    MemoryStore::new(GroupName::new("g").expect("legal"))
}

fn put(name: &str, expected: Option<u64>) -> Write {
    Write::put(name, "x", expected.map(Revision))
}

fn unknown(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unknown(StoreError::Timeout { .. }))
}

async fn revision(store: &MemoryStore) -> Option<u64> {
    store.read("a").await.expect("there").map(|record| record.revision.0)
}

#[tokio::test]
async fn a_lost_ack_lands_and_a_lost_write_does_not() {
    let store = store();
    store.fail_next(Fault::LostWrite);
    store.fail_next(Fault::LostAck);
    assert!(unknown(&store.write(put("a", Some(0))).await));
    assert_eq!(revision(&store).await, None);
    assert!(unknown(&store.write(put("a", Some(0))).await));
    assert_eq!(revision(&store).await, Some(1));
}

#[tokio::test]
async fn a_late_write_is_judged_when_it_lands() {
    let store = store();
    for expected in [Some(0), Some(1)] {
        store.fail_next(Fault::Late);
        assert!(unknown(&store.write(put("a", expected)).await));
    }
    assert_eq!(store.write(put("b", None)).await, Outcome::Acked(Revision(1)));
    store.release_held();
    assert_eq!(revision(&store).await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_store_answers_nothing_and_what_was_written_lands_at_the_thaw() {
    let store = store();
    store.freeze();
    assert!(unknown(&store.write(put("a", Some(0))).await));
    assert!(matches!(store.read("a").await, Err(StoreError::Timeout { .. })));
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.read("a").await }
    });
    tokio::task::yield_now().await;
    store.thaw();
    let record = waiting.await.expect("no panic").expect("thawed").expect("landed");
    assert_eq!(record.revision, Revision(1));
}

#[tokio::test]
async fn a_deleted_group_ends_its_watches_and_a_new_one_is_another_log() {
    let store = store();
    let before = store.info().await.expect("there").created;
    let filter = Filter::everything();
    let mut watch = store.watch(filter.clone()).await.expect("there");
    assert_eq!(watch.next().await, Ok(Change::CaughtUp));
    store.delete_group();
    assert!(matches!(watch.next().await, Err(StoreError::Gap { .. })));
    assert!(matches!(store.watch(filter).await, Err(StoreError::NoGroup { .. })));
    assert!(matches!(
        store.write(put("a", None)).await,
        Outcome::Unknown(StoreError::NoGroup { .. })
    ));
    store.create_group();
    assert_ne!(store.info().await.expect("there").created, before);
    assert_eq!(store.write(put("a", None)).await, Outcome::Acked(Revision(1)));
}

#[tokio::test]
async fn a_full_store_refuses_only_what_grows() {
    let store = store();
    assert_eq!(store.write(put("a", None)).await, Outcome::Acked(Revision(1)));
    store.set_max_bytes(Some(1));
    assert!(matches!(store.write(put("b", None)).await, Outcome::Refused(StoreError::Full { .. })));
    assert_eq!(store.write(put("a", Some(1))).await, Outcome::Acked(Revision(2)));
    let delete = Write::delete("a", Some(Revision(2)));
    assert_eq!(store.write(delete).await, Outcome::Acked(Revision(3)));
}
