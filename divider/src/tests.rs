//! The application's interface against an engine played by the test.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::StreamExt;

use crate::engine::played::{Played, key};
use crate::store::StoreError;
use crate::{Divider, Ended, Event, Events, Handoff, KeyError, Token};
use divider_core::edge::{Command, Reply};

const HOUR: Duration = Duration::from_hours(1);

/// What is in the stream now: `+k` a start, `-k` a stop, `!k` a loss.
fn drain(events: &mut Events) -> String {
    let mut told = Vec::new();
    while let Some(event) = events.next().now_or_never() {
        told.push(match event {
            Some(Event::Start(assignment)) => format!("+{}", assignment.key()),
            Some(Event::Stop(handoff)) => format!("-{}", forget(handoff)),
            Some(Event::Lost(handoff)) => format!("!{}", forget(handoff)),
            None => {
                told.push(".".to_owned());
                break;
            }
        });
    }
    told.join(" ")
}

fn forget(handoff: Handoff) -> String {
    let key = handoff.key().to_string();
    std::mem::forget(handoff);
    key
}

fn take_start(events: &mut Events) -> crate::Assignment {
    match events.next().now_or_never() {
        Some(Some(Event::Start(assignment))) => assignment,
        other => panic!("expected a start, found {other:?}"),
    }
}

fn take_handoff(events: &mut Events) -> Handoff {
    match events.next().now_or_never() {
        Some(Some(Event::Stop(handoff) | Event::Lost(handoff))) => handoff,
        other => panic!("expected a stop or a loss, found {other:?}"),
    }
}

#[test]
fn a_stop_takes_back_a_start_that_was_not_taken() {
    let (played, divider, mut events) = Played::new();
    played.start("a", 1);
    played.start("b", 2);
    played.stop("a", 1);
    assert_eq!(played.take_confirmed(), [("a".to_owned(), 1)]);
    assert_eq!(drain(&mut events), "+b");
    assert_eq!(divider.assigned().len(), 1);
}

#[test]
fn a_loss_takes_back_a_start_that_was_not_taken() {
    let (played, _divider, mut events) = Played::new();
    played.start("a", 1);
    played.lose("a", 1, Duration::ZERO);
    assert_eq!(played.take_confirmed(), [("a".to_owned(), 1)]);
    assert_eq!(drain(&mut events), "");
}

#[test]
fn a_new_session_takes_back_the_starts_of_the_one_before() {
    let (played, _divider, mut events) = Played::new();
    played.start("a", 1);
    played.begin(2);
    played.extend(HOUR, HOUR);
    assert_eq!(played.take_confirmed(), [("a".to_owned(), 1)]);
    played.start("a", 3);
    assert_eq!(take_start(&mut events).token(), Token(3));
}

#[test]
fn a_start_is_held_back_while_its_time_is_over_and_told_when_the_lease_is_renewed() {
    let (played, _divider, mut events) = Played::new();
    played.start("a", 1);
    played.extend(HOUR, Duration::ZERO);
    assert_eq!(drain(&mut events), "");
    assert_eq!(played.take_confirmed(), []);
    played.extend(HOUR, HOUR);
    assert_eq!(drain(&mut events), "+a");
}

#[tokio::test]
async fn whoever_waits_for_a_start_is_woken_when_the_lease_is_renewed() {
    let (played, _divider, mut events) = Played::new();
    played.extend(HOUR, Duration::ZERO);
    played.start("a", 1);
    let waits = tokio::spawn(async move { events.next().await.is_some() });
    tokio::task::yield_now().await;
    played.extend(HOUR, HOUR);
    assert!(waits.await.expect("no panic"));
}

#[test]
fn a_loss_takes_the_place_of_a_stop_that_was_not_taken() {
    let (played, _divider, mut events) = Played::new();
    played.start("a", 1);
    assert_eq!(drain(&mut events), "+a");
    played.stop("a", 1);
    played.lose("a", 1, HOUR);
    assert_eq!(drain(&mut events), "!a");
}

#[test]
fn a_loss_comes_after_a_stop_that_was_taken() {
    let (played, _divider, mut events) = Played::new();
    played.start("a", 1);
    take_start(&mut events);
    played.stop("a", 1);
    let stop = take_handoff(&mut events);
    assert_eq!(stop.remaining(), None);
    played.lose("a", 1, HOUR);
    let lost = take_handoff(&mut events);
    assert!(lost.remaining().expect("a loss has a deadline") > HOUR / 2);
    stop.confirm();
    assert_eq!(played.take_confirmed(), [("a".to_owned(), 1)]);
    lost.confirm();
    assert_eq!(played.take_confirmed(), [], "the same run is confirmed once");
}

#[test]
fn stops_come_before_starts() {
    let (played, _divider, mut events) = Played::new();
    played.start("a", 1);
    assert_eq!(drain(&mut events), "+a");
    played.start("b", 2);
    played.stop("a", 1);
    assert_eq!(drain(&mut events), "-a +b");
}

#[test]
fn an_unread_queue_holds_one_item_a_key_however_much_happens() {
    let (played, _divider, mut events) = Played::new();
    for token in 0..10_000 {
        played.start("a", token);
        played.stop("a", token);
        assert_eq!(played.take_confirmed().len(), 1);
    }
    played.start("a", 10_000);
    assert_eq!(take_start(&mut events).token(), Token(10_000));
    assert_eq!(drain(&mut events), "");
}

#[test]
fn a_confirmation_counts_for_its_own_token_and_only_once_a_stop_was_told() {
    let (played, divider, mut events) = Played::new();
    played.start("a", 7);
    assert!(!divider.confirm_stop(&key("a"), Token(7)), "not taken");
    take_start(&mut events);
    assert!(!divider.confirm_stop(&key("a"), Token(7)), "running");
    played.stop("a", 7);
    assert!(!divider.confirm_stop(&key("a"), Token(6)), "another token");
    assert!(!divider.confirm_stop(&key("b"), Token(7)), "another key");
    assert!(divider.confirm_stop(&key("a"), Token(7)));
    assert!(!divider.confirm_stop(&key("a"), Token(7)), "twice");
    assert_eq!(played.take_confirmed(), [("a".to_owned(), 7)]);
    assert_eq!(drain(&mut events), "", "what is confirmed is not told any more");
}

#[test]
fn a_dropped_handoff_confirms_nothing() {
    let (played, divider, mut events) = Played::new();
    played.start("a", 1);
    take_start(&mut events);
    played.stop("a", 1);
    drop(take_handoff(&mut events));
    assert_eq!(played.take_confirmed(), []);
    assert!(divider.confirm_stop(&key("a"), Token(1)), "it still can be");
}

#[test]
fn an_assignment_is_valid_until_its_stop_is_confirmed() {
    let (played, _divider, mut events) = Played::new();
    played.start("a", 1);
    let assignment = take_start(&mut events);
    assert!(assignment.is_valid() && !assignment.is_cancelled());
    let cancelled = assignment.cancelled();
    played.stop("a", 1);
    assert!(assignment.is_valid(), "nobody else has it yet");
    assert!(assignment.is_cancelled());
    cancelled.now_or_never().expect("fired by the stop");
    assignment.cancelled().now_or_never().expect("fired for who comes late, too");
    take_handoff(&mut events).confirm();
    assert!(!assignment.is_valid());
    assert_eq!(assignment.remaining(), Duration::ZERO);
}

#[test]
fn an_assignment_is_valid_no_longer_than_its_own_sessions_lease() {
    let (played, _divider, mut events) = Played::new();
    played.start("a", 1);
    let assignment = take_start(&mut events);
    assert!(assignment.remaining() > HOUR / 2);
    played.extend(Duration::ZERO, Duration::ZERO);
    assert!(!assignment.is_valid());
    played.begin(2);
    played.extend(HOUR, HOUR);
    assert!(!assignment.is_valid(), "the next session's lease is not its own");
}

#[test]
fn a_lost_assignment_is_valid_until_the_moment_it_was_told() {
    let (played, _divider, mut events) = Played::new();
    played.start("a", 1);
    played.start("b", 2);
    let (a, b) = (take_start(&mut events), take_start(&mut events));
    played.lose("a", 1, HOUR / 4);
    played.lose("b", 2, Duration::ZERO);
    assert!(a.is_valid() && a.remaining() <= HOUR / 4);
    assert!(!b.is_valid());
}

#[tokio::test]
async fn a_released_key_is_not_told_to_stop_any_more() {
    let (mut played, divider, mut events) = Played::new();
    played.start("a", 1);
    let assignment = take_start(&mut events);
    played.stop("a", 1);
    let (released, command) =
        tokio::join!(divider.release(&assignment), played.answer(Reply::Done));
    assert_eq!((released, command), (Ok(()), Command::Release(key("a"), Token(1))));
    assert_eq!(drain(&mut events), "");
    assert!(!assignment.is_valid());
    // A stop that the core said before it heard of the release.
    played.stop("a", 1);
    assert_eq!(played.take_confirmed(), [("a".to_owned(), 1)]);
    assert_eq!(drain(&mut events), "");
}

#[tokio::test]
async fn an_assignment_that_is_over_releases_no_later_run_of_its_key() {
    let (mut played, divider, mut events) = Played::new();
    played.start("a", 1);
    let earlier = take_start(&mut events);
    played.stop("a", 1);
    assert_eq!(drain(&mut events), "-a");
    assert!(divider.confirm_stop(earlier.key(), earlier.token()));
    played.start("a", 2);
    let later = take_start(&mut events);
    tokio::join!(divider.release(&earlier), played.answer(Reply::NotHeld)).0.expect_err("not held");
    assert!(later.is_valid() && !later.is_cancelled());
}

#[tokio::test]
async fn answers_become_results() {
    async fn check(reply: Reply, want: Result<(), KeyError>) {
        let (mut played, divider, mut events) = Played::new();
        played.start("k", 1);
        let k = take_start(&mut events);
        let (result, _) = tokio::join!(divider.complete(&k), played.answer(reply));
        assert_eq!(result, want);
    }
    check(Reply::Done, Ok(())).await;
    check(Reply::NotHeld, Err(KeyError::NotHeld { key: key("k") })).await;
    check(Reply::Lost, Err(KeyError::Lost { key: key("k") })).await;
    check(Reply::Doubtful, Err(KeyError::Unknown { key: key("k") })).await;
    check(Reply::AnnouncedAgain, Err(KeyError::AnnouncedAgain { key: key("k") })).await;
    let source = StoreError::Denied { what: "publish to x".into() };
    let error = KeyError::NotDeleted { key: key("k"), source: source.clone() };
    check(Reply::NotDeleted(source), Err(error)).await;
}

#[tokio::test]
async fn the_stream_ends_with_the_node_after_what_is_lost_was_told() {
    let (played, divider, mut events) = Played::new();
    played.start("a", 1);
    let assignment = take_start(&mut events);
    played.start("b", 2);
    played.end(Ended::Failed);
    assert_eq!(drain(&mut events), "!a .");
    assert!(assignment.is_cancelled());
    assert_eq!(divider.ended().await, Ended::Failed);
}

#[tokio::test]
async fn who_waits_for_a_node_that_ends_is_answered() {
    let (played, divider, mut events) = Played::new();
    played.start("a", 1);
    let a = take_start(&mut events);
    let asks = tokio::spawn({
        let divider = divider.clone();
        async move { divider.flush().await }
    });
    tokio::task::yield_now().await;
    played.end(Ended::Cancelled);
    drop(played);
    assert_eq!(asks.await.expect("no panic"), Err(Ended::Cancelled));
    assert_eq!(divider.release(&a).await, Err(KeyError::Over(Ended::Cancelled)));
}

#[tokio::test]
async fn dropping_both_halves_of_the_events_cancels_the_node() {
    let (played, _divider, events) = Played::new();
    let (starts, stops) = events.split();
    drop(starts);
    assert!(played.cancelled().now_or_never().is_none());
    drop(stops);
    played.cancelled().now_or_never().expect("nobody listens");
}

#[tokio::test]
async fn dropping_the_handle_alone_cancels_nothing() {
    let (played, divider, _events) = Played::new();
    drop(divider);
    assert!(played.cancelled().now_or_never().is_none());
}

#[test]
fn the_halves_tell_what_the_whole_would() {
    let (played, _divider, events) = Played::new();
    let (mut starts, mut stops) = events.split();
    played.start("a", 1);
    assert!(stops.next().now_or_never().is_none());
    let started = StreamExt::next(&mut starts).now_or_never().flatten().expect("a start");
    assert_eq!(started.key(), &key("a"));
    played.stop("a", 1);
    assert!(starts.next().now_or_never().is_none());
    let handoff = StreamExt::next(&mut stops).now_or_never().flatten().expect("a stop");
    assert!(!handoff.reason().is_loss());
    handoff.confirm();
    played.end(Ended::Cancelled);
    assert!(matches!(starts.next().now_or_never(), Some(None)));
    assert!(matches!(stops.next().now_or_never(), Some(None)));
}

/// A waker whose last owner takes a hand-off with it when it is woken.
struct Bomb(std::sync::Mutex<Option<Handoff>>);

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().expect("not poisoned").take());
    }
}

#[test]
fn a_waker_may_come_back_to_the_queue() {
    let (played, _divider, mut events) = Played::new();
    played.start("a", 1);
    take_start(&mut events);
    played.stop("a", 1);
    let handoff = take_handoff(&mut events);
    let waker = Waker::from(Arc::new(Bomb(std::sync::Mutex::new(Some(handoff)))));
    let mut cx = std::task::Context::from_waker(&waker);
    assert!(events.poll_next_unpin(&mut cx).is_pending());
    drop(waker);
    played.start("b", 2);
    assert_eq!(drain(&mut events), "+b");
}

#[test]
fn the_handles_go_wherever_they_are_needed() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Divider>();
    check::<crate::Assignment>();
    check::<Handoff>();
    check::<Events>();
    check::<crate::Builder>();
    check::<Ended>();
    check::<crate::StartError>();
}

#[tokio::test]
async fn a_node_is_ready_as_a_member_with_time_left() {
    let (played, divider, _events) = Played::new();
    assert!(!divider.is_ready(), "it is no member yet");
    played.join();
    assert!(divider.is_ready() && divider.lease_remaining() > HOUR / 2);
    played.extend(HOUR, Duration::ZERO);
    assert!(!divider.is_ready(), "its keys are about to be lost, whatever its engine does");
    assert!(divider.lease_remaining() > HOUR / 2, "which is for stopping");
    played.extend(HOUR, HOUR);
    assert!(divider.is_ready());
    played.fence();
    assert!(!divider.is_ready(), "it was given up before its time");
    played.begin(2);
    assert_eq!((divider.is_ready(), divider.lease_remaining()), (false, Duration::ZERO));
    played.extend(HOUR, HOUR);
    assert!(!divider.is_ready(), "the others do not know it yet");
    played.join();
    assert!(divider.is_ready());
    played.end(Ended::Failed);
    assert_eq!((divider.is_ready(), divider.lease_remaining()), (false, Duration::ZERO));
}

#[tokio::test]
async fn a_node_that_leaves_is_not_ready() {
    let (mut played, divider, _events) = Played::new();
    played.join();
    let flushed = Reply::Flushed { handed: 0, freed: 0, kept: 0, lost: 0 };
    tokio::join!(divider.flush(), played.answer(flushed)).0.expect("answered");
    assert!(!divider.is_ready());
    let (played, divider, events) = Played::new();
    played.join();
    drop(events);
    assert!(!divider.is_ready(), "nobody listens");
}
