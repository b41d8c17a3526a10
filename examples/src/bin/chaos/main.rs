//! Hurts real worker processes on real nats-servers for as long as it is told to, by a seeded
//! schedule, and proves from the workers' own journals that every key had one owner at most, and got
//! one again in time:
//!
//! ```text
//! cargo run --release --bin chaos -- --minutes 60
//! cargo run --release --bin chaos -- --minutes 60 --servers 3 --version 2.11.11
//! cargo run --release --bin chaos -- --minutes 5 --seed 17 --only freeze-workers,kill-server
//! ```
//!
//! It exits with 1 if a rule was broken, and then says which faults there were around it.

mod arena;
mod bed;
mod book;
mod disturbance;
mod fault;
mod memory;
mod oracle;
mod play;
mod report;
mod schedule;
mod settings;
mod workers;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use divider_examples::cli::exit_code;
use divider_examples::worker::{WorkerArgs, work};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::arena::Arena;
use crate::settings::Settings;

/// What goes wrong in the harness itself, or in what it needs.
type Failure = Box<dyn Error>;

/// Injects faults into worker processes and servers of one backend, and checks that each key has at most one owner
#[derive(Debug, Parser)]
#[command(after_help = fault::help())]
struct Args {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Run as one of the workers
    #[command(hide = true)]
    Worker(WorkerArgs),
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Err(wrong) = args.settings.check() {
        Args::command().error(ErrorKind::ValueValidation, wrong).exit();
    }
    exit_code(run(args))
}

fn run(args: Args) -> Result<(), Failure> {
    if let Some(Role::Worker(worker)) = args.role {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime.block_on(work(worker));
    }
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let stop = Arc::new(AtomicBool::new(false));
    runtime.block_on(async { catch_signals(&stop) })?;
    let mut arena = Arena::build(&args.settings, runtime.handle().clone(), stop)?;
    let report = play::play(&mut arena, &args.settings)?;
    let is_stopped = arena.is_stopped();
    drop(arena);
    report.tell(args.settings.report.as_deref())?;
    match report.violations.len() {
        0 if is_stopped => Err("interrupted; everything was stopped".into()),
        0 => Ok(()),
        count => Err(format!("{count} rules were broken, seed {}", report.seed).into()),
    }
}

/// The first signal asks for an orderly end; the second one ends this process, and with it the
/// system ends all that it started.
fn catch_signals(stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let stop = Arc::clone(stop);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            if stop.swap(true, Ordering::Relaxed) {
                std::process::exit(1);
            }
        }
    });
    Ok(())
}
