//! From the announcement of a key to its start at its owner, next to one acknowledged publish, and
//! to the two writes and the delivery that it takes at least.

use std::time::Duration;

use divider::Key;
use divider_examples::journal::now_ns;

use crate::bare;
use crate::node::What;
use crate::report::{Row, Spread};
use crate::setup::{Failure, Setup};
use crate::stage::{Stage, key};

/// How many keys are announced, one after another.
const SAMPLES: u32 = 2_000;

pub(super) async fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let setup = Setup { keys: 1, ..*setup };
    let mut stage = Stage::full(&setup).await?;
    let url = stage.servers.url();
    stage.servers.make(bare::ACKS).await?;
    stage.servers.make(bare::CHAINS).await?;
    let (mut started, mut acked) = (Spread::default(), Spread::default());
    let mut chained = Spread::default();
    let mut bare = bare::RoundTrips::open(&url).await?;
    let mut chain = bare::Chains::open(&url, setup.nodes).await?;
    for number in 1..=SAMPLES {
        let key_of = Key::new(key(number))?;
        let begun = now_ns();
        stage.group.announce(&key_of).await?;
        let runs = |stage: &Stage| stage.running() > i64::from(number);
        stage.until("the key to start", runs).await?;
        let start = stage.seen.last().filter(|seen| seen.what == What::Start(number));
        let at_ns = start.ok_or("another key started")?.at_ns;
        started.add(Duration::from_nanos(at_ns - begun));
        // In turn, so that all find the machine alike.
        acked.add(bare.next().await?);
        chained.add(chain.next().await?);
    }
    let nodes = setup.nodes;
    stage.close().await;
    let row = |name: &str, share: f64| {
        let what = format!("announce to start, {nodes} nodes, {name}");
        Row::pair(what, started.at(share), acked.at(share), "ms")
    };
    let least = |name: &str, share: f64| {
        let what = format!("  next to two writes and a delivery, {name}");
        Row::pair(what, started.at(share), chained.at(share), "ms")
    };
    Ok(vec![
        row("p50", 0.5).at_most(2.5),
        least("p50", 0.5),
        row("p99", 0.99).at_most(6.0),
        least("p99", 0.99),
        row("p99.9", 0.999),
    ])
}
