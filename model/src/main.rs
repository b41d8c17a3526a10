//! Checks a group of a chosen size, with chosen faults, up to a number of states:
//!
//! ```sh
//! cargo run --release -p divider-model -- 3x1 --steps 60000000
//! cargo run --release -p divider-model -- 2x1 --steady --drift --without observer-waits-for-drift
//! ```

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use divider_model::{Group, Guard, Limits, Run, Scope, run};

/// Look at every state of a group of nodes, in every order of events
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Cli {
    /// Nodes and keys
    #[arg(value_enum)]
    size: Size,
    /// Sessions of each node
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    sessions: u8,
    /// Heartbeats of a node that may be without an answer: 1 or 2
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    attempts: u8,
    /// Clocks go fast and slow
    #[arg(long)]
    drift: bool,
    /// Nodes plan with member records that come late or go missing, and read the log anew
    #[arg(long)]
    members: bool,
    /// Lease records expire at any time
    #[arg(long)]
    expiry: bool,
    /// The log loses what it acknowledged, once
    #[arg(long)]
    power_cut: bool,
    /// Nodes are cancelled
    #[arg(long)]
    cancel: bool,
    /// The application takes its starts late
    #[arg(long)]
    queue: bool,
    /// The last node renews its lease without fail: far fewer states
    #[arg(long)]
    steady: bool,
    /// Begin with an empty log, in place of members of which the first has every key
    #[arg(long)]
    empty: bool,
    /// Leave a rule out
    #[arg(long, value_enum)]
    without: Option<Guard>,
    /// Stop after so many steps; about one in six leads to a new state
    #[arg(long, value_name = "COUNT")]
    steps: Option<usize>,
    /// Stop after so many minutes
    #[arg(long, value_name = "COUNT", default_value_t = 60)]
    minutes: u64,
    /// How many threads look
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    threads: usize,
}

/// How many nodes and keys there are.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Size {
    /// Two nodes, one key
    #[value(name = "2x1")]
    TwoByOne,
    /// Three nodes, one key
    #[value(name = "3x1")]
    ThreeByOne,
    /// Two nodes, two keys
    #[value(name = "2x2")]
    TwoByTwo,
}

impl Cli {
    fn scope(&self) -> Scope {
        Scope {
            sessions: self.sessions,
            attempts: self.attempts.into(),
            drift: self.drift,
            members: self.members,
            expiry: self.expiry,
            power_cut: self.power_cut,
            cancel: self.cancel,
            queue: self.queue,
            steady: self.steady,
            settled: !self.empty,
        }
    }

    fn run(&self) -> Run {
        let (scope, without) = (self.scope(), self.without);
        let time = Some(Duration::from_secs(self.minutes * 60));
        let limits = Limits { steps: self.steps, time, threads: self.threads };
        match self.size {
            Size::TwoByOne => run(Group::<2, 1> { scope, without }, limits),
            Size::ThreeByOne => run(Group::<3, 1> { scope, without }, limits),
            Size::TwoByTwo => run(Group::<2, 2> { scope, without }, limits),
        }
    }
}

#[expect(clippy::print_stdout, reason = "what it finds is its output")]
fn main() -> ExitCode {
    let cli = Cli::parse();
    let found = cli.run();
    print!("{found}");
    if found.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
