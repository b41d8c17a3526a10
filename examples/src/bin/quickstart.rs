//! One node of a service, in as few lines as it takes. Start it in two or three terminals, announce
//! some keys, and stop one of the nodes with Ctrl-C:
//!
//! ```text
//! nats-server -c nats.conf
//! cargo run --bin quickstart
//! cargo run --bin announce -- --group quickstart /orders/1 /orders/2 /orders/3
//! ```

use std::error::Error;
use std::time::Duration;

use divider::store::{NatsStore, StreamOptions};
use divider::{Assignment, Divider, Finish};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = NatsStore::options()
        .create_if_missing(StreamOptions::default())
        .connect("nats://127.0.0.1:4222", "quickstart".parse()?)
        .await?;
    let (divider, events) = Divider::builder(store).start().await?;
    eprintln!("{} is a node of the group now", divider.node());

    divider::run(divider, events, work).with_graceful_shutdown(ctrl_c()).await?;
    Ok(())
}

/// The work on one key. It runs on this node alone until it is cancelled or returns.
async fn work(mine: Assignment) -> Finish {
    eprintln!("start {} with token {}", mine.key(), mine.token());
    for round in 1..=60 {
        tokio::select! {
            // Give the token to whatever this writes to, and have a lower one refused there.
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = mine.cancelled() => {
                eprintln!("stop {} after round {round}", mine.key());
                return Finish::Release;
            }
        }
    }
    eprintln!("done with {}", mine.key());
    Finish::Done
}

async fn ctrl_c() {
    // Without a handler for the signal it would just end the process.
    let _ = tokio::signal::ctrl_c().await;
}
