//! Reading everything: a node that joins, next to a bare consumer that is delivered the same.

use std::time::Duration;

use divider_examples::journal::now_ns;

use crate::bare;
use crate::report::Row;
use crate::setup::{Failure, Setup};
use crate::stage::{GROUP, Stage};

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let stage = Stage::full(setup).await?;
    let mut bare_took = Vec::new();
    let mut took = Vec::new();
    for _ in 0..3 {
        bare_took.push(seconds(bare::read_all(&stage.servers.url(), GROUP).await?));
        let begun = now_ns();
        let mut watch = stage.group.watch();
        while !watch.next().await.snapshot.is_complete() {}
        took.push(seconds(Duration::from_nanos(now_ns() - begun)));
        watch.close().await;
    }
    let viewer = Row::pair(setup.name("snapshot, a viewer"), ms(took), ms(bare_took.clone()), "ms");
    let node = resync(stage, setup, ms(bare_took)).await?;
    Ok(vec![viewer, node])
}

/// A node that joins reads everything before it is a member.
async fn resync(mut stage: Stage, setup: &Setup, bare: f64) -> Result<Row, Failure> {
    let begun = now_ns();
    stage.join(setup.nodes..setup.nodes + 1).await?;
    let took = seconds(Duration::from_nanos(now_ns() - begun)) * 1000.0;
    stage.quiet(Duration::from_secs(1)).await;
    stage.close().await;
    Ok(Row::pair(setup.name("snapshot, a node that joins"), took, bare, "ms").at_most(2.0))
}

fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}

fn ms(seconds: Vec<f64>) -> f64 {
    crate::report::median(seconds) * 1000.0
}
