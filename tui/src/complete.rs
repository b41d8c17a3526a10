//! Completion of nodes, groups and keys: what the server has now.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use clap_complete::env::CompleteEnv;
use divider::Key;
use divider::snapshot::{NodeState, Phase, Snapshot};

use crate::cli::Cli;
use crate::connection::ConnectionArgs;
use crate::contract::STATES;

/// The variable with which a shell asks for completions. It has the name of the shell.
pub(crate) const VARIABLE: &str = "COMPLETE";

/// How long a shell waits for what the server has.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most keys that are offered.
const MOST_KEYS: usize = 200;

/// Answers a shell that asks for completions, and ends the process then.
pub(crate) fn answer_shell() {
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).bin("divider").complete();
}

/// Completes the names of nodes.
pub(crate) fn nodes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let candidate = |snapshot: &Snapshot| {
            let each = snapshot.nodes().map(|node| {
                let help = format!("{}, {} keys", node.state.as_str(), node.keys);
                CompletionCandidate::new(node.node.as_str()).help(Some(help.into()))
            });
            each.collect()
        };
        snapshot().as_ref().map_or_else(Vec::new, candidate)
    })
}

/// Completes keys.
pub(crate) fn keys() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let (Some(typed), Some(snapshot)) = (typed.to_str(), snapshot()) else { return Vec::new() };
        let offer = |key: &Key| CompletionCandidate::new(key.as_str());
        let Ok(first) = Key::new(typed) else {
            return snapshot.keys().take(MOST_KEYS).map(|(key, _)| offer(key)).collect();
        };
        let keys = snapshot.keys_from(&first).map(|(key, _)| key);
        let matching = keys.take_while(|key| key.as_str().starts_with(typed));
        matching.take(MOST_KEYS).map(offer).collect()
    })
}

/// Completes the names of groups.
pub(crate) fn groups() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let groups = ask(async |connection: ConnectionArgs| {
            connection.connect().await.ok()?.groups().await.ok()
        });
        let groups = groups.unwrap_or_default();
        groups.iter().map(|group| CompletionCandidate::new(group.as_str())).collect()
    })
}

/// Completes the states of nodes.
pub(crate) fn states() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let states = STATES.map(NodeState::as_str);
        states.map(CompletionCandidate::new).into()
    })
}

/// Completes the phases of keys.
pub(crate) fn phases() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let phases = Phase::ALL.map(Phase::as_str);
        phases.map(CompletionCandidate::new).into()
    })
}

fn snapshot() -> Option<Snapshot> {
    ask(async |connection: ConnectionArgs| {
        connection.open().await.ok()?.group.snapshot().await.ok()
    })
}

/// Asks the server of the command line that is being typed. Whatever goes wrong: nothing is offered.
fn ask<T>(question: impl AsyncFnOnce(ConnectionArgs) -> Option<T>) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let connection = connection_of(std::env::args_os());
    let asked = async { tokio::time::timeout(PATIENCE, question(connection)).await.ok()? };
    runtime.block_on(asked)
}

/// The connection that a command line names, as far as it is typed. A shell passes it after `--`.
fn connection_of(args: impl Iterator<Item = OsString>) -> ConnectionArgs {
    let typed = args.skip_while(|arg| arg != "--").skip(1);
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(typed);
    let connection = matches.and_then(|matches| ConnectionArgs::from_arg_matches(&matches));
    connection.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_is_that_of_the_line_being_typed() {
        let check = |line: &str, group: Option<&str>| {
            let args = line.split_whitespace().map(OsString::from);
            assert_eq!(connection_of(args).group.as_deref(), group, "{line}");
        };
        check("divider -- divider -g orders drain ", Some("orders"));
        check("divider -- divider drain w1 --group=orders -", Some("orders"));
        check("divider -- divider drain ", None);
        check("divider", None);
    }
}
