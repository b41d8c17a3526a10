//! The same writes and deliveries as a cold start or a move of keys: each writer's thread publishes
//! its part of the claims by compare-and-set, pipelined, and each watcher's consumer is delivered all.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use async_nats::{Client, HeaderMap, Subscriber};
use divider_examples::journal::now_ns;
use futures_util::StreamExt;
use serde_json::json;
use tokio::runtime;

use crate::setup::{Failure, servers};
use crate::stage::{Servers, key};

/// How many publishes wait for their acknowledgement at once.
const WINDOW: u64 = 4096;

/// As long as a claim is.
pub(super) const CLAIM: &str = r#"{"v":1,"node":"node-1","session":"0123456789abcdef0123456789abcdef","token":1764000000000000,"not":[]}"#;

/// How many write how much, before whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writes {
    pub(crate) keys: u32,
    pub(crate) writers: u32,
    pub(crate) watchers: u32,
    pub(crate) replicas: usize,
}

/// What one thread does.
#[derive(Debug, Clone)]
struct Part {
    url: String,
    /// The keys that it writes; none: it only watches.
    mine: Vec<u32>,
    /// The claims that are delivered to it; none: it only writes.
    all: Option<u32>,
}

/// Claims a second, from the first publish to the last acknowledgement and the last delivery.
pub(crate) fn rate(writes: Writes) -> Result<f64, Failure> {
    let servers = Servers::start(writes.replicas)?;
    let making = runtime::Builder::new_current_thread().enable_all().build()?;
    making.block_on(servers.make(GROUP, writes.replicas))?;
    let count = writes.writers.max(writes.watchers);
    let barrier = Arc::new(Barrier::new(count as usize));
    let threads: Vec<_> = (0..count)
        .map(|at| {
            let writes_too = at < writes.writers;
            let mine = if writes_too { at..writes.keys } else { 0..0 };
            let part = Part {
                url: servers.url(),
                mine: mine.step_by(writes.writers as usize).collect(),
                all: (at < writes.watchers).then_some(writes.keys),
            };
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || run_part(part, &barrier))
        })
        .collect();
    let mut spans = Vec::new();
    for thread in threads {
        spans.push(thread.join().map_err(|_| "a thread of the bench failed")??);
    }
    let first = spans.iter().map(|&(begun, _)| begun).min().unwrap_or(0);
    let last = spans.iter().map(|&(_, ended)| ended).max().unwrap_or(0);
    Ok(f64::from(writes.keys) / Duration::from_nanos(last - first).as_secs_f64())
}

/// One writer or watcher, on a thread with a runtime of its own, as divider's nodes are.
fn run_part(part: Part, barrier: &Barrier) -> Result<(u64, u64), Failure> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let options = async_nats::ConnectOptions::new().subscription_capacity(1 << 20);
        let client = options.connect(servers(&part.url)).await?;
        let deliveries = match part.all {
            Some(all) => Some((consume(&client, GROUP, "new").await?.0, all)),
            None => None,
        };
        // All of them begin together.
        barrier.wait();
        let begun = now_ns();
        tokio::try_join!(publish(&client, part.mine), receive(&client, deliveries))?;
        Ok((begun, now_ns()))
    })
}

/// The group that is written to.
const GROUP: &str = "bare";

/// A consumer with divider's settings, and how much it has to deliver.
pub(super) async fn consume(
    client: &Client,
    group: &str,
    policy: &str,
) -> Result<(Subscriber, u64), Failure> {
    let (deliver, name) = (client.new_inbox(), client.new_inbox().replace('.', "-"));
    let deliveries = client.subscribe(deliver.clone()).await?;
    let kinds = ["key.>", "claim.>", "member.>", "stops.>", "control.>", "rebalance", "group"];
    let filters: Vec<String> =
        kinds.iter().map(|kind| format!("$KV.divider_{group}.{kind}")).collect();
    let body = json!({"stream_name": format!("KV_divider_{group}"), "action": "create", "config": {
        "name": name, "deliver_subject": deliver, "deliver_policy": policy, "ack_policy": "none",
        "flow_control": true, "idle_heartbeat": 1_000_000_000u64, "max_deliver": 1,
        "mem_storage": true, "num_replicas": 1, "filter_subjects": filters,
    }});
    let subject = format!("$JS.API.CONSUMER.CREATE.KV_divider_{group}.{name}");
    let answer = client.request(subject, body.to_string().into()).await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.payload)?;
    if answer["error"].is_object() {
        return Err(answer["error"].to_string().into());
    }
    Ok((deliveries, answer["num_pending"].as_u64().unwrap_or(0)))
}

/// Publishes the claims of these keys, each expected not to be there.
async fn publish(client: &Client, keys: Vec<u32>) -> Result<(), Failure> {
    let inbox = client.new_inbox();
    let mut acks = client.subscribe(inbox.clone()).await?;
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Expected-Last-Subject-Sequence", "0");
    let (mut sent, mut acked, total) = (0, 0, keys.len() as u64);
    let mut keys = keys.into_iter();
    while acked < total {
        while sent - acked < WINDOW
            && let Some(key_number) = keys.next()
        {
            let subject = format!("$KV.divider_bare.claim.{}", key(key_number));
            let (inbox, headers) = (inbox.clone(), headers.clone());
            client.publish_with_reply_and_headers(subject, inbox, headers, CLAIM.into()).await?;
            sent += 1;
        }
        let ack = acks.next().await.ok_or("the connection is closed")?;
        if !ack.payload.starts_with(br#"{"stream""#) {
            return Err(String::from_utf8_lossy(&ack.payload).into());
        }
        acked += 1;
    }
    Ok(())
}

/// Receives every claim.
async fn receive(client: &Client, deliveries: Option<(Subscriber, u32)>) -> Result<(), Failure> {
    let Some((mut deliveries, all)) = deliveries else { return Ok(()) };
    let mut received = 0;
    while received < all {
        let message = deliveries.next().await.ok_or("the connection is closed")?;
        match (message.status, message.reply) {
            (None, _) => received += 1,
            // Flow control: the server goes on when it is answered.
            (Some(_), Some(reply)) => client.publish(reply, "".into()).await?,
            (Some(_), None) => {}
        }
    }
    Ok(())
}
