//! Nothing happens: what heartbeats cost the server and a node.

use std::time::Duration;

use crate::report::Row;
use crate::setup::{Failure, Setup};
use crate::stage::Stage;
use crate::usage::{Traffic, cpu_seconds};

/// How many heartbeats are waited for.
const HEARTBEATS: u32 = 10;

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let setup = setup.of_processes();
    let mut stage = Stage::full(&setup).await?;
    // What the start left to do is done by then.
    stage.listen(setup.lease()).await;
    let heartbeat = setup.lease() / 6;
    let span = heartbeat * HEARTBEATS;
    let pids: Vec<u32> = stage.nodes.iter().map(crate::node::Node::pid).collect();
    let before = (Traffic::of(stage.servers.each())?, cpu_seconds(&pids)?);
    stage.listen(span).await;
    let after = (Traffic::of(stage.servers.each())?, cpu_seconds(&pids)?);
    stage.close().await;
    let nodes = f64::from(setup.nodes);
    let messages = after.0.since(before.0) / f64::from(HEARTBEATS);
    // The audit's questions and answers, two a node, an idle consumer's heartbeats and pings are in it.
    let bound = if setup.nodes > 16 { nodes * 6.0 } else { nodes * (nodes + 2.0) };
    let cpu = (after.1 - before.1) / span.as_secs_f64() / nodes * 100.0;
    let plan = setup.name("idle, messages for each heartbeat");
    let extra = Duration::from_secs(1).as_secs_f64().recip() * heartbeat.as_secs_f64();
    Ok(vec![
        Row::pair(plan, messages, bound, ""),
        Row::alone(setup.name("  of them heartbeats of consumers, at most"), nodes * extra, ""),
        Row::alone(setup.name("idle, CPU of a node"), cpu, "%").at_most(0.2),
    ])
}
