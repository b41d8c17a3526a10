//! How fast divider is, next to what the server and the client can do at all:
//!
//! ```text
//! cargo run --release --bin bench
//! cargo run --release --bin bench -- --json --only cold
//! ```
//!
//! Every figure is a ratio of two measurements of one run, on a nats-server of its own: what a
//! machine can do at all is not what is asked.

mod bare;
mod cold;
mod latency;
mod memory;
mod report;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use divider_examples::cli::exit_code;
use divider_examples::worker::{WorkerArgs, work};
use tokio::runtime;

use crate::report::{Report, Row};

/// Measures divider against bare publishes and consumers
#[derive(Debug, Parser)]
struct Args {
    /// How many keys a cold start divides
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    keys: u32,
    /// On how many nodes
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_values_t = [3, 10])]
    nodes: Vec<u32>,
    /// How often each is measured; the median counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u32,
    /// Measure only this
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    only: Vec<What>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Many keys, started by nodes that start together
    Cold,
    /// One key, from its announcement to its start
    Latency,
    /// Bytes a key takes in a node
    Memory,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Be one of the workers whose memory is measured
    #[command(hide = true)]
    Worker(WorkerArgs),
}

fn main() -> ExitCode {
    exit_code(run(Args::parse()))
}

fn run(args: Args) -> Result<(), Box<dyn Error>> {
    if let Some(Role::Worker(worker)) = args.role {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime.block_on(work(worker));
    }
    if cfg!(debug_assertions) {
        eprintln!("this is not a release build: its figures say nothing");
    }
    let wanted = |what| args.only.is_empty() || args.only.contains(&what);
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut report = Report::default();
    if wanted(What::Cold) {
        for &nodes in &args.nodes {
            report.extend(cold_start(&runtime, args.keys, nodes, args.rounds)?);
        }
    }
    if wanted(What::Latency) {
        report.extend(runtime.block_on(latency::measure())?);
    }
    if wanted(What::Memory) {
        report.extend(runtime.block_on(memory::measure(args.keys.saturating_mul(5)))?);
    }
    report.print(args.json)?;
    Ok(())
}

/// One after the other in turns, so that a machine that slows down slows both.
fn cold_start(
    runtime: &runtime::Runtime,
    keys: u32,
    nodes: u32,
    rounds: u32,
) -> Result<Vec<Row>, Box<dyn Error>> {
    let (mut bare, mut divided, mut settle) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        bare.push(bare::measure(keys, nodes)?.as_secs_f64());
        let started = runtime.block_on(cold::measure(keys, nodes))?;
        divided.push(started.took.as_secs_f64());
        settle.push(started.before.as_secs_f64());
    }
    let rate = |spans: Vec<f64>| f64::from(keys) / report::median(spans);
    let what = format!("cold start, {keys} keys on {nodes} nodes");
    let rates = Row::rates(what, rate(divided), rate(bare)).at_least(0.5);
    let settle = Row::alone(
        format!("  joined to first claim, {nodes} nodes"),
        report::median(settle) * 1000.0,
        "ms",
    );
    Ok(vec![rates, settle])
}
