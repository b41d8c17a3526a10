//! What becomes of requests when their key has to stop.

use std::future::pending;

use tokio::sync::mpsc;

use super::*;
use crate::requests::{Request, Requests};
use crate::{Finish, Token, run};

/// The key has to stop while one request is accepted and another one has arrived.
#[tokio::test(start_paused = true)]
async fn what_was_not_accepted_goes_to_the_next_owner() {
    let mut bench = Bench::new();
    let mine = bench.start("a", 1);
    let mut requests = mine.requests().await.expect("the key is ours");
    let first = ask(bench.request("a", "first"));
    let accepted = within(requests.next()).await.expect("a request");
    let second = ask(bench.request("a", "second"));
    tokio::time::sleep(SECOND).await;
    bench.played.stop("a", 1);
    assert!(within(requests.next()).await.is_none(), "it accepts nothing more");
    requests.close().await;
    assert_eq!(bench.store.listeners(), 0);
    accepted.reply("done").await.expect("sent");
    assert_eq!(answer(first).await.expect("a reply").token(), Some(Token(1)));

    assert!(bench.divider.confirm_stop(&key("a"), Token(1)));
    let next = bench.start("a", 2);
    let mut requests = next.requests().await.expect("the key is ours");
    let request = within(requests.next()).await.expect("the other one");
    assert_eq!(request.payload(), "second");
    request.reply("").await.expect("sent");
    assert_eq!(answer(second).await.expect("a reply").token(), Some(Token(2)));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_moves_for_longer_than_the_deadline_is_an_error_that_says_so() {
    let mut bench = Bench::new();
    let mine = bench.start("a", 1);
    let requests = mine.requests().await.expect("the key is ours");
    let asked = ask(bench.request("a", ""));
    tokio::time::sleep(SECOND).await;
    bench.played.stop("a", 1);
    requests.close().await;
    let error = answer(asked).await.expect_err("nobody accepted it");
    let within = SECOND * 5;
    assert_eq!(error, RequestError::NoOwner { key: key("a"), within, moved: true });
    assert!(error.to_string().contains("the key was moving"), "{error}");
}

/// A handler that gives what it accepts to the test, and the test's side of it.
fn serve(bench: Bench) -> (Bench, mpsc::UnboundedReceiver<Request>) {
    let (accept, accepted) = mpsc::unbounded_channel();
    let Bench { divider, events, .. } = bench;
    let running = run(divider.clone(), events, move |mine: Assignment| {
        let accept = accept.clone();
        async move {
            let mut requests: Requests = mine.requests().await?;
            while let Some(request) = requests.next().await {
                let _ = accept.send(request);
            }
            Ok::<_, crate::BoxError>(Finish::Release)
        }
    });
    tokio::spawn(running.into_future());
    let (_, _, events) = Played::new();
    (Bench { divider, events, ..bench }, accepted)
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_confirmed_when_all_that_was_accepted_is_answered() {
    let (bench, mut accepted) = serve(Bench::new());
    bench.played.start("a", 1);
    let asked = ask(bench.request("a", ""));
    let request = within(accepted.recv()).await.expect("a request");
    bench.played.stop("a", 1);
    tokio::time::sleep(HOUR / 2).await;
    assert_eq!(bench.played.take_confirmed(), [], "one is not answered");
    request.reply("").await.expect("sent");
    assert_eq!(within(bench.played.confirmed()).await, [("a".to_owned(), 1)]);
    assert_eq!(bench.store.listeners(), 0);
    drop(asked);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_never_answered_holds_a_key_up_until_its_deadline() {
    let (bench, mut accepted) = serve(Bench::new());
    bench.played.start("a", 1);
    let asked = ask(bench.request("a", ""));
    let _held = within(accepted.recv()).await.expect("a request");
    bench.played.stop_within("a", 1, SECOND);
    assert_eq!(within(bench.played.confirmed()).await, [("a".to_owned(), 1)]);
    drop(asked);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_dropped_in_the_middle_of_a_request_tells_its_caller() {
    let bench = Bench::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let Bench { divider, events, .. } = bench;
    let running = run(divider, events, move |mine: Assignment| {
        let tell = tell.clone();
        async move {
            let mut requests = mine.requests().await.expect("the key is ours");
            let _held = requests.next().await;
            let _ = tell.send(());
            pending::<Finish>().await
        }
    });
    tokio::spawn(running.into_future());
    bench.played.start("a", 1);
    let asked = ask(bench.group.request(&key("a"), "").deadline(HOUR));
    within(told.recv()).await.expect("it has the request");
    bench.played.stop_within("a", 1, SECOND);
    let error = answer(asked).await.expect_err("it was dropped");
    assert!(matches!(error, RequestError::Dropped { .. }), "{error:?}");
}
