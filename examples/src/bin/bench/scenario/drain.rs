//! An operator drains one node, without pacing.

use divider::group::DrainOptions;

use super::moved::{Mark, Moved};
use crate::node::node_name;
use crate::report::Row;
use crate::setup::{Failure, Setup};
use crate::stage::Stage;

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let mut stage = Stage::full(setup).await?;
    let mark = Mark::now(&mut stage)?;
    let wanted = usize::try_from(stage.keys_of(0))?;
    let at_once = DrainOptions::new().parallel(0);
    stage.group.drain(&[node_name(0).parse()?], &at_once).await?;
    let gone = |stage: &Stage| mark.count(stage) >= 2 * wanted;
    stage.until("the node to be empty", gone).await?;
    stage.settle().await?;
    let moved = Moved::since(&mut stage, mark)?;
    stage.close().await;
    Ok(moved.rows(setup, "drain, no pacing", [1, setup.nodes])?.into())
}
