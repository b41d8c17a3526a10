//! Thousands of requests while their keys move.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use divider::requests::RequestError;
use divider::{Group, Token};
use tokio::task::JoinSet;

use crate::bed::{Accepted, Bed, DEADLINE, in_time, key, text, until};

const KEYS: u64 = 24;
const CALLERS: u64 = 12;

/// What the callers found.
#[derive(Debug, Default)]
struct Found {
    replies: u64,
    /// Tokens of owners that replied.
    owners: BTreeSet<(u64, Token)>,
    not_accepted: u64,
    /// Errors that say that it may have been carried out.
    unknown: u64,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.replies += other.replies;
        self.owners.extend(other.owners);
        self.not_accepted += other.not_accepted;
        self.unknown += other.unknown;
    }
}

/// Sends one request after the other, each with a payload of its own, and checks what comes back.
async fn call(
    group: Group,
    caller: u64,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    accepted: Accepted,
) -> Found {
    let mut found = Found::default();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let at = (caller + number) % KEYS;
        let payload = format!("{caller}-{number}");
        let asked =
            group.request(&key(&format!("k{at}")), payload.clone()).deadline(DEADLINE).await;
        let times = accepted.times(&payload);
        match asked {
            Ok(reply) => {
                assert_eq!((text(reply.payload()), times), (payload, 1));
                found.replies += 1;
                found.owners.insert((at, reply.token().expect("every owner sends it")));
            }
            Err(RequestError::NoOwner { .. }) => {
                assert_eq!(times, 0, "the error says that it was not accepted");
                found.not_accepted += 1;
            }
            Err(RequestError::Unanswered { .. } | RequestError::Dropped { .. }) => {
                assert!(times <= 1, "accepted {times} times: {payload}");
                found.unknown += 1;
            }
            Err(error) => panic!("{payload}: {error}"),
        }
        number += 1;
        sent.fetch_add(1, Ordering::Relaxed);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_loses_no_request_and_carries_none_out_twice() {
    let bed = Bed::new();
    let group = bed.group().await;
    let mut nodes = Vec::new();
    for name in ["w1", "w2", "w3"] {
        nodes.push(bed.node(name).await);
    }
    group.announce_all((0..KEYS).map(|n| key(&format!("k{n}")))).await.expect("announced");
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
        callers.spawn(call(bed.group().await, caller, stop, sent, bed.accepted.clone()));
    }
    // Each node leaves and comes back while requests go on.
    for name in ["w1", "w2", "w3"] {
        let before = sent.load(Ordering::Relaxed);
        until("requests go on", || sent.load(Ordering::Relaxed) > before + 500).await;
        nodes.remove(0).leave().await;
        nodes.push(bed.node(name).await);
    }
    let before = sent.load(Ordering::Relaxed);
    until("requests go on", || sent.load(Ordering::Relaxed) > before + 500).await;
    stop.store(true, Ordering::Relaxed);
    let mut found = Found::default();
    while let Some(one) = in_time(callers.join_next()).await {
        found.add(one.expect("no caller failed"));
    }
    eprintln!(
        "{} replies by {} owners of {KEYS} keys, {} not accepted, {} unknown",
        found.replies,
        found.owners.len(),
        found.not_accepted,
        found.unknown
    );
    assert!(found.replies >= 2000, "{found:?}");
    assert!(found.owners.len() as u64 >= KEYS + KEYS / 2, "keys moved: {found:?}");
    assert_eq!(found.not_accepted, 0, "no key was without an owner for so long");
    assert_eq!(found.unknown, 0, "no node crashed");
    for node in nodes {
        node.leave().await;
    }
}

/// Listening is ended and begun again all the time, under requests that are on their way.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_when_listening_ends_is_answered() {
    let bed = Bed::new();
    let (_divider, _events, mine) = bed.owner("k0").await;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let group = bed.group().await;
        callers.spawn(async move {
            for _ in 0..200 {
                let asked = group.request(&key("k0"), "").deadline(DEADLINE).await;
                asked.expect("a reply");
            }
        });
    }
    let (mut answered, mut rounds) = (0, 0);
    while answered < CALLERS * 200 {
        let mut requests = in_time(mine.requests()).await.expect("the key is ours");
        for _ in 0..20.min(CALLERS * 200 - answered) {
            let request = in_time(requests.next()).await.expect("a request");
            request.reply("").await.expect("sent");
            answered += 1;
        }
        in_time(requests.close()).await;
        rounds += 1;
    }
    assert!(rounds >= CALLERS * 10);
    while let Some(caller) = in_time(callers.join_next()).await {
        caller.expect("each was answered, and none timed out");
    }
}
