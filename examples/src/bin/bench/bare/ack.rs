//! One acknowledged publish after another, to a stream where nobody listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use divider_examples::journal::now_ns;
use tokio::task::JoinHandle;

use crate::report::Spread;
use crate::setup::{Failure, servers};

/// The stream's group.
pub(crate) const GROUP: &str = "acks";

/// Acknowledged publishes.
pub(crate) struct RoundTrips {
    js: Context,
    count: u64,
}

impl RoundTrips {
    pub(crate) async fn open(url: &str) -> Result<Self, Failure> {
        Ok(Self { js: jetstream::new(async_nats::connect(servers(url)).await?), count: 0 })
    }

    /// How long the next one takes.
    pub(crate) async fn next(&mut self) -> Result<Duration, Failure> {
        self.count += 1;
        let begun = now_ns();
        let subject = format!("divider.{GROUP}.key.k{}", self.count % 1000);
        self.js.publish(subject, "".into()).await?.await?;
        Ok(Duration::from_nanos(now_ns() - begun))
    }
}

/// Round trips every few milliseconds beside something else, to know what that does to them.
pub(crate) struct Acks {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<Spread, Failure>>,
}

impl Acks {
    pub(crate) async fn start(url: &str) -> Result<Self, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut trips = RoundTrips::open(url).await?;
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut spread = Spread::default();
            while !stopped.load(Ordering::Relaxed) {
                spread.add(trips.next().await?);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Ok(spread)
        });
        Ok(Self { stop, task })
    }

    pub(crate) async fn stop(self) -> Result<Spread, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await?
    }
}
