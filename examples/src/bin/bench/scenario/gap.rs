//! How long a moving key is with nobody: from its confirmed stop to its start elsewhere, in a drain
//! with the default pacing, next to acknowledged publishes under the same load.

use divider::group::DrainOptions;

use super::moved::{Mark, Moved};
use crate::bare::{self, Acks};
use crate::node::node_name;
use crate::report::Row;
use crate::setup::{Failure, Setup};
use crate::stage::Stage;

/// How many keys move.
const MOVES: u32 = 1_000;

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let setup = Setup { keys: MOVES * setup.nodes, ..*setup };
    let mut stage = Stage::full(&setup).await?;
    stage.servers.make(bare::ACKS).await?;
    let mark = Mark::now(&mut stage)?;
    let wanted = usize::try_from(stage.keys_of(0))?;
    let acks = Acks::start(&stage.servers.url()).await?;
    stage.group.drain(&[node_name(0).parse()?], &DrainOptions::new()).await?;
    let gone = |stage: &Stage| mark.count(stage) >= 2 * wanted;
    stage.until("the node to be empty", gone).await?;
    let acks = acks.stop().await?;
    stage.settle().await?;
    let moved = Moved::since(&mut stage, mark)?;
    stage.close().await;
    let row = |name: &str, share: f64| {
        let what = setup.name(&format!("hand-over gap, {MOVES} moves, {name}"));
        Row::pair(what, moved.gaps.at(share), acks.at(share), "ms")
    };
    Ok(vec![row("p50", 0.5), row("p99", 0.99).at_most(10.0)])
}
