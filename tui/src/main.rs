//! `divider`: the operator's commands.
//!
//! Standard output has the answer and nothing else; progress, warnings and errors go to standard
//! error. It exits with 0 when all was done, 1 when something failed, 2 when it was asked for
//! something that there is not.

mod cli;
mod drain;
mod init;
mod keys;
mod nodes;
mod output;
mod progress;
mod resume;
mod span;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// What a command comes to.
type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Init(args) => init::run(args).await,
        Command::Nodes(args) => nodes::run(args).await,
        Command::Keys(args) => keys::run(args).await,
        Command::Drain(args) => drain::run(args).await,
        Command::Resume(args) => resume::run(args).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::tell(&format!("error: {}", output::chain(&*error)));
            ExitCode::FAILURE
        }
    }
}
