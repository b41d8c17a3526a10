//! A node that pretends to work on its keys: it starts and stops what it is told, takes a moment to
//! stop, and writes one JSON object a line about it.
//!
//! ```text
//! cargo run --bin worker -- --create --group demo --node w1
//! cargo run --bin worker -- --group demo --node w2 --affinity 200 --lease 2s
//! ```
//!
//! SIGTERM or Ctrl-C: it hands everything over, leaves and exits with 0.

use std::process::ExitCode;

use clap::Parser;
use divider_examples::cli::exit_code;
use divider_examples::worker::{WorkerArgs, work};

/// A node that pretends to work on its keys and writes a journal of it
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    worker: WorkerArgs,
}

// One thread: its lines are then in the order in which things happened.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(work(Args::parse().worker).await)
}
