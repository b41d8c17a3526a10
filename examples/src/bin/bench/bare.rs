//! The same writes and deliveries as a cold start, with nothing around them: each node's thread
//! publishes its part of the claims by compare-and-set, pipelined, and its consumer is delivered all.

use std::error::Error;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use async_nats::{Client, HeaderMap, Subscriber};
use divider::store::{NatsStore, StreamOptions};
use divider_examples::journal::now_ns;
use divider_local_server::LocalServer;
use futures_util::StreamExt;
use serde_json::json;
use tokio::runtime;

type Failure = Box<dyn Error + Send + Sync>;

/// How many publishes wait for their acknowledgement at once.
const WINDOW: u64 = 4096;

/// As long as a claim is.
const CLAIM: &str = r#"{"v":1,"node":"node-1","session":"0123456789abcdef0123456789abcdef","token":1764000000000000,"not":[]}"#;

/// How long it takes from the first publish to the last acknowledgement and the last delivery.
pub(crate) fn measure(keys: u32, nodes: u32) -> Result<Duration, Box<dyn Error>> {
    let server = LocalServer::start()?;
    create_group(&server.url())?;
    let barrier = Arc::new(Barrier::new(nodes as usize));
    let threads: Vec<_> = (0..nodes)
        .map(|node| {
            let (url, barrier) = (server.url(), Arc::clone(&barrier));
            let mine = (node..keys).step_by(nodes as usize).collect();
            thread::spawn(move || run_node(&url, mine, keys, &barrier))
        })
        .collect();
    let mut spans = Vec::new();
    for thread in threads {
        let joined = thread.join().map_err(|_| "a thread of the bench failed")?;
        spans.push(joined.map_err(|error| error.to_string())?);
    }
    let first = spans.iter().map(|&(begun, _)| begun).min().unwrap_or(0);
    let last = spans.iter().map(|&(_, ended)| ended).max().unwrap_or(0);
    Ok(Duration::from_nanos(last - first))
}

/// The stream is configured as divider's are.
fn create_group(url: &str) -> Result<(), Box<dyn Error>> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let options = NatsStore::options().create_if_missing(StreamOptions::default());
        options.connect(url, "bare".parse()?).await?;
        Ok(())
    })
}

/// One node, on a thread with a runtime of its own, as divider's nodes are.
fn run_node(url: &str, mine: Vec<u32>, all: u32, barrier: &Barrier) -> Result<(u64, u64), Failure> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let options = async_nats::ConnectOptions::new().subscription_capacity(1 << 20);
        let client = options.connect(url).await?;
        let deliveries = consume(&client).await?;
        barrier.wait();
        let begun = now_ns();
        tokio::try_join!(publish(&client, mine), receive(&client, deliveries, all))?;
        Ok((begun, now_ns()))
    })
}

/// A consumer with divider's settings.
async fn consume(client: &Client) -> Result<Subscriber, Failure> {
    let (deliver, name) = (client.new_inbox(), client.new_inbox().replace('.', "-"));
    let deliveries = client.subscribe(deliver.clone()).await?;
    let kinds = ["key.>", "claim.>", "member.>", "stops.>", "control.>", "rebalance", "group"];
    let filters: Vec<String> =
        kinds.iter().map(|kind| format!("$KV.divider_bare.{kind}")).collect();
    let body = json!({"stream_name": "KV_divider_bare", "action": "create", "config": {
        "name": name, "deliver_subject": deliver, "deliver_policy": "new", "ack_policy": "none",
        "flow_control": true, "idle_heartbeat": 1_000_000_000u64, "max_deliver": 1,
        "mem_storage": true, "num_replicas": 1, "filter_subjects": filters,
    }});
    let subject = format!("$JS.API.CONSUMER.CREATE.KV_divider_bare.{name}");
    let answer = client.request(subject, body.to_string().into()).await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.payload)?;
    if answer["error"].is_object() {
        return Err(answer["error"].to_string().into());
    }
    Ok(deliveries)
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
            && let Some(key) = keys.next()
        {
            let subject = format!("$KV.divider_bare.claim.{}", super::cold::key(key));
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
async fn receive(client: &Client, mut deliveries: Subscriber, all: u32) -> Result<(), Failure> {
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
