//! Shows what divider does, with real processes on a real server of its own:
//!
//! ```text
//! cargo run --bin demo
//! cargo run --bin demo -- --keep      # stays up, to be explored
//! cargo run --bin demo -- --store postgres
//! cargo run --bin demo -- --store redis
//! ```
//!
//! Workers join, one more joins, an affinity changes, a worker is drained, another is killed. What
//! is printed comes from the workers' own journals, not from divider.

mod screen;
mod server;
mod stage;
mod story;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use divider_examples::cli::exit_code;
use divider_examples::worker::{WorkerArgs, work};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::screen::Screen;
use crate::server::{Found, Kind};
use crate::stage::Stage;

/// Shows how keys are divided among worker processes that join, leave and crash
#[derive(Debug, Parser)]
struct Args {
    /// Number of keys
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=20_000))]
    keys: u32,
    /// Keep running at the end, to explore, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// The kind of server: nats-server, or an installed PostgreSQL or Redis
    #[arg(long, value_enum, default_value_t = Kind::Nats)]
    store: Kind,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Run as one of the demo's workers. `cargo run --bin demo` builds no other program, so it is its own
    #[command(hide = true)]
    Worker(WorkerArgs),
}

fn main() -> ExitCode {
    let args = Args::parse();
    exit_code(run(args))
}

fn run(args: Args) -> Result<(), Box<dyn Error>> {
    if let Some(Role::Worker(worker)) = args.role {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime.block_on(work(worker));
    }
    let mut screen = Screen::new();
    // Before signals are caught: fetching one may take a while, and Ctrl-C just ends it.
    let server = args.store.find()?;
    runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        // Whatever ends first: the stage is dropped, and with it all processes and files.
        tokio::select! {
            ended = show(&args, server, &mut screen) => ended,
            _ = interrupt.recv() => Err("interrupted; everything was stopped".into()),
            _ = terminate.recv() => Err("terminated; everything was stopped".into()),
            _ = hangup.recv() => Err("the terminal is gone; everything was stopped".into()),
        }
    })
}

async fn show(args: &Args, server: Found, screen: &mut Screen) -> Result<(), Box<dyn Error>> {
    let mut stage = Stage::build(server, screen).await?;
    let told = story::tell(&mut stage, screen, args.keys).await;
    if let Err(error) = &told {
        screen.line(&stage.what_the_workers_said())?;
        screen.line(&format!("failed: {error}"))?;
    }
    if args.keep {
        screen.line(&stage.how_to_explore())?;
        std::future::pending::<()>().await;
    }
    told
}
