//! Handlers against an engine played by the test.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{Finish, run};
use crate::engine::played::{Played, key};
use crate::id::Token;
use crate::{Assignment, Ended, RunError};
use divider_core::edge::{Command, Reply};

const SHORT: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);
const DEADLINE: Duration = Duration::from_secs(20);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("it happens")
}

/// Runs a handler that tells of every call and then does what it is told.
fn scripted(
    mut script: Vec<fn() -> Finish>,
) -> (Played, tokio::task::JoinHandle<Result<(), RunError>>, mpsc::UnboundedReceiver<Assignment>) {
    let (played, divider, events) = Played::new();
    let (called, calls) = mpsc::unbounded_channel();
    script.reverse();
    let script = std::sync::Mutex::new(script);
    let running = run(divider, events, move |assignment: Assignment| {
        let next = script.lock().expect("not poisoned").pop();
        let _ = called.send(assignment.clone());
        async move {
            if let Some(next) = next {
                return next();
            }
            assignment.cancelled().await;
            Finish::Release
        }
    })
    .backoff(SHORT, SHORT);
    (played, tokio::spawn(running.into_future()), calls)
}

#[tokio::test]
async fn a_key_that_is_done_is_completed() {
    let (mut played, _run, mut calls) = scripted(vec![|| Finish::Done]);
    played.start("a", 1);
    assert_eq!(within(calls.recv()).await.expect("called").key(), &key("a"));
    assert_eq!(within(played.answer(Reply::Done)).await, Command::Complete(key("a"), Token(1)));
}

#[tokio::test]
async fn a_key_that_is_given_up_is_released() {
    let (mut played, _run, _calls) = scripted(vec![|| Finish::Release]);
    played.start("a", 1);
    assert_eq!(within(played.answer(Reply::Done)).await, Command::Release(key("a"), Token(1)));
}

#[tokio::test]
async fn a_handler_that_fails_or_panics_is_called_again_with_the_same_assignment() {
    let fail: fn() -> Finish = || Finish::Retry("it failed".into());
    let panic: fn() -> Finish = || panic!("it panicked");
    let (mut played, _run, mut calls) = scripted(vec![fail, panic, fail, || Finish::Done]);
    played.start("a", 7);
    assert_eq!(within(played.answer(Reply::Done)).await, Command::Complete(key("a"), Token(7)));
    for _ in 0..4 {
        assert_eq!(calls.try_recv().expect("called").token().0, 7);
    }
    assert!(calls.try_recv().is_err());
}

#[tokio::test]
async fn a_stop_is_confirmed_when_the_handler_has_ended() {
    let (played, _run, mut calls) = scripted(vec![]);
    played.start("a", 1);
    within(calls.recv()).await.expect("called");
    assert_eq!(played.take_confirmed(), []);
    played.stop("a", 1);
    assert_eq!(within(played.confirmed()).await, [("a".to_owned(), 1)]);
}

#[tokio::test]
async fn a_stop_is_not_confirmed_while_the_handler_winds_up() {
    let (played, divider, events) = Played::new();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let (proceed, proceeds) = oneshot::channel::<()>();
    let proceeds = Arc::new(tokio::sync::Mutex::new(Some(proceeds)));
    let running = run(divider, events, move |assignment: Assignment| {
        let (begun, proceeds) = (begun.clone(), Arc::clone(&proceeds));
        async move {
            assignment.cancelled().await;
            let _ = begun.send(());
            let proceeds = proceeds.lock().await.take().expect("called once");
            let _ = proceeds.await;
            Finish::Release
        }
    });
    tokio::spawn(running.into_future());
    played.start("a", 1);
    played.start("b", 2);
    // Both starts are taken in order, so a stop of `a` after that of its start cancels it.
    while played.is_untold("a") {
        tokio::task::yield_now().await;
    }
    played.stop("a", 1);
    within(begins.recv()).await.expect("it winds up");
    assert_eq!(played.take_confirmed(), []);
    proceed.send(()).expect("it waits");
    assert_eq!(within(played.confirmed()).await, [("a".to_owned(), 1)]);
}

#[tokio::test]
async fn a_key_that_is_announced_again_just_as_it_is_done_is_stopped_like_any_other() {
    let (mut played, divider, events) = Played::new();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let running = run(divider, events, move |assignment: Assignment| {
        let begun = begun.clone();
        async move {
            let token = assignment.token().0;
            let _ = begun.send(token);
            if token.is_multiple_of(2) {
                pending::<()>().await;
            }
            Finish::Done
        }
    });
    tokio::spawn(running.into_future());
    // Which of the two is seen first, the end of the one task or the start of the other, is chance.
    for number in 0..20 {
        let (key, token) = (format!("k{number}"), number * 2 + 1);
        played.start(&key, token);
        assert_eq!(within(begins.recv()).await, Some(token));
        let done = within(played.request()).await;
        done.answer.send(Reply::Done).expect("it waits");
        played.start(&key, token + 1);
        assert_eq!(within(begins.recv()).await, Some(token + 1));
        played.stop(&key, token + 1);
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(played.take_confirmed(), [], "their handlers have not ended");
}

#[tokio::test]
async fn a_stop_ends_the_pause_between_attempts() {
    let (played, divider, events) = Played::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let running = run(divider, events, move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Finish::Retry("it failed".into()) }
    })
    .backoff(Duration::from_hours(1), Duration::from_hours(1));
    tokio::spawn(running.into_future());
    played.start("a", 1);
    while calls.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    played.stop("a", 1);
    assert_eq!(within(played.confirmed()).await, [("a".to_owned(), 1)]);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_handler_that_ignores_a_loss_is_dropped_when_its_time_is_over() {
    let (played, divider, events) = Played::new();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let running = run(divider, events, move |_| {
        let _ = begun.send(());
        pending::<Finish>()
    });
    tokio::spawn(running.into_future());
    played.start("a", 1);
    within(begins.recv()).await.expect("called");
    played.lose("a", 1, SHORT);
    assert_eq!(within(played.confirmed()).await, [("a".to_owned(), 1)]);
}

#[tokio::test]
async fn a_stop_never_drops_a_handler() {
    let (played, divider, events) = Played::new();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let running = run(divider, events, move |assignment: Assignment| {
        let _ = begun.send(assignment);
        pending::<Finish>()
    });
    let running = tokio::spawn(running.into_future());
    played.start("a", 1);
    let a = within(begins.recv()).await.expect("called");
    played.start("b", 2);
    let b = within(begins.recv()).await.expect("called");
    played.stop("a", 1);
    played.lose("b", 2, SHORT);
    assert_eq!(within(played.confirmed()).await, [("b".to_owned(), 2)], "`b` alone is dropped");
    assert!(a.is_valid() && !b.is_valid());
    running.abort();
}

#[tokio::test]
async fn a_graceful_shutdown_flushes_then_cancels_and_ends_well() {
    let (mut played, divider, events) = Played::new();
    let (shut, down) = oneshot::channel::<()>();
    let running = run(divider, events, |assignment: Assignment| async move {
        assignment.cancelled().await;
        Finish::Release
    })
    .with_graceful_shutdown(async { _ = down.await });
    let running = tokio::spawn(running.into_future());
    played.start("a", 1);
    while played.is_untold("a") {
        tokio::task::yield_now().await;
    }
    shut.send(()).expect("it waits");
    // The core stops what runs before it answers.
    let flush = played.request().await;
    assert_eq!(flush.command, Command::Flush);
    played.stop("a", 1);
    assert_eq!(within(played.confirmed()).await, [("a".to_owned(), 1)]);
    flush.answer.send(Reply::Flushed { handed: 1, freed: 0, kept: 0, lost: 0 }).expect("it waits");
    within(played.cancelled()).await;
    played.end(Ended::Cancelled);
    assert_eq!(within(running).await.expect("no panic"), Ok(()));
}

#[tokio::test]
async fn a_shutdown_that_takes_too_long_cancels_the_node() {
    let (mut played, divider, events) = Played::new();
    let running = run(divider, events, |_| pending::<Finish>())
        .shutdown_timeout(SHORT)
        .with_graceful_shutdown(std::future::ready(()));
    let running = tokio::spawn(running.into_future());
    played.start("a", 1);
    while played.is_untold("a") {
        tokio::task::yield_now().await;
    }
    let flush = within(played.request()).await;
    assert_eq!(flush.command, Command::Flush);
    played.stop("a", 1);
    within(played.cancelled()).await;
    assert_eq!(played.take_confirmed(), [], "its handler goes on");
    played.lose("a", 1, SHORT);
    assert_eq!(within(played.confirmed()).await, [("a".to_owned(), 1)]);
    played.end(Ended::Cancelled);
    let timed_out = RunError::TimedOut { after: SHORT, keys: 1 };
    assert_eq!(within(running).await.expect("no panic"), Err(timed_out));
}

#[tokio::test]
async fn a_shutdown_in_which_keys_were_lost_is_an_error() {
    let (mut played, divider, events) = Played::new();
    let (shut, down) = oneshot::channel::<()>();
    let running = run(divider, events, |assignment: Assignment| async move {
        assignment.cancelled().await;
        Finish::Release
    })
    .with_graceful_shutdown(async { _ = down.await });
    let running = tokio::spawn(running.into_future());
    for (name, token) in [("before", 1), ("a", 2), ("b", 3)] {
        played.start(name, token);
        while played.is_untold(name) {
            tokio::task::yield_now().await;
        }
    }
    played.lose("before", 1, HOUR);
    assert_eq!(within(played.confirmed()).await, [("before".to_owned(), 1)]);
    shut.send(()).expect("it waits");
    let flush = within(played.request()).await;
    for (name, token) in [("a", 2), ("b", 3)] {
        played.lose(name, token, HOUR);
        assert_eq!(within(played.confirmed()).await, [(name.to_owned(), token)]);
    }
    flush.answer.send(Reply::Flushed { handed: 0, freed: 0, kept: 0, lost: 2 }).expect("it waits");
    within(played.cancelled()).await;
    played.end(Ended::Cancelled);
    let lost = RunError::Lost { keys: 2 };
    assert_eq!(within(running).await.expect("no panic"), Err(lost), "not what was lost before");
}

#[tokio::test]
async fn a_key_that_is_done_after_its_stop_is_completed_and_not_handed_over() {
    let (mut played, divider, events) = Played::new();
    let running = run(divider, events, |assignment: Assignment| async move {
        assignment.cancelled().await;
        Finish::Done
    });
    tokio::spawn(running.into_future());
    played.start("a", 1);
    while played.is_untold("a") {
        tokio::task::yield_now().await;
    }
    played.stop("a", 1);
    let request = within(played.request()).await;
    assert_eq!(request.command, Command::Complete(key("a"), Token(1)));
    assert_eq!(played.take_confirmed(), [], "a confirmation would hand it over");
    request.answer.send(Reply::Done).expect("it waits");
    played.start("a", 2);
    while played.is_untold("a") {
        tokio::task::yield_now().await;
    }
    assert_eq!(played.take_confirmed(), [], "it is over by the completion");
}

#[tokio::test]
async fn a_key_that_gives_way_to_a_stop_is_not_released() {
    let (mut played, _run, mut calls) = scripted(vec![]);
    played.start("a", 1);
    within(calls.recv()).await.expect("called");
    played.stop("a", 1);
    assert_eq!(within(played.confirmed()).await, [("a".to_owned(), 1)]);
    assert!(played.try_request().is_none());
}

#[tokio::test]
async fn a_handler_that_ignores_a_stop_with_a_deadline_is_dropped_then() {
    let (played, divider, events) = Played::new();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let running = run(divider, events, move |_| {
        let _ = begun.send(());
        pending::<Finish>()
    });
    tokio::spawn(running.into_future());
    played.start("a", 1);
    within(begins.recv()).await.expect("called");
    played.stop_within("a", 1, SHORT);
    assert_eq!(within(played.confirmed()).await, [("a".to_owned(), 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_done_in_time_is_waited_for_however_long_its_answer_takes() {
    let (mut played, divider, events) = Played::new();
    let running = run(divider, events, |assignment: Assignment| async move {
        assignment.cancelled().await;
        Finish::Done
    });
    tokio::spawn(running.into_future());
    played.start("a", 1);
    while played.is_untold("a") {
        tokio::task::yield_now().await;
    }
    played.stop_within("a", 1, SHORT);
    let mut request = within(played.request()).await;
    tokio::time::sleep(SHORT * 2).await;
    let dropped = tokio::time::timeout(SHORT, request.answer.closed()).await;
    assert!(dropped.is_err(), "it waits for the answer");
    request.answer.send(Reply::Done).expect("it waits");
}

#[tokio::test]
async fn a_node_that_was_replaced_is_an_error_and_its_handlers_are_ended() {
    let (played, run, mut calls) = scripted(vec![]);
    played.start("a", 1);
    let assignment = within(calls.recv()).await.expect("called");
    let session = crate::Session::from_bits(9);
    played.end(Ended::Replaced { session });
    assert_eq!(
        within(run).await.expect("no panic"),
        Err(RunError::Over(Ended::Replaced { session }))
    );
    assert!(assignment.is_cancelled());
}

#[tokio::test]
async fn dropping_the_run_cancels_the_node() {
    let (played, run, mut calls) = scripted(vec![]);
    played.start("a", 1);
    within(calls.recv()).await.expect("called");
    run.abort();
    within(played.cancelled()).await;
}

#[test]
fn handlers_may_return_results() {
    fn finish<T: Into<Finish>>(value: T) -> String {
        format!("{:?}", value.into())
    }
    let check = |result: Result<Finish, &'static str>, want: &str| {
        assert_eq!(finish(result), want);
    };
    check(Ok(Finish::Done), "Done");
    check(Ok(Finish::Release), "Release");
    check(Err("no"), "Retry(\"no\")");
}
