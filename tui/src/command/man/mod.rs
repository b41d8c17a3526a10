//! `divider man`

mod sections;

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use self::sections::sections;
use crate::cli::Cli;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{answer, count};
use crate::shell::Shell;

/// Write the manual page of this command, or of one of its commands
///
/// To read it: `divider man drain | man -l -`. To install all pages: `divider man --dir
/// /usr/local/share/man/man1`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command whose page to write; default: divider itself
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Option<String>,
    /// Write the pages of all commands into this folder, instead of one page to standard output
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl ManArgs {
    pub(crate) fn run(self, shell: &Shell) -> Outcome {
        let mut command = Cli::command();
        command.build();
        let Some(dir) = self.dir else {
            let Some(name) = &self.command else { return Ok(answer(&page(&command, None)?)?) };
            let found = command.find_subcommand(name);
            let found = found
                .ok_or_else(|| Failure::new(Exit::NotFound, format!("no such command: {name}")))?;
            return Ok(answer(&page(found, Some(found.get_name()))?)?);
        };
        let commands = command.get_subcommands().filter(|command| command.get_name() != "help");
        let mut written = 0;
        for one in std::iter::once(&command).chain(commands) {
            let name = one.get_display_name().unwrap_or(one.get_name());
            let file = dir.join(format!("{name}.1"));
            let of = (written > 0).then(|| one.get_name());
            std::fs::write(&file, page(one, of)?).map_err(|error| {
                let words = format!("cannot write the page {}: {error}", file.display());
                Failure::new(Exit::Failed, words)
            })?;
            written += 1;
        }
        shell.output.say(&format!("wrote {}", count(written, "page")));
        Ok(())
    }
}

/// One page: what the command line says of itself, and what it cannot say.
fn page(command: &clap::Command, of: Option<&str>) -> Result<String, Failure> {
    let man = Man::new(command.clone()).manual("Divider");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.get_subcommands().next().is_some() {
        man.render_subcommands_section(&mut text)?;
    }
    text.extend_from_slice(sections(of).as_bytes());
    man.render_version_section(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
