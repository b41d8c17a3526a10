//! One more node comes, and gets its share.

use super::moved::Moved;
use crate::report::Row;
use crate::setup::{Failure, Setup};
use crate::stage::Stage;

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let mut stage = Stage::full(setup).await?;
    let mark = stage.seen.len();
    stage.join(setup.nodes..setup.nodes + 1).await?;
    let least = least_moves(setup.keys, setup.nodes);
    let came = |stage: &Stage| stage.since(mark).len() > 2 * least as usize;
    stage.until("the share of the new node", came).await?;
    stage.settle().await?;
    let moved = Moved::since(&stage, mark);
    stage.close().await;
    let rate = moved.rate_row(setup, "join", setup.nodes)?;
    let count = Row::pair(setup.name("  moves on a join"), moved.count(), f64::from(least), "");
    Ok(vec![rate.at_least(0.7), count.at_most(1.0)])
}

/// The fewest moves that balance keys which were balanced among so many nodes among one more.
fn least_moves(keys: u32, nodes: u32) -> u32 {
    let after = nodes + 1;
    let excess = keys.saturating_sub(nodes * keys.div_ceil(after));
    excess.max(keys / after)
}
