//! What anybody sees of requests who looks at the server, or speaks NATS without this library.

use async_nats::client::RequestErrorKind;
use divider::Event;
use divider::requests::RequestError;

use crate::bed::{Bed, DEADLINE, in_time, key, until};

#[tokio::test]
async fn any_client_can_ask() {
    let bed = Bed::new();
    let client = async_nats::connect(bed.server.url()).await.expect("a connection");
    let group = bed.group().await;
    let node = bed.node("w1").await;
    group.announce(&key("a b")).await.expect("announced");
    group.request(&key("a b"), "first").deadline(DEADLINE).await.expect("a reply");
    let reply = client.request("divider.suite.to.a=20b", "hello".into()).await.expect("a reply");
    assert_eq!(reply.payload, "hello");
    let headers = reply.headers.expect("headers");
    let token = node.divider.assigned()[0].token().to_string();
    assert_eq!(headers.get("Divider-Token").map(ToString::to_string), Some(token));
    assert!(headers.get("Divider-Status").is_none());
    // One that does not want a reply is not accepted: there is nobody to answer.
    client.publish("divider.suite.to.a=20b", "alone".into()).await.expect("sent");
    group.request(&key("a b"), "last").deadline(DEADLINE).await.expect("a reply");
    assert_eq!(bed.accepted.len(), 3);
    node.leave().await;
    let error = client.request("divider.suite.to.a=20b", "hello".into()).await.expect_err("gone");
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
}

/// A client without this library sees why it is not answered.
#[tokio::test]
async fn moved_and_dropped_requests_have_a_status() {
    let bed = Bed::new();
    let client = async_nats::connect(bed.server.url()).await.expect("a connection");
    let (_divider, _events, mine) = bed.owner("a").await;
    let mut requests = mine.requests().await.expect("the key is ours");
    let ask = || {
        let request = async_nats::Request::new().timeout(Some(DEADLINE));
        let client = client.clone();
        tokio::spawn(async move { client.send_request("divider.suite.to.a", request).await })
    };
    let status = |reply: async_nats::Message| {
        let headers = reply.headers.expect("headers");
        headers.get("Divider-Status").map(ToString::to_string)
    };
    let dropped = ask();
    drop(in_time(requests.next()).await.expect("a request"));
    let reply = in_time(dropped).await.expect("no panic").expect("a reply");
    assert_eq!(status(reply).as_deref(), Some("dropped"));
    // Of two that have arrived, one is accepted.
    let asked = [ask(), ask()];
    let accepted = in_time(requests.next()).await.expect("a request");
    in_time(requests.close()).await;
    accepted.reply("").await.expect("sent");
    let mut found = Vec::new();
    for asked in asked {
        match in_time(asked).await.expect("no panic") {
            Ok(reply) => found.push(status(reply)),
            // It came after the subscription had ended.
            Err(error) => {
                assert_eq!(error.kind(), RequestErrorKind::NoResponders);
                found.push(Some("moved".to_owned()));
            }
        }
    }
    found.sort();
    assert_eq!(found, [None, Some("moved".to_owned())]);
}

#[tokio::test]
async fn only_keys_whose_requests_are_asked_for_have_a_subscription() {
    let bed = Bed::new();
    let group = bed.group().await;
    let (_divider, mut events) = bed.member("w1").await;
    let subscriptions = || bed.server.subscriptions().expect("a number");
    let before = subscriptions();
    group.announce_all((0..50).map(|n| key(&format!("k{n}")))).await.expect("announced");
    let mut held = Vec::new();
    while held.len() < 50 {
        match in_time(events.next()).await {
            Some(Event::Start(mine)) => held.push(mine),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(subscriptions(), before, "nobody asked for requests");
    let mut served = Vec::new();
    for mine in &held[..20] {
        served.push(mine.requests().await.expect("the key is ours"));
    }
    // The answers to the round trips have an inbox.
    assert_eq!(subscriptions(), before + 20 + 1);
    for requests in served {
        in_time(requests.close()).await;
    }
    until("they are ended", || subscriptions() == before + 1).await;
}

#[tokio::test]
async fn what_the_server_would_refuse_for_its_size_is_not_sent() {
    let bed = Bed::new();
    let group = bed.group().await;
    let node = bed.node("w1").await;
    group.announce(&key("a")).await.expect("announced");
    group.request(&key("a"), "here").deadline(DEADLINE).await.expect("a reply");
    let most = 1 << 20;
    // The reply has headers, which count.
    let sent = group.request(&key("a"), vec![b'x'; most - 128]).deadline(DEADLINE).await;
    assert_eq!(sent.expect("as large as may be").payload().len(), most - 128);
    let error = group.request(&key("a"), vec![b'x'; most + 1]).await.expect_err("too large");
    assert_eq!(error, RequestError::TooLarge { len: most + 1, most });
    let echoed = group.request(&key("a"), vec![b'x'; most]).deadline(DEADLINE).await;
    let error = echoed.expect_err("the reply is too large");
    assert!(matches!(error, RequestError::Dropped { .. }), "{error:?}");
    node.leave().await;
}
