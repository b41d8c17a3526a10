//! What a caller finds out.

use tokio::time::Instant;

use super::*;
use crate::Token;
use crate::requests::{ReplyError, ServeError};
use crate::store::minimal::MinimalStore;

#[tokio::test(start_paused = true)]
async fn a_request_reaches_the_owner_and_the_reply_says_who_it_is() {
    let mut bench = Bench::new();
    let mine = bench.start("a", 7);
    let mut requests = mine.requests().await.expect("the key is ours");
    let asked = ask(bench.request("a", "how much"));
    let request = within(requests.next()).await.expect("a request");
    assert_eq!((request.payload().as_ref(), request.token()), (&b"how much"[..], Token(7)));
    request.reply("42").await.expect("sent");
    let reply = answer(asked).await.expect("a reply");
    assert_eq!((reply.payload().as_ref(), reply.token()), (&b"42"[..], Some(Token(7))));
}

#[tokio::test(start_paused = true)]
async fn without_an_owner_a_caller_waits_until_its_deadline() {
    let bench = Bench::new();
    let begun = Instant::now();
    let within = SECOND * 3;
    let error = bench.request("a", "").deadline(within).await.expect_err("nobody owns it");
    assert_eq!(error, RequestError::NoOwner { key: key("a"), within, moved: false });
    assert_eq!(begun.elapsed(), within);
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_for_an_owner_that_comes_in_time() {
    let mut bench = Bench::new();
    let asked = ask(bench.request("a", ""));
    tokio::time::sleep(SECOND * 4).await;
    let mine = bench.start("a", 1);
    let mut requests = mine.requests().await.expect("the key is ours");
    let begun = Instant::now();
    let request = within(requests.next()).await.expect("a request");
    assert!(begun.elapsed() <= SECOND / 5, "the longest pause of a caller");
    request.reply("").await.expect("sent");
    answer(asked).await.expect("a reply");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_is_an_error_at_once() {
    let mut bench = Bench::new();
    let mine = bench.start("a", 7);
    let mut requests = mine.requests().await.expect("the key is ours");
    let asked = ask(bench.request("a", ""));
    let begun = Instant::now();
    drop(within(requests.next()).await);
    let error = answer(asked).await.expect_err("it was dropped");
    assert_eq!(error, RequestError::Dropped { key: key("a"), token: Some(Token(7)) });
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_accepted_is_never_sent_again() {
    let mut bench = Bench::new();
    let mine = bench.start("a", 1);
    let mut requests = mine.requests().await.expect("the key is ours");
    let within_5 = SECOND * 5;
    let asked = ask(bench.request("a", ""));
    let held = within(requests.next()).await.expect("a request");
    let error = answer(asked).await.expect_err("it was not answered");
    assert_eq!(error, RequestError::Unanswered { key: key("a"), within: within_5, source: None });
    assert!(requests.next().now_or_never().is_none(), "it came once");
    // Nobody waits any more. That is no error of the owner.
    held.reply("late").await.expect("sent");
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_request_is_sent_again_until_it_is_answered() {
    let mut bench = Bench::new();
    let mine = bench.start("a", 1);
    let mut requests = mine.requests().await.expect("the key is ours");
    let asked = ask(bench.request("a", "").idempotent(true));
    let silent = within(requests.next()).await.expect("a request");
    drop(within(requests.next()).await.expect("again, after a second"));
    let begun = Instant::now();
    let third = within(requests.next()).await.expect("again, soon after it was dropped");
    assert!(begun.elapsed() < SECOND);
    third.reply("third").await.expect("sent");
    assert_eq!(answer(asked).await.expect("a reply").payload(), "third");
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn the_reply_to_an_earlier_attempt_counts() {
    let mut bench = Bench::new();
    let mine = bench.start("a", 1);
    let mut requests = mine.requests().await.expect("the key is ours");
    let asked = ask(bench.request("a", "").idempotent(true));
    let first = within(requests.next()).await.expect("a request");
    let second = within(requests.next()).await.expect("again");
    first.reply("first").await.expect("sent");
    assert_eq!(answer(asked).await.expect("a reply").payload(), "first");
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_not_sent() {
    let mut bench = Bench::new();
    let mine = bench.start("a", 1);
    let mut requests = mine.requests().await.expect("the key is ours");
    let (len, most) = ((1 << 20) + 1, 1 << 20);
    let error = bench.group.request(&key("a"), vec![0; len]).await.expect_err("too large");
    assert_eq!(error, RequestError::TooLarge { len, most });
    let asked = ask(bench.request("a", ""));
    let request = within(requests.next()).await.expect("a request");
    let error = request.reply(vec![0; len]).await.expect_err("too large");
    assert_eq!(error, ReplyError::TooLarge { len, most });
    let error = answer(asked).await.expect_err("it was dropped then");
    assert!(matches!(error, RequestError::Dropped { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_nothing_arrives() {
    let mut bench = Bench::new();
    let mine = bench.start("a", 1);
    let mut requests = mine.requests().await.expect("the key is ours");
    bench.store.freeze();
    let asked = ask(bench.request("a", "").deadline(HOUR));
    tokio::time::sleep(SECOND * 60).await;
    assert!(requests.next().now_or_never().is_none());
    bench.store.thaw();
    within(requests.next()).await.expect("a request").reply("").await.expect("sent");
    answer(asked).await.expect("a reply");
}

#[tokio::test(start_paused = true)]
async fn a_backend_without_requests_says_so() {
    let store = MemoryStore::new(GroupName::new("g").expect("legal"));
    let bare: Arc<dyn Store> = Arc::new(MinimalStore::new(store));
    let error = Group::open(Arc::clone(&bare)).request(&key("a"), "").await;
    assert_eq!(error.expect_err("it has none"), RequestError::Unsupported);
    let (played, _divider, mut events) = Played::on(&bare);
    played.start("a", 1);
    let Some(Some(Event::Start(mine))) = events.next().now_or_never() else { panic!("a start") };
    assert_eq!(mine.requests().await.expect_err("it has none"), ServeError::Unsupported);
}
