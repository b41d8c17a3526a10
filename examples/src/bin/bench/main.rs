//! Measures divider next to what NATS itself does: the same writes and deliveries, published and
//! consumed with nothing around them, in the same run, on a nats-server of its own, in the same
//! layout of threads and processes. What a machine can do at all is not what is asked.
//!
//! With `--store postgres` and `--store redis` the moves of keys are measured next to what `pgbench`
//! and `redis-benchmark` write. The program `backend` measures single writes on a server that is
//! there already.

mod bare;
mod node;
mod report;
mod scenario;
mod servers;
mod setup;
mod stage;
mod usage;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use divider_examples::cli::exit_code;
use tokio::runtime;

use crate::node::{NodeArgs, be_a_node};
use crate::report::Report;
use crate::scenario::Scenario;
use crate::servers::Backend;
use crate::setup::{Failure, Setup};

/// Measures divider, next to bare publishes and consumers
#[derive(Debug, Parser)]
#[command(subcommand_negates_reqs = true)]
struct Args {
    /// What to measure, in this order [default: everything]
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    only: Vec<Scenario>,
    #[command(flatten)]
    setup: Setup,
    /// Numbers of nodes to measure with, one after another
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_values_t = [3, 10])]
    nodes: Vec<u32>,
    /// Number of repetitions; the median counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Run as one of the measured nodes
    #[command(hide = true)]
    Node(NodeArgs),
}

fn main() -> ExitCode {
    exit_code(run(Args::parse()).map_err(|error| -> Box<dyn Error> { error }))
}

fn run(args: Args) -> Result<(), Failure> {
    if let Some(Role::Node(node)) = args.role {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime.block_on(be_a_node(node));
    }
    if cfg!(debug_assertions) {
        eprintln!("this is not a release build: its figures mean nothing");
    }
    let all = <Scenario as clap::ValueEnum>::value_variants();
    let fits = |scenario: &Scenario| scenario.fits(args.setup.store);
    if let Some(other) = args.only.iter().find(|scenario| !fits(scenario)) {
        return Err(format!("{other:?} is measured on NATS alone").into());
    }
    if args.setup.store != Backend::Nats && args.setup.replicas > 1 {
        return Err("--replicas 3 is for NATS".into());
    }
    let wanted = if args.only.is_empty() { all } else { &args.only };
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut report = Report::default();
    for &scenario in wanted.iter().filter(|scenario| fits(scenario)) {
        for &nodes in args.nodes.iter().take(scenario.sizes()) {
            let setup = Setup { nodes, ..args.setup };
            // On a thread of the runtime, so that it may block in place.
            let mut rounds = Vec::new();
            for _ in 0..args.rounds.max(1) {
                let round = runtime.spawn(async move { scenario.measure(&setup).await });
                rounds.push(runtime.block_on(round)??);
            }
            report.add(&rounds);
        }
    }
    report.print(args.json)?;
    Ok(())
}
