//! One node is killed: how long its keys are with nobody beyond its lease.

use std::time::Duration;

use divider_examples::journal::now_ns;

use crate::node::What;
use crate::report::Row;
use crate::setup::{Failure, Setup};
use crate::stage::Stage;

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let setup = setup.of_processes();
    let mut stage = Stage::full(&setup).await?;
    let held = stage.keys_of(setup.nodes - 1);
    let mark = stage.seen.len();
    let mut victim = stage.nodes.pop().ok_or("there is no node")?;
    let killed_ns = now_ns();
    victim.kill()?;
    stage.forget(held);
    let keys = i64::from(setup.keys);
    stage.until("its keys to be taken over", |stage| stage.running() >= keys).await?;
    let starts = stage.since(mark).iter().filter(|seen| matches!(seen.what, What::Start(_)));
    let last_ns = starts.map(|seen| seen.at_ns).max().unwrap_or(killed_ns);
    stage.close().await;
    let took = Duration::from_nanos(last_ns - killed_ns);
    let lease = setup.lease();
    // The lease on the slowest clock, the grace, and half a second for the work.
    let grace = (lease / 20).max(Duration::from_millis(25));
    let bound = lease.mul_f64(1.01) + grace + Duration::from_millis(500);
    let what = setup.name(&format!("killed to last take-over, lease {lease:?}"));
    Ok(vec![Row::alone(what, took.as_secs_f64(), "s").at_most(bound.as_secs_f64())])
}
