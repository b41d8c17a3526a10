//! From the announcement of a key to its start at its owner, next to one acknowledged publish.

use std::error::Error;
use std::time::Duration;

use divider::store::{NatsStore, StreamOptions};
use divider::{Divider, Event, Events, Group, Key};
use divider_examples::journal::now_ns;
use divider_local_server::LocalServer;
use tokio::sync::mpsc;

use crate::report::{Row, quantile};

/// How many keys are announced, one after the other.
const SAMPLES: usize = 500;

pub(crate) async fn measure() -> Result<Vec<Row>, Box<dyn Error>> {
    let server = LocalServer::start()?;
    let options = NatsStore::options().create_if_missing(StreamOptions::default());
    // The publishes go to a stream of the same configuration, where nobody listens.
    options.clone().connect(server.url(), "bare".parse()?).await?;
    let group = Group::open(options.connect(server.url(), "latency".parse()?).await?);
    let (send, mut starts) = mpsc::unbounded_channel();
    let mut dividers = Vec::new();
    for node in 0..3 {
        let store = NatsStore::connect(server.url(), "latency".parse()?).await?;
        let (divider, events) =
            Divider::builder(store).node(format!("node-{node}")).start().await?;
        dividers.push(divider);
        tokio::spawn(take(events, send.clone()));
    }
    let js = async_nats::jetstream::new(async_nats::connect(server.url()).await?);
    let (mut started, mut acked) = (Vec::new(), Vec::new());
    // The first waits until the joins have settled, and is not counted.
    for n in 0..=SAMPLES {
        let key = Key::new(format!("latency.{n}"))?;
        let begun = now_ns();
        group.announce(&key).await?;
        let start = tokio::time::timeout(Duration::from_secs(30), starts.recv()).await?;
        let at_ns = start.ok_or("all nodes are over")?;
        let published = now_ns();
        js.publish(format!("divider.bare.key.latency.{n}"), "".into()).await?.await?;
        if n > 0 {
            acked.push(millis(now_ns() - published));
            started.push(millis(at_ns - begun));
        }
    }
    futures_util::future::join_all(dividers.iter().map(Divider::cancel)).await;
    started.sort_by(f64::total_cmp);
    acked.sort_by(f64::total_cmp);
    let row = |percent| {
        let what = format!("announce to start, p{percent}, 3 nodes");
        Row::pair(what, quantile(&started, percent), quantile(&acked, percent), "ms")
    };
    Ok(vec![row(50).at_most(4.0), row(99)])
}

fn millis(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64() * 1000.0
}

async fn take(mut events: Events, starts: mpsc::UnboundedSender<u64>) {
    while let Some(event) = events.next().await {
        match event {
            // Nobody listens any more when the measurement is over.
            Event::Start(_) => drop(starts.send(now_ns())),
            Event::Stop(handoff) | Event::Lost(handoff) => handoff.confirm(),
            _ => {}
        }
    }
}
