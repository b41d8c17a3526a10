//! One node hands over everything and goes.

use super::moved::{Mark, Moved};
use crate::report::Row;
use crate::setup::{Failure, Setup};
use crate::stage::Stage;

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let mut stage = Stage::full(setup).await?;
    let mark = Mark::now(&mut stage)?;
    let leaver = stage.nodes.pop().ok_or("there is no node")?;
    leaver.leave().await?;
    stage.settle().await?;
    let moved = Moved::since(&mut stage, mark)?;
    stage.close().await;
    Ok(moved.rows(setup, "graceful leave", [1, setup.nodes])?.into())
}
