//! The store is away for half a lease: nothing stops, and new keys run soon after it is back.

use std::time::Duration;

use divider_examples::journal::now_ns;

use crate::node::What;
use crate::report::Row;
use crate::setup::{Failure, Setup};
use crate::stage::Stage;

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let mut stage = Stage::full(setup).await?;
    let mark = stage.seen.len();
    let servers = stage.servers.each();
    servers.iter_mut().for_each(divider_local_server::LocalServer::kill);
    stage.listen(setup.lease() / 2).await;
    for server in stage.servers.each() {
        server.launch()?;
    }
    for server in stage.servers.each() {
        server.wait_until_ready(Duration::from_secs(30))?;
    }
    let back_ns = now_ns();
    while stage.announce(setup.keys..setup.keys + 1).await.is_err() {}
    let all = i64::from(setup.keys) + 1;
    let runs = |stage: &Stage| stage.running() >= all;
    stage.until("a new key to start", runs).await?;
    let started_ns = stage.since(mark).iter().map(|seen| seen.at_ns).max().unwrap_or(back_ns);
    stage.quiet(Duration::from_secs(2)).await;
    let news = stage.since(mark).iter();
    let lost = news.filter(|seen| matches!(seen.what, What::Lost(_) | What::Stop(_))).count();
    stage.close().await;
    let took = Duration::from_nanos(started_ns.saturating_sub(back_ns)).as_secs_f64();
    let what = setup.name("outage of half a lease, back to a new key's start");
    Ok(vec![
        Row::alone(what, took * 1000.0, "ms"),
        Row::alone(setup.name("  keys that it stopped"), f64::from(u32::try_from(lost)?), "")
            .at_most(0.0),
    ])
}
