//! `divider`: the operator's commands.
//!
//! Standard output has the answer and nothing else; progress, warnings and errors go to standard
//! error. The exit codes are those of [`exit::Exit`].

mod ask;
mod change_report;
mod cli;
mod command;
mod complete;
mod conditions;
mod connection;
mod contract;
mod exit;
mod glob;
mod gone;
mod input;
mod label;
mod look;
mod output;
mod progress;
mod shell;
mod size;
mod span;
mod top;
mod verbs;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::Cli;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Output;
use crate::shell::Shell;

fn main() -> ExitCode {
    command::exec::become_child();
    complete::answer_shell();
    let args = verbs::rewritten(std::env::args_os().collect());
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return end_of_usage(&error),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Failure::from(error).end(false),
    }
}

async fn run(cli: Cli) -> ExitCode {
    let shell = Shell { connection: cli.connection, output: Output::new(&cli.output) };
    let as_json = shell.output.is_json();
    let Some(command) = cli.command else {
        return end(output::answer(command::START_HERE).map_err(Failure::from), as_json);
    };
    if command.handles_interrupt() {
        return end(Box::pin(command.run(&shell)).await, as_json);
    }
    // A command that has something to say about Ctrl-C says it first.
    let outcome = tokio::select! {
        biased;
        outcome = command.run(&shell) => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::silent(Exit::Interrupted.code())),
    };
    end(outcome, as_json)
}

/// A wrong command line, or a question for help or the version.
fn end_of_usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && !is_check() && is_json_wanted(std::env::args_os()) {
        let words = error.render().to_string();
        let words = words.trim().trim_start_matches("error: ").to_owned();
        return Failure::new(Exit::Usage, words).end(true);
    }
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

/// Whether a command line that cannot be read asks for JSON.
fn is_json_wanted(args: impl Iterator<Item = OsString>) -> bool {
    let args: Vec<_> = args.filter_map(|arg| arg.into_string().ok()).collect();
    let is_pair = |pair: &[String]| {
        matches!(pair[0].as_str(), "-o" | "--output")
            && matches!(pair[1].as_str(), "json" | "jsonl")
    };
    let is_one = |arg: &String| {
        let one = ["-j", "--json", "-ojson", "-ojsonl", "--output=json", "--output=jsonl"];
        one.contains(&arg.as_str())
    };
    args.iter().any(is_one) || args.windows(2).any(is_pair)
}

fn end(outcome: Outcome, as_json: bool) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.end(as_json),
    }
}
