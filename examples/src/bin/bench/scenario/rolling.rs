//! Every node leaves and comes back under its name, one after another.

use crate::node::What;
use crate::report::Row;
use crate::setup::{Failure, Setup};
use crate::stage::Stage;

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let mut stage = Stage::full(setup).await?;
    let mark = stage.seen.len();
    for number in 0..setup.nodes {
        stage.nodes.remove(0).leave().await?;
        stage.settle().await?;
        stage.join(number..number + 1).await?;
        stage.settle().await?;
    }
    let starts = stage.since(mark).iter().filter(|seen| matches!(seen.what, What::Start(_)));
    let moves = u32::try_from(starts.count())?;
    stage.close().await;
    let bound = f64::from(2 * (setup.keys + setup.nodes));
    let what = setup.name("moves in a rolling restart of all");
    Ok(vec![Row::alone(what, f64::from(moves), "").at_most(bound)])
}
