//! `divider completion`

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Generator;
use clap_complete::env::Shells;
use clap_complete_nushell::Nushell;

use crate::cli::Cli;
use crate::complete::VARIABLE;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::answer;

/// Write the completion script for a shell
///
/// In bash: `source <(divider completion bash)`. The script asks this command for the names of nodes,
/// groups and keys; they come from the server that the line being typed means. (The script for nushell
/// knows commands and options only.)
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
            ShellArg::Bash => registration("bash")?,
            ShellArg::Zsh => registration("zsh")?,
            ShellArg::Fish => registration("fish")?,
            ShellArg::Powershell => registration("powershell")?,
            ShellArg::Elvish => registration("elvish")?,
            ShellArg::Nushell => completions(Nushell),
        };
        Ok(answer(&String::from_utf8_lossy(&text))?)
    }
}

/// A script that asks `divider` for the completions of each line.
fn registration(shell: &str) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let shells = Shells::builtins();
    let completer = shells.completer(shell).ok_or_else(|| {
        Failure::new(Exit::Failed, format!("no completion for this shell: {shell}"))
    })?;
    completer.write_registration(VARIABLE, "divider", "divider", "divider", &mut text)?;
    Ok(text)
}

fn completions(shell: impl Generator) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "divider", &mut text);
    text
}
