//! One more node comes, and gets its share.

use divider_examples::least::{Load, least_moves};

use super::moved::{Mark, Moved};
use crate::node::What;
use crate::report::Row;
use crate::setup::{Failure, Setup};
use crate::stage::Stage;

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let mut stage = Stage::full(setup).await?;
    let mark = Mark::now(&mut stage)?;
    // As they lie, which on a machine with more to do than it can need not be evenly.
    let loads = loads(&stage, setup.nodes + 1)?;
    let least = u32::try_from(least_moves(&loads))?;
    let most = f64::from(u32::try_from(loads.iter().map(|load| load.held).max().unwrap_or(0))?);
    stage.join(setup.nodes..setup.nodes + 1).await?;
    let came = |stage: &Stage| mark.count(stage) > 2 * least as usize;
    stage.until("the share of the new node", came).await?;
    stage.settle().await?;
    let moved = Moved::since(&mut stage, mark)?;
    let lost = u32::try_from(stage.count(|what| matches!(what, What::Lost(_))))?;
    stage.close().await;
    let rows = moved.rows(setup, "join", [setup.nodes, setup.nodes + 1])?;
    let counted = setup.name("  moves on a join, and the least");
    let count = Row::pair(counted, moved.count(), f64::from(least), "");
    let even = f64::from(setup.keys.div_ceil(setup.nodes));
    let spread = Row::pair(setup.name("  most keys of a node before it"), most, even, "");
    let lost = Row::alone(setup.name("  keys lost to fences"), f64::from(lost), "");
    let [rate, servers, clients] = rows;
    Ok(vec![rate, servers, clients, count.at_most(1.0), spread.at_most(1.0), lost.at_most(0.0)])
}

/// What each of the first so many nodes has.
fn loads(stage: &Stage, nodes: u32) -> Result<Vec<Load>, Failure> {
    let load = |node| Ok(Load { held: u64::try_from(stage.keys_of(node))?, affinity: 1 });
    (0..nodes).map(load).collect()
}
