//! The same writes and deliveries as a cold start or a move of keys: each writer's thread publishes
//! its part of the claims by compare-and-set, pipelined, and each watcher's consumer is delivered all.
//! For a move the claims are there already, and it is them that are overwritten.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use async_nats::{Client, HeaderMap, Subscriber};
use divider_examples::journal::now_ns;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;
use tokio::runtime;

use super::tools;
use crate::servers::Servers;
use crate::setup::{Failure, Setup, servers};
use crate::stage::key;
use crate::usage::CpuTime;

/// How many publishes wait for their acknowledgement at once.
const WINDOW: usize = 4096;

/// As long as a claim is.
pub(super) const CLAIM: &str = r#"{"v":1,"node":"node-1","session":"0123456789abcdef0123456789abcdef","token":1764000000000000}"#;

/// How many write how much, before whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writes {
    pub(crate) keys: u32,
    pub(crate) writers: u32,
    pub(crate) watchers: u32,
    pub(crate) setup: Setup,
    pub(crate) over: Over,
}

/// What the claims are written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Nothing, as in a cold start.
    Nothing,
    /// Claims that stand, as in a move: they are written before, and that is not measured.
    Claims,
}

/// What one thread does.
#[derive(Debug, Clone)]
struct Part {
    url: String,
    /// The keys that it writes; none: it only watches.
    mine: Vec<u32>,
    /// The claims that are delivered to it; none: it only writes.
    all: Option<u32>,
    over: Over,
}

/// What bare writes gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bare {
    /// Claims a second, from the first publish to the last acknowledgement and the last delivery.
    pub(crate) rate: f64,
    /// The CPU time that they used, where the bench itself writes.
    pub(crate) cpu: Option<CpuTime>,
}

/// Measures them, on a server of their own.
pub(crate) fn measure(writes: Writes) -> Result<Bare, Failure> {
    let servers = Servers::start(&writes.setup)?;
    let by_tool = match &servers {
        Servers::One(_) | Servers::Three(_) => None,
        Servers::Postgres(server) => Some(tools::postgres(server, writes)?),
        Servers::Redis(server) => Some(tools::redis(server, writes)?),
    };
    if let Some(rate) = by_tool {
        return Ok(Bare { rate, cpu: None });
    }
    let making = runtime::Builder::new_current_thread().enable_all().build()?;
    making.block_on(servers.make(GROUP))?;
    let count = writes.writers.max(writes.watchers);
    // The measuring thread takes part in it.
    let barrier = Arc::new(Barrier::new(count as usize + 1));
    let threads: Vec<_> = (0..count)
        .map(|at| {
            let writes_too = at < writes.writers;
            let mine = if writes_too { at..writes.keys } else { 0..0 };
            let part = Part {
                url: servers.url(),
                mine: mine.step_by(writes.writers as usize).collect(),
                all: (at < writes.watchers).then_some(writes.keys),
                over: writes.over,
            };
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || run_part(part, &barrier))
        })
        .collect();
    if writes.over == Over::Claims {
        barrier.wait();
    }
    barrier.wait();
    let before = CpuTime::now(&servers)?;
    let mut spans = Vec::new();
    for thread in threads {
        spans.push(thread.join().map_err(|_| "a thread of the bench failed")??);
    }
    let first = spans.iter().map(|&(begun, _)| begun).min().unwrap_or(0);
    let last = spans.iter().map(|&(_, ended)| ended).max().unwrap_or(0);
    let rate = f64::from(writes.keys) / Duration::from_nanos(last - first).as_secs_f64();
    Ok(Bare { rate, cpu: Some(CpuTime::now(&servers)?.since(before)) })
}

/// One writer or watcher, on a thread with a runtime of its own, as divider's nodes are.
fn run_part(part: Part, barrier: &Barrier) -> Result<(u64, u64), Failure> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let options = async_nats::ConnectOptions::new().subscription_capacity(1 << 20);
        let client = options.connect(servers(&part.url)).await?;
        let mut deliveries = match part.all {
            Some(all) => Some((consume(&client, GROUP, "new").await?.0, all)),
            None => None,
        };
        let mut claims: Vec<Claim> = part.mine.into_iter().map(|key| (key, 0)).collect();
        if part.over == Over::Claims {
            barrier.wait();
            let (written, ()) =
                tokio::try_join!(publish(&client, &claims), receive(deliveries.as_mut(), &client))?;
            claims = written;
        }
        // All of them begin together.
        barrier.wait();
        let begun = now_ns();
        tokio::try_join!(publish(&client, &claims), receive(deliveries.as_mut(), &client))?;
        Ok((begun, now_ns()))
    })
}

/// A key's number and the sequence of its claim, 0 where there is none.
type Claim = (u32, u64);

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
    let body = json!({"stream_name": format!("KV_divider_{group}"), "action": "create", "config": {
        "name": name, "deliver_subject": deliver, "deliver_policy": policy, "ack_policy": "none",
        "flow_control": true, "idle_heartbeat": 1_000_000_000u64, "max_deliver": 1,
        "mem_storage": true, "num_replicas": 1, "filter_subject": format!("$KV.divider_{group}.>"),
    }});
    let subject = format!("$JS.API.CONSUMER.CREATE.KV_divider_{group}.{name}");
    let answer = client.request(subject, body.to_string().into()).await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.payload)?;
    if answer["error"].is_object() {
        return Err(answer["error"].to_string().into());
    }
    Ok((deliveries, answer["num_pending"].as_u64().unwrap_or(0)))
}

/// Publishes these claims, each over what it is expected to be, and returns them as they are then.
async fn publish(client: &Client, claims: &[Claim]) -> Result<Vec<Claim>, Failure> {
    let inbox = client.new_inbox();
    let mut acks = client.subscribe(inbox.clone()).await?;
    let (mut sent, mut written) = (0, Vec::with_capacity(claims.len()));
    while written.len() < claims.len() {
        while sent - written.len() < WINDOW
            && let Some(&(key_number, sequence)) = claims.get(sent)
        {
            let subject = format!("$KV.divider_bare.claim.{}", key(key_number));
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Expected-Last-Subject-Sequence", sequence.to_string());
            let inbox = inbox.clone();
            client.publish_with_reply_and_headers(subject, inbox, headers, CLAIM.into()).await?;
            sent += 1;
        }
        let ack = acks.next().await.ok_or("the connection is closed")?;
        // They come in the order of the publishes; with another one the next compare-and-set fails.
        let ack: Ack = serde_json::from_slice(&ack.payload)?;
        if let Some(error) = ack.error {
            return Err(error.to_string().into());
        }
        written.push((claims[written.len()].0, ack.seq));
    }
    Ok(written)
}

/// The acknowledgement of a publish.
#[derive(Deserialize)]
struct Ack {
    #[serde(default)]
    seq: u64,
    error: Option<serde_json::Value>,
}

/// Receives every claim.
async fn receive(deliveries: Option<&mut Deliveries>, client: &Client) -> Result<(), Failure> {
    let Some((deliveries, all)) = deliveries else { return Ok(()) };
    let mut received = 0;
    while received < *all {
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

/// A consumer's messages, and how many each round brings.
type Deliveries = (Subscriber, u32);
