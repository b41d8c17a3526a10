//! What a key takes in a node, by what the system says of processes.

use crate::node::Node;
use crate::report::Row;
use crate::setup::{Failure, Setup};
use crate::stage::{Stage, key};
use crate::usage::resident;

/// How many keys are announced at once. What a burst takes while it is on its way is another thing.
const STEP: u32 = 500;

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let Setup { keys, nodes, .. } = *setup;
    let first = STEP.min(keys / 2);
    let few = Setup { keys: first, ..setup.of_processes() };
    // A few keys first, so that everything that is there once is there.
    let mut stage = Stage::full(&few).await?;
    let pids: Vec<u32> = stage.nodes.iter().map(Node::pid).collect();
    let before = resident(&pids)?;
    for start in (first..keys).step_by(STEP as usize) {
        let end = (start + STEP).min(keys);
        stage.announce(start..end).await?;
        let all = |stage: &Stage| stage.running() >= i64::from(end);
        stage.until("the keys to start", all).await?;
    }
    stage.quiet(setup.lease()).await;
    let grown = resident(&pids)?.saturating_sub(before);
    stage.close().await;
    let each = grown / u64::from(nodes) / u64::from(keys - first);
    let bytes = each.saturating_sub(key(0).len() as u64);
    let what = setup.name("memory for each key on each node, beyond its text");
    Ok(vec![Row::alone(what, f64::from(u32::try_from(bytes)?), "B").at_most(200.0)])
}
