//! What a checkpoint promises, with the faults of a store in memory.

use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};

use super::CheckpointError;
use crate::assignment::Assignment;
use crate::engine::clock::Clock;
use crate::engine::{Services, SessionLease};
use crate::id::{GroupName, Revision, Session, Token};
use crate::key::Key;
use crate::store::minimal::MinimalStore;
use crate::store::{
    CheckpointContent, CheckpointRecord, CheckpointWrite, Checkpoints, MAX_CHECKPOINT, MemoryStore,
    Outcome, Store, StoreError,
};
use crate::testing::Fault;
use divider_core::time::Time;

const RETENTION: Duration = Duration::from_mins(1);

/// A node, or what is left of one.
pub(super) struct Owner {
    services: Arc<Services>,
    _store: Arc<dyn Store>,
    lease: Arc<SessionLease>,
}

impl Owner {
    pub(super) fn new(store: &Arc<dyn Store>) -> Self {
        let services = Arc::new(Services::new(store, RETENTION));
        let session = Session::from_bits(1);
        let lease = SessionLease::new(session, Clock::Machine, Arc::clone(&services));
        lease.set(Time(u64::MAX), Time(u64::MAX));
        Self { services, _store: Arc::clone(store), lease: Arc::new(lease) }
    }

    pub(super) fn assignment(&self, token: u64) -> Assignment {
        Assignment::new(key(), Token(token), Arc::clone(&self.lease))
    }
}

fn key() -> Key {
    Key::new("k").expect("legal")
}

fn store() -> MemoryStore {
    MemoryStore::new(GroupName::new("g").expect("legal"))
}

fn owner(store: &MemoryStore) -> Owner {
    let store: Arc<dyn Store> = Arc::new(store.clone());
    Owner::new(&store)
}

async fn record(store: &MemoryStore) -> Option<(u64, Option<String>)> {
    let found = store.checkpoints().expect("there").read(&key()).await.expect("an answer")?;
    let value = found.content.and_then(|content| content.value);
    Some((found.token.0, value.map(|value| String::from_utf8_lossy(&value).into_owned())))
}

#[tokio::test]
async fn what_one_owner_saves_the_next_one_reads() {
    let store = store();
    let (first, second) = (owner(&store), owner(&store));
    let mut state = first.assignment(1).checkpoint::<Vec<u32>>().await.expect("opened");
    assert_eq!(state.value().expect("readable"), None);
    state.save(&vec![1, 2]).await.expect("saved");
    assert_eq!(state.value().expect("readable"), Some(vec![1, 2]));
    let state = second.assignment(2).checkpoint::<Vec<u32>>().await.expect("opened");
    assert_eq!(state.value().expect("readable"), Some(vec![1, 2]));
}

#[tokio::test]
async fn an_older_owner_can_neither_save_nor_open() {
    let store = store();
    let (old, new) = (owner(&store), owner(&store));
    let mut state = old.assignment(1).checkpoint_bytes().await.expect("opened");
    state.save("old").await.expect("saved");
    new.assignment(2).checkpoint_bytes().await.expect("opened");
    for _ in 0..3 {
        let fenced = state.save("late").await;
        assert!(
            matches!(fenced, Err(CheckpointError::Fenced { newer: Token(2), .. })),
            "{fenced:?}"
        );
    }
    let fenced = owner(&store).assignment(1).checkpoint_bytes().await;
    assert!(matches!(fenced, Err(CheckpointError::Fenced { newer: Token(2), .. })), "{fenced:?}");
    assert_eq!(record(&store).await, Some((2, Some("old".into()))));
}

#[tokio::test]
async fn a_value_of_another_type_is_kept() {
    let store = store();
    let node = owner(&store);
    let mine = node.assignment(1);
    mine.checkpoint_bytes().await.expect("opened").save("not JSON").await.expect("saved");
    let other = mine.checkpoint::<u64>().await;
    assert!(matches!(other, Err(CheckpointError::Format { .. })), "{other:?}");
    assert_eq!(record(&store).await, Some((1, Some("not JSON".into()))));
}

#[tokio::test]
async fn a_value_that_is_too_large_is_refused() {
    let store = store();
    let mut state = owner(&store).assignment(1).checkpoint_bytes().await.expect("opened");
    state.save(vec![0; MAX_CHECKPOINT]).await.expect("saved");
    let error = state.save(vec![0; MAX_CHECKPOINT + 1]).await.expect_err("too large");
    assert!(matches!(error, CheckpointError::TooLarge { .. }));
    assert!(error.to_string().ends_with("524289"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_save_whose_answer_is_lost_is_found_out() {
    for fault in [Fault::LostAck, Fault::LostWrite, Fault::Late] {
        let store = store();
        let mut state = owner(&store).assignment(1).checkpoint_bytes().await.expect("opened");
        store.fail_next_save(fault);
        state.save("v").await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        store.release_held();
        assert_eq!(record(&store).await, Some((1, Some("v".into()))), "{fault:?}");
        state.save("w").await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(record(&store).await, Some((1, Some("w".into()))), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_save_waits_for_the_request_timeout_at_most_and_is_then_unknown() {
    let store = store();
    let mut state = owner(&store).assignment(1).checkpoint_bytes().await.expect("opened");
    store.freeze();
    let begun = tokio::time::Instant::now();
    let error = state.save("v").await.expect_err("nobody answers");
    assert!(matches!(error, CheckpointError::Unknown { .. }), "{error}");
    assert!(begun.elapsed() <= Duration::from_millis(2_010), "{:?}", begun.elapsed());
    assert_eq!(state.value(), None, "it is not known to be stored");
    store.thaw();
    assert_eq!(state.reload().await.expect("an answer").as_deref(), Some(&b"v"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_save_that_was_dropped_is_settled_by_the_next_handle_of_the_assignment() {
    let store = store();
    let node = owner(&store);
    let mine = node.assignment(1);
    let mut state = mine.checkpoint_bytes().await.expect("opened");
    state.save("before").await.expect("saved");
    store.fail_next_save(Fault::Late);
    let dropped = tokio::time::timeout(Duration::from_millis(1), state.save("dropped")).await;
    assert!(dropped.is_err());
    // The handler is called again. From here on the late write must not land any more.
    let state = mine.checkpoint_bytes().await.expect("opened");
    assert_eq!(state.value().as_deref(), Some(&b"before"[..]));
    store.release_held();
    assert_eq!(record(&store).await, Some((1, Some("before".into()))));
}

#[tokio::test(start_paused = true)]
async fn a_lost_acknowledgement_of_the_seal_is_found_out() {
    for fault in [Fault::LostAck, Fault::LostWrite, Fault::Late] {
        let store = store();
        let mut state = owner(&store).assignment(1).checkpoint_bytes().await.expect("opened");
        state.save("v").await.expect("saved");
        store.fail_next_save(fault);
        let next = owner(&store).assignment(2).checkpoint_bytes().await;
        assert_eq!(next.expect("opened").value().as_deref(), Some(&b"v"[..]), "{fault:?}");
        assert!(state.save("late").await.is_err(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_record_that_was_written_by_hand_is_written_over_by_its_owner() {
    let store = store();
    let mut state = owner(&store).assignment(5).checkpoint_bytes().await.expect("opened");
    state.save("own").await.expect("saved");
    let checkpoints = store.checkpoints().expect("there");
    let found = checkpoints.read(&key()).await.expect("an answer").expect("a record");
    let content = CheckpointContent::new(Some("hand".into()), vec![]);
    let write = CheckpointWrite::new(key(), found.revision, Token(0), Some(content));
    assert!(matches!(checkpoints.write(write).await, Outcome::Acked(_)));
    state.save("next").await.expect("saved");
    assert_eq!(record(&store).await, Some((5, Some("next".into()))));
}

#[tokio::test(start_paused = true)]
async fn the_record_of_a_completed_key_is_deleted_and_its_owner_is_over() {
    let store = store();
    let node = owner(&store);
    let mine = node.assignment(1);
    let mut state = mine.checkpoint_bytes().await.expect("opened");
    state.save("v").await.expect("saved");
    let register = node.services.registers().take(&key(), Token(1)).expect("it was opened");
    node.services.registers().delete(&register).await;
    assert_eq!(record(&store).await, Some((1, None)));
    assert!(matches!(state.save("w").await, Err(CheckpointError::Over { .. })));
    let next = owner(&store).assignment(2).checkpoint_bytes().await.expect("opened");
    assert_eq!(next.value(), None);
}

#[tokio::test(start_paused = true)]
async fn an_older_owner_deletes_nothing() {
    let store = store();
    let node = owner(&store);
    let mut state = node.assignment(1).checkpoint_bytes().await.expect("opened");
    state.save("v").await.expect("saved");
    owner(&store).assignment(2).checkpoint_bytes().await.expect("opened");
    let register = node.services.registers().take(&key(), Token(1)).expect("it was opened");
    node.services.registers().delete(&register).await;
    assert_eq!(record(&store).await, Some((2, Some("v".into()))));
}

#[tokio::test(start_paused = true)]
async fn the_record_of_a_retracted_key_expires_unless_it_gets_a_new_owner() {
    let check = |is_announced_again: bool| async move {
        let store = store();
        let node = owner(&store);
        let mut state = node.assignment(1).checkpoint_bytes().await.expect("opened");
        state.save("v").await.expect("saved");
        node.services.registers().retract(&key(), Token(1));
        node.services.registers().expire_retracted();
        tokio::time::sleep(RETENTION / 2).await;
        assert_eq!(record(&store).await, Some((1, Some("v".into()))));
        if is_announced_again {
            let next = owner(&store).assignment(2).checkpoint_bytes().await.expect("opened");
            assert_eq!(next.value().as_deref(), Some(&b"v"[..]));
        }
        tokio::time::sleep(RETENTION).await;
        assert_eq!(record(&store).await.is_some(), is_announced_again);
    };
    check(false).await;
    check(true).await;
}

#[tokio::test]
async fn a_backend_without_checkpoints_says_so() {
    let store: Arc<dyn Store> = Arc::new(MinimalStore::new(store()));
    let node = Owner::new(&store);
    let error = node.assignment(1).checkpoint_bytes().await.expect_err("it has none");
    let text = crate::report::chain(&error).to_string();
    assert!(text.ends_with("not supported: this backend keeps no checkpoints"), "{text}");
}

#[tokio::test]
async fn an_assignment_that_is_over_opens_nothing() {
    let store = store();
    let node = owner(&store);
    let mine = node.assignment(1);
    mine.mark_over();
    let over = mine.checkpoint_bytes().await;
    assert!(matches!(over, Err(CheckpointError::Over { .. })), "{over:?}");
    assert_eq!(record(&store).await.map(|(token, _)| token), None);
    assert_eq!(store.info().await.expect("there").last, Revision(0));
}

/// Checkpoints in memory, of which the next read may show an old record, as from a deposed leader.
#[derive(Debug, Clone)]
struct Deposed {
    memory: MemoryStore,
    old: Arc<Mutex<Option<CheckpointRecord>>>,
}

impl Checkpoints for Deposed {
    fn request_timeout(&self) -> Duration {
        self.memory.checkpoints().expect("it has them").request_timeout()
    }
    fn read(&self, key: &Key) -> BoxFuture<'static, Result<Option<CheckpointRecord>, StoreError>> {
        match self.old.lock().expect("no test panics with it").take() {
            Some(old) => Box::pin(ready(Ok(Some(old)))),
            None => self.memory.checkpoints().expect("it has them").read(key),
        }
    }
    fn write(&self, write: CheckpointWrite) -> BoxFuture<'static, Outcome> {
        self.memory.checkpoints().expect("it has them").write(write)
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_read_does_not_settle_a_save_in_doubt() {
    let memory = store();
    let deposed = Deposed { memory: memory.clone(), old: Arc::default() };
    let minimal = MinimalStore::with_checkpoints(memory.clone(), Arc::new(deposed.clone()));
    let store: Arc<dyn Store> = Arc::new(minimal);
    let node = Owner::new(&store);
    let mut state = node.assignment(1).checkpoint_bytes().await.expect("opened");
    state.save("a").await.expect("saved");
    let old = memory.checkpoints().expect("it has them").read(&key()).await.expect("an answer");
    memory.fail_next_save(Fault::LostAck);
    assert!(state.save("b").now_or_never().is_none(), "dropped when it was sent");
    *deposed.old.lock().expect("no test panics with it") = old;
    assert_eq!(state.reload().await.expect("settled").as_deref(), Some(&b"b"[..]));
    assert_eq!(*deposed.old.lock().expect("no test panics with it"), None, "it was read");
}
