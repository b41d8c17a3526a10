//! `divider`: the operator's commands.
//!
//! Standard output has the answer and nothing else; progress, warnings and errors go to standard
//! error. The exit codes are those of [`exit::Exit`].

mod ask;
mod cli;
mod command;
mod conditions;
mod connection;
mod contract;
mod deed;
mod exit;
mod glob;
mod input;
mod label;
mod look;
mod output;
mod progress;
mod shell;
mod size;
mod span;
mod top;
mod words;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::shell::Shell;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let shell = Shell { connection: cli.connection, output: Output::new(&cli.output) };
    let Some(command) = cli.command else {
        return end(output::answer(command::START_HERE).map_err(Failure::from));
    };
    // A command that has something to say about Ctrl-C says it first.
    let outcome = tokio::select! {
        biased;
        outcome = command.run(&shell) => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::silent(Exit::Interrupted.code())),
    };
    end(outcome)
}

fn end(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.end(),
    }
}
