//! A cold start: the keys are there, and the nodes start together.

use std::error::Error;
use std::time::Duration;

use divider::store::{NatsStore, StreamOptions};
use divider::{Divider, Event, Events, Group, Key};
use divider_examples::journal::now_ns;
use divider_local_server::LocalServer;
use futures_util::future::try_join_all;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// What a cold start took.
pub(crate) struct Started {
    /// From the last join to the first claim: the settle time, and the reading of the log.
    pub(crate) before: Duration,
    /// From the first claim to the last start.
    pub(crate) took: Duration,
}

pub(crate) async fn measure(keys: u32, nodes: u32) -> Result<Started, Box<dyn Error>> {
    let server = LocalServer::start()?;
    let options = NatsStore::options().create_if_missing(StreamOptions::default());
    let group = Group::open(options.connect(server.url(), "cold".parse()?).await?);
    let all: Result<Vec<Key>, _> = (0..keys).map(|n| Key::new(key(n))).collect();
    group.announce_all(all?).await?;

    let started = try_join_all((0..nodes).map(|n| join(server.url(), n))).await?;
    let joined_ns = now_ns();
    let (send, mut starts) = mpsc::unbounded_channel();
    let mut dividers = Vec::new();
    for (divider, events) in started {
        dividers.push(divider);
        tokio::spawn(take(events, send.clone()));
    }
    let mut last_ns = 0;
    for n in 0..keys {
        let next = tokio::time::timeout(Duration::from_mins(1), starts.recv()).await;
        let at_ns = next.map_err(|_| format!("{n} of {keys} keys started within a minute"))?;
        last_ns = last_ns.max(at_ns.ok_or("all nodes are over")?);
    }
    let first_ns = first_claim_ns(&server.url()).await?;
    futures_util::future::join_all(dividers.iter().map(Divider::cancel)).await;
    let span = |from: u64, to: u64| Duration::from_nanos(to.saturating_sub(from));
    Ok(Started { before: span(joined_ns, first_ns), took: span(first_ns, last_ns) })
}

/// The text of the key with that number.
pub(crate) fn key(number: u32) -> String {
    format!("bench.key.{number:06}")
}

async fn join(url: String, node: u32) -> Result<(Divider, Events), Box<dyn Error>> {
    let store = NatsStore::connect(url, "cold".parse()?).await?;
    Ok(Divider::builder(store).node(format!("node-{node}")).start().await?)
}

/// Says when each key starts.
async fn take(mut events: Events, starts: mpsc::UnboundedSender<u64>) {
    while let Some(event) = events.next().await {
        // Nobody listens any more when the measurement is over.
        match event {
            Event::Start(_) => drop(starts.send(now_ns())),
            Event::Stop(handoff) | Event::Lost(handoff) => handoff.confirm(),
            _ => {}
        }
    }
}

/// When the server stored the first claim, on the clock of [`now_ns`].
async fn first_claim_ns(url: &str) -> Result<u64, Box<dyn Error>> {
    let client = async_nats::connect(url).await?;
    let wanted = json!({"seq": 1, "next_by_subj": "$KV.divider_cold.claim.>"}).to_string();
    let answer = client.request("$JS.API.STREAM.MSG.GET.KV_divider_cold", wanted.into()).await?;
    let answer: Value = serde_json::from_slice(&answer.payload)?;
    let time = answer["message"]["time"].as_str().ok_or_else(|| format!("no claim: {answer}"))?;
    let time = async_nats::datetime::parse_rfc3339(time).map_err(|error| error.to_string())?;
    let real = clock_gettime(ClockId::Realtime);
    let real = i128::from(real.tv_sec) * 1_000_000_000 + i128::from(real.tv_nsec);
    Ok(u64::try_from(i128::from(now_ns()) - (real - time.unix_timestamp_nanos()))?)
}
