//! `divider man`

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{answer, count};
use crate::shell::Shell;

/// Write the manual page
///
/// To read it: `divider man | man -l -`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write the pages of all commands into this folder, instead of the main page to standard output
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl ManArgs {
    pub(crate) fn run(self, shell: &Shell) -> Outcome {
        let mut command = Cli::command();
        command.build();
        let Some(dir) = self.dir else {
            return Ok(answer(&page(&command)?)?);
        };
        let commands = command.get_subcommands().filter(|command| command.get_name() != "help");
        let mut written = 0;
        for command in std::iter::once(&command).chain(commands) {
            let name = command.get_display_name().unwrap_or(command.get_name());
            let file = dir.join(format!("{name}.1"));
            std::fs::write(&file, page(command)?).map_err(|error| {
                let words = format!("cannot write the page {}: {error}", file.display());
                Failure::new(Exit::Failed, words)
            })?;
            written += 1;
        }
        shell.output.say(&format!("wrote {}", count(written, "page")));
        Ok(())
    }
}

fn page(command: &clap::Command) -> Result<String, Failure> {
    let mut text = Vec::new();
    Man::new(command.clone()).render(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
