//! What a handler finds out about its call and its end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;

use super::{Finish, run};
use crate::engine::played::{Played, key};
use crate::id::Token;
use crate::{Assignment, Event, Reason};
use divider_core::edge::{Command, Failure, Reply};

const SHORT: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);
const DEADLINE: Duration = Duration::from_mins(1);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("it happens")
}

fn fails() -> Finish {
    Finish::Retry("it failed".into())
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_failed_too_often_in_a_row_releases_its_key() {
    let (mut played, divider, events) = Played::new();
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&attempts);
    let running = run(divider, events, move |mine: Assignment| {
        seen.lock().expect("not poisoned").push(mine.attempt());
        async { fails() }
    })
    .max_attempts(3);
    tokio::spawn(running.into_future());
    played.start("a", 1);
    let command = within(played.answer(Reply::Done)).await;
    assert_eq!(command, gives_up(3, true));
    assert_eq!(*attempts.lock().expect("not poisoned"), [1, 2, 3]);
    played.start("a", 2);
    within(played.answer(Reply::Done)).await;
    let attempts = attempts.lock().expect("not poisoned");
    assert_eq!(*attempts, [1, 2, 3, 1, 2, 3], "an assignment counts for itself");
}

fn gives_up(attempts: u32, goes_on: bool) -> Command {
    let failure = Failure { reason: "it failed".into(), attempts, goes_on, limit: 8 };
    Command::Fail(key("a"), Token(1), failure)
}

#[tokio::test(start_paused = true)]
async fn a_key_that_fails_goes_into_quarantine_as_the_application_says() {
    for (after, expected) in [(Some(1), Some(1)), (None, None)] {
        let (mut played, divider, events) = Played::new();
        let running = run(divider, events, async |_| fails()).max_attempts(2);
        tokio::spawn(running.quarantine_after(after).into_future());
        played.start("a", 1);
        let command = within(played.answer(Reply::Done)).await;
        match (command, expected) {
            (Command::Fail(_, _, failure), Some(limit)) => {
                assert_eq!((failure.attempts, failure.limit), (2, limit));
            }
            (Command::Release(..), None) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_puts_its_key_into_quarantine_also_after_a_stop() {
    for stopped in [false, true] {
        let (mut played, divider, events) = Played::new();
        let running = run(divider, events, move |mine: Assignment| async move {
            match mine.attempt() {
                1 => fails(),
                _ if stopped => {
                    mine.cancelled().await;
                    Finish::Quarantine("no such table".into())
                }
                _ => Finish::Quarantine("no such table".into()),
            }
        });
        tokio::spawn(running.into_future());
        played.start("a", 1);
        if stopped {
            tokio::time::sleep(SHORT * 1000).await;
            played.stop("a", 1);
        }
        let command = within(played.answer(Reply::Done)).await;
        let Command::Fail(_, Token(1), failure) = command else { panic!("{command:?}") };
        assert_eq!((failure.reason.as_str(), failure.attempts), ("no such table", 2));
        assert!(failure.limit <= 1 && failure.goes_on, "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_lasted_long_begins_a_new_row_of_failures() {
    let (mut played, divider, events) = Played::new();
    let (called, mut calls) = mpsc::unbounded_channel();
    let running = run(divider, events, move |mine: Assignment| {
        let _ = called.send(mine.attempt());
        async move {
            if mine.attempt() == 2 {
                tokio::time::sleep(HOUR).await;
            }
            fails()
        }
    })
    .max_attempts(2);
    tokio::spawn(running.into_future());
    played.extend(HOUR * 9, HOUR * 9);
    played.start("a", 1);
    let command = tokio::time::timeout(HOUR * 2, played.answer(Reply::Done)).await;
    assert_eq!(command, Ok(gives_up(2, false)), "a new row, also for the nodes before");
    let mut attempts = Vec::new();
    while let Ok(attempt) = calls.try_recv() {
        attempts.push(attempt);
    }
    assert_eq!(attempts, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_a_key_is_tried_for_ever() {
    let (mut played, divider, events) = Played::new();
    let (called, mut calls) = mpsc::unbounded_channel();
    let running = run(divider, events, move |mine: Assignment| {
        let _ = called.send(mine);
        async { fails() }
    })
    .backoff(SHORT, SHORT);
    tokio::spawn(running.into_future());
    played.start("a", 1);
    for attempt in 1..=100 {
        assert!(within(calls.recv()).await.expect("called").attempt() >= attempt);
    }
    assert!(played.try_request().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_assignment_says_why_and_until_when_it_has_to_stop() {
    let (played, _divider, mut events) = Played::new();
    let mut start = |token| {
        played.start("a", token);
        match events.next().now_or_never() {
            Some(Some(Event::Start(mine))) => mine,
            other => panic!("{other:?}"),
        }
    };
    let mine = start(1);
    assert_eq!((mine.reason(), mine.deadline(), mine.attempt()), (None, None, 1));
    played.stop("a", 1);
    assert_eq!((mine.reason(), mine.deadline()), (Some(Reason::Drain), None));
    played.lose("a", 1, HOUR);
    assert_eq!((mine.reason(), mine.deadline()), (Some(Reason::Fenced), Some(HOUR)));
    tokio::time::advance(HOUR / 2).await;
    assert_eq!(mine.deadline(), Some(HOUR / 2));
    tokio::time::advance(HOUR).await;
    assert_eq!(mine.deadline(), Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_stop_with_a_time_limit_shows_it() {
    let (played, _divider, mut events) = Played::new();
    played.start("a", 1);
    let Some(Some(Event::Start(mine))) = events.next().now_or_never() else { panic!("a start") };
    played.stop_within("a", 1, HOUR / 2);
    let Some(Some(Event::Stop(handoff))) = events.next().now_or_never() else { panic!("a stop") };
    assert_eq!((mine.reason(), mine.deadline()), (Some(Reason::Drain), Some(HOUR / 2)));
    assert_eq!((Some(handoff.reason()), handoff.remaining()), (mine.reason(), mine.deadline()));
    handoff.confirm();
}

#[tokio::test(start_paused = true)]
async fn the_reason_is_known_when_a_handler_is_cancelled() {
    let (played, divider, events) = Played::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let running = run(divider, events, move |mine: Assignment| {
        let tell = tell.clone();
        async move {
            mine.cancelled().await;
            let _ = tell.send(mine.reason());
            Finish::Release
        }
    });
    tokio::spawn(running.into_future());
    played.start("a", 1);
    while played.is_untold("a") {
        tokio::task::yield_now().await;
    }
    played.stop("a", 1);
    assert_eq!(within(told.recv()).await, Some(Some(Reason::Drain)));
}
