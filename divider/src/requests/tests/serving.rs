//! What an owner may do with its requests.

use super::*;
use crate::requests::ServeError;

#[tokio::test(start_paused = true)]
async fn who_asks_for_no_requests_listens_to_nothing() {
    let mut bench = Bench::new();
    let held: Vec<_> = (0..10).map(|n| bench.start(&format!("k{n}"), 1)).collect();
    assert_eq!(bench.store.listeners(), 0);
    let mut served = Vec::new();
    for mine in &held[..3] {
        served.push(mine.requests().await.expect("the key is ours"));
    }
    assert_eq!(bench.store.listeners(), 3);
    served.pop().expect("there are three").close().await;
    assert_eq!(bench.store.listeners(), 2);
    for n in 0..10 {
        bench.played.stop(&format!("k{n}"), 1);
    }
    for requests in &mut served {
        assert!(within(requests.next()).await.is_none(), "it ends with the key");
    }
    within(held[0].requests_settled()).await;
    within(held[1].requests_settled()).await;
    assert_eq!(bench.store.listeners(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_assignment_is_served_once_at_a_time() {
    let mut bench = Bench::new();
    let mine = bench.start("a", 1);
    let first = mine.requests().await.expect("the key is ours");
    let again = mine.clone().requests().await.expect_err("it is served");
    assert_eq!(again, ServeError::Served { key: key("a") });
    drop(first);
    // What the first one has not accepted is answered before.
    let mut second = mine.requests().await.expect("nobody serves it");
    let asked = ask(bench.request("a", ""));
    within(second.next()).await.expect("a request").reply("").await.expect("sent");
    answer(asked).await.expect("a reply");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_has_to_stop_is_not_served() {
    let mut bench = Bench::new();
    let mine = bench.start("a", 1);
    bench.played.stop("a", 1);
    let error = mine.requests().await.expect_err("it has to stop");
    assert_eq!(error, ServeError::NotOwned { key: key("a") });
    assert_eq!(bench.store.listeners(), 0);
}

/// The lease is over, and the engine has not noticed: as in a process that was frozen. Another node may
/// have accepted the request.
#[tokio::test(start_paused = true)]
async fn an_owner_whose_lease_is_over_accepts_nothing_and_refuses_nothing() {
    let mut bench = Bench::new();
    let mine = bench.start("a", 1);
    let mut requests = mine.requests().await.expect("the key is ours");
    bench.played.extend(SECOND, SECOND);
    tokio::time::sleep(SECOND * 2).await;
    let asked = ask(bench.request("a", ""));
    let accepted = tokio::time::timeout(SECOND * 6, requests.next()).await;
    assert!(accepted.is_err(), "{accepted:?}");
    let error = answer(asked).await.expect_err("nobody may answer");
    assert!(matches!(error, RequestError::Unanswered { .. }), "{error:?}");
    // Nor does it when it stops.
    let asked = ask(bench.request("a", ""));
    tokio::time::sleep(SECOND).await;
    requests.close().await;
    let error = answer(asked).await.expect_err("nobody may answer");
    assert!(matches!(error, RequestError::Unanswered { .. }), "{error:?}");
}
