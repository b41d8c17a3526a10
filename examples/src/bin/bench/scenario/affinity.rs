//! A thousand changes of affinity a second at one node.

use std::time::Duration;

use crate::node::Node;
use crate::report::Row;
use crate::setup::{Failure, Layout, Setup};
use crate::stage::Stage;
use crate::usage::last_sequence;

/// How long they go on.
const SECONDS: u32 = 3;

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let setup = Setup { layout: Layout::Tasks, ..*setup };
    let mut stage = Stage::full(&setup).await?;
    let (mark, before) = (stage.seen.len(), last_sequence(&stage.servers.url()).await?);
    let divider = stage.nodes.first().and_then(Node::divider).cloned().ok_or("there is no node")?;
    let begun = tokio::time::Instant::now();
    let mut clock = tokio::time::interval(Duration::from_millis(1));
    for number in 0..SECONDS * 1000 {
        clock.tick().await;
        divider.alter_affinity(if number % 2 == 0 { 1 } else { -1 }).await?;
    }
    let took = begun.elapsed().as_secs_f64();
    let after = last_sequence(&stage.servers.url()).await?;
    stage.quiet(Duration::from_secs(1)).await;
    let moved = u32::try_from(stage.since(mark).len())?;
    stage.close().await;
    let calls = f64::from(SECONDS * 1000) / took;
    let writes = f64::from(u32::try_from(after - before)?) / took;
    Ok(vec![
        Row::alone(setup.name("affinity changes answered"), calls, "/s"),
        Row::alone(setup.name("  writes they and the heartbeats cost"), writes, "/s"),
        Row::alone(setup.name("  keys they stop or start"), f64::from(moved), "").at_most(0.0),
    ])
}
