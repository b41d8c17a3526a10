//! `divider`: the operator's commands.
//!
//! Standard output has the answer and nothing else; progress, warnings and errors go to standard
//! error. The exit codes are those of [`exit::Exit`].

mod ask;
mod change_report;
mod cli;
mod command;
mod conditions;
mod connection;
mod contract;
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

use clap::{CommandFactory, Parser};

use crate::cli::Cli;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::shell::Shell;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return end_of_usage(&error),
    };
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

/// A wrong command line, or a question for help or the version.
fn end_of_usage(error: &clap::Error) -> ExitCode {
    // Nobody is there to be told that it could not be told.
    let _ = error.print();
    match error.use_stderr() {
        false => ExitCode::SUCCESS,
        // Monitoring takes 2 for something that is wrong with the group.
        true if is_check() => ExitCode::from(command::check::UNKNOWN),
        true => ExitCode::from(Exit::Usage.code()),
    }
}

/// Whether the command line, as far as it can be read, asks for `check`.
fn is_check() -> bool {
    let words = Cli::command();
    let is_command = |word: &String| words.get_subcommands().any(|c| c.get_name() == word.as_str());
    // What is no text is no command.
    let mut given = std::env::args_os().skip(1).filter_map(|word| word.into_string().ok());
    given.find(is_command).is_some_and(|word| word == "check")
}

fn end(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.end(),
    }
}
