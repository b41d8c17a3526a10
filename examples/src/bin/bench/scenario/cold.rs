//! A cold start: the keys are there, and the nodes start together.

use std::time::Duration;

use divider_examples::journal::now_ns;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use super::moved::bounded;
use crate::bare::{self, Over, Writes};
use crate::node::What;
use crate::report::Row;
use crate::servers::Backend;
use crate::setup::{Failure, Setup, servers};
use crate::stage::{GROUP, Stage};
use crate::usage::CpuTime;

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let Setup { keys, nodes, .. } = *setup;
    let (all, over) = (*setup, Over::Nothing);
    let writes = Writes { keys, writers: nodes, watchers: nodes, setup: all, over };
    let bare = tokio::task::block_in_place(|| bare::measure(writes))?;
    let mut stage = Stage::open(setup).await?;
    stage.announce(0..keys).await?;
    let before = CpuTime::now(&stage.servers)?;
    stage.join(0..nodes).await?;
    let joined_ns = stage.seen.iter().map(|seen| seen.at_ns).min().unwrap_or(0);
    let all = |stage: &Stage| stage.running() >= i64::from(keys);
    stage.until("all keys to start", all).await?;
    let cpu = CpuTime::now(&stage.servers)?.since(before);
    let last_ns = stage.seen.iter().map(|seen| seen.at_ns).max().unwrap_or(0);
    let first_ns = if setup.store == Backend::Nats {
        first_claim_ns(&stage.servers.url()).await?
    } else {
        // No other backend tells; the first start is a round trip later.
        let starts = stage.seen.iter().filter(|seen| matches!(seen.what, What::Start(_)));
        starts.map(|seen| seen.at_ns).min().unwrap_or(joined_ns)
    };
    stage.close().await;
    let took = Duration::from_nanos(last_ns.saturating_sub(first_ns)).as_secs_f64();
    let before = Duration::from_nanos(first_ns.saturating_sub(joined_ns)).as_secs_f64();
    let rates = Row::rates(setup.name("cold start"), f64::from(keys) / took, bare.rate);
    let rates = bounded(setup, rates);
    let settle = Row::alone(setup.name("  first join to first claim"), before * 1000.0, "ms");
    let [server, clients] = cpu.rows(bare.cpu, setup, "cold start, joins included", keys);
    Ok(vec![rates, settle, server, clients])
}

/// When the server stored the first claim, on the clock of [`now_ns`].
async fn first_claim_ns(url: &str) -> Result<u64, Failure> {
    let client = async_nats::connect(servers(url)).await?;
    let subject = format!("$KV.divider_{GROUP}.claim.>");
    let wanted = json!({"seq": 1, "next_by_subj": subject}).to_string();
    let api = format!("$JS.API.STREAM.MSG.GET.KV_divider_{GROUP}");
    let answer = client.request(api, wanted.into()).await?;
    let answer: Value = serde_json::from_slice(&answer.payload)?;
    let time = answer["message"]["time"].as_str().ok_or_else(|| format!("no claim: {answer}"))?;
    let time = async_nats::datetime::parse_rfc3339(time).map_err(|error| error.to_string())?;
    let real = clock_gettime(ClockId::Realtime);
    let real = i128::from(real.tv_sec) * 1_000_000_000 + i128::from(real.tv_nsec);
    Ok(u64::try_from(i128::from(now_ns()) - (real - time.unix_timestamp_nanos()))?)
}
