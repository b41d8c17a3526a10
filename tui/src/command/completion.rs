//! `divider completion`

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{Generator, Shell as Known};
use clap_complete_nushell::Nushell;

use crate::cli::Cli;
use crate::exit::Outcome;
use crate::output::answer;

/// Write the completion script for a shell
///
/// In bash: `source <(divider completion bash)`.
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: ShellArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ShellArg {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
    Nushell,
}

impl CompletionArgs {
    pub(crate) fn run(self) -> Outcome {
        let text = match self.shell {
            ShellArg::Bash => completions(Known::Bash),
            ShellArg::Zsh => completions(Known::Zsh),
            ShellArg::Fish => completions(Known::Fish),
            ShellArg::Powershell => completions(Known::PowerShell),
            ShellArg::Elvish => completions(Known::Elvish),
            ShellArg::Nushell => completions(Nushell),
        };
        Ok(answer(&String::from_utf8_lossy(&text))?)
    }
}

fn completions(shell: impl Generator) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "divider", &mut text);
    text
}
