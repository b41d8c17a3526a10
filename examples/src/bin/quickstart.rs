//! One node of a service, in as few lines as it takes. Start it in two or three terminals, announce
//! some keys, and stop one of the nodes with Ctrl-C or SIGTERM:
//!
//! ```text
//! nats-server -c nats.conf
//! cargo run --bin quickstart
//! cargo run --bin announce -- --group quickstart /orders/1 /orders/2 /orders/3
//! ```

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use divider::store::nats::{NatsStore, StreamOptions};
use divider::{Assignment, Divider, Finish};
use divider_examples::cli::exit_code;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(serve().await)
}

async fn serve() -> Result<(), Box<dyn Error>> {
    // Before the node joins, so that a signal never just kills it.
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let shutdown = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    };
    let store = NatsStore::options()
        .create_if_missing(StreamOptions::default())
        .connect("nats://127.0.0.1:4222", "quickstart".parse()?)
        .await?;
    let (divider, events) = Divider::builder(store).start().await?;
    eprintln!("{} joined the group", divider.node());

    divider::run(divider, events, work).with_graceful_shutdown(shutdown).await?;
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
