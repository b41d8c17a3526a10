//! What a manual page has beyond the options: exit status, environment, files, examples.

use std::fmt::Write as _;

/// The sections of the page of a command; of `divider` itself where there is no command.
pub(super) fn sections(command: Option<&str>) -> String {
    let mut text = String::new();
    section(&mut text, "EXIT STATUS", exit_status(command));
    section(&mut text, "ENVIRONMENT", ENVIRONMENT);
    section(&mut text, "FILES", FILES);
    let examples = EXAMPLES.iter().filter(|(of, ..)| command.is_none_or(|command| *of == command));
    let examples: Vec<_> = examples.collect();
    if !examples.is_empty() {
        // A String takes whatever is written to it.
        let _ = writeln!(text, ".SH EXAMPLES");
        for (_, line, what) in examples {
            let _ = writeln!(text, ".TP\n{}\n{}", bold(line), escaped(what));
        }
    }
    let _ = writeln!(text, ".SH \"SEE ALSO\"");
    let others = "divider(1), divider\\-top(1), divider\\-drain(1), divider\\-events(1), nats(1)";
    let _ = writeln!(text, "{others}");
    text
}

fn section(text: &mut String, title: &str, rows: &[(&str, &str)]) {
    let _ = writeln!(text, ".SH \"{title}\"");
    for (term, what) in rows {
        let _ = writeln!(text, ".TP\n{}\n{}", bold(term), escaped(what));
    }
}

fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escaped(text))
}

/// A text as roff reads it.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

fn exit_status(command: Option<&str>) -> &'static [(&'static str, &'static str)] {
    match command {
        Some("check") => MONITORING,
        _ => EXITS,
    }
}

const EXITS: &[(&str, &str)] = &[
    ("0", "Done."),
    ("1", "It failed: the server, a missing right, or a file."),
    ("2", "Wrong usage, or confirmation is needed and there is no terminal to ask on."),
    ("3", "The deadline of a drain has passed, and keys are left."),
    ("4", "Refused, or not confirmed. Nothing changed."),
    ("5", "There is no such node, key, group or context, or no owner accepted a request."),
    ("6", "The connection was lost while the command watched. The drain continues."),
    ("7", "Another request changed the state first. Nothing changed, or the drain was replaced."),
    (
        "8",
        "The nodes of a drain have no keys, but they are not drained: keys were freed at the deadline, \
         a node died with unconfirmed stops, or there is no such node now.",
    ),
    ("130", "Ctrl-C. A drain continues without this command."),
];

const MONITORING: &[(&str, &str)] = &[
    ("0", "OK."),
    ("1", "WARNING."),
    ("2", "CRITICAL."),
    ("3", "UNKNOWN: the server cannot be reached, or the command line is wrong."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("DIVIDER_GROUP", "The group, unless --group names one."),
    ("DIVIDER_EXPECT", "How many nodes are expected to be ready, for status and check."),
    ("NATS_CONTEXT", "The context of the nats command."),
    ("NATS_URL", "The servers, separated by commas."),
    (
        "NATS_USER, NATS_PASSWORD, NATS_TOKEN, NATS_CREDS, NATS_NKEY, NATS_JWT, NATS_SEED",
        "The credentials, as the nats command reads them.",
    ),
    ("NATS_CERT, NATS_KEY, NATS_CA", "The files for TLS."),
    ("NATS_TIMEOUT", "How long a reply is waited for."),
    ("USER", "The name that is recorded with a request, unless --by gives another."),
    ("NO_COLOR", "If it is not empty: no colours."),
    ("TERM", "With dumb: no colours."),
    ("COMPLETE", "Set by completion scripts only."),
];

const FILES: &[(&str, &str)] = &[
    (
        "$XDG_CONFIG_HOME/nats/context/NAME.json",
        "The contexts of the nats command. Without XDG_CONFIG_HOME it is ~/.config.",
    ),
    ("$XDG_CONFIG_HOME/nats/context.txt", "The name of the selected context."),
];

/// Command, line, and what it does.
const EXAMPLES: &[(&str, &str, &str)] = &[
    ("status", "divider status -g orders", "Shows the health of the group orders."),
    ("status", "divider status --expect 7", "Warns if fewer than 7 nodes are ready."),
    ("nodes", "divider nodes -w", "Shows the nodes live."),
    ("nodes", "divider nodes --state lost -o name", "Lists the lost nodes, one on each line."),
    ("node", "divider node w1", "Shows one node, with its events of the last day."),
    ("key", "divider key /eu/17", "Tells who owns a key, and why."),
    ("keys", "divider keys --phase orphaned", "Lists the keys without an owner."),
    ("events", "divider events --since 1d", "Shows what happened in the last day."),
    ("events", "divider events --kind died,fenced -w", "Follows deaths and fences."),
    (
        "drain",
        "divider drain w1 -m \"kernel 6.8\"",
        "Shows the plan, asks, moves all keys off w1, and waits until it is drained.",
    ),
    ("drain", "divider drain 'w*' --dry-run", "Shows what a drain of all these nodes would do."),
    ("drain", "divider drain w1 --monitor", "Waits for a drain that has begun."),
    ("resume", "divider resume w1 --rebalance", "Ends the drain, and gives w1 its share."),
    ("cordon", "divider cordon -l zone=eu-1b", "Gives the nodes of a zone no new keys."),
    ("rebalance", "divider rebalance --dry-run", "Shows how many keys would move."),
    ("freeze", "divider freeze --for 2h -m release", "Delays the moves of joins for two hours."),
    ("check", "divider check --expect 7 --max-orphaned 0", "Checks the group for monitoring."),
    ("repair", "divider repair", "Lists the records that no node can read."),
    ("init", "divider init -g orders --replicas 3", "Creates a group with a history."),
    ("announce", "seq -f /orders/%.0f 100 | divider announce -", "Announces 100 keys."),
    ("retract", "divider keys -o name /old/ | divider retract -", "Retracts keys by a prefix."),
    (
        "completion",
        "source <(divider completion bash)",
        "Completes nodes, groups and keys in bash.",
    ),
    ("top", "divider top -g orders", "Opens the dashboard."),
];

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_example_can_be_typed() {
        for (of, line, _) in EXAMPLES {
            let line = line.split("| ").last().expect("one").trim_start_matches("source <(");
            let words = line.trim_end_matches(')').split_whitespace();
            let words: Vec<_> = words.map(|word| word.trim_matches(['"', '\''])).collect();
            // A reason of two words is one argument.
            let words = words.iter().filter(|word| **word != "6.8");
            let cli = Cli::try_parse_from(words);
            assert!(cli.is_ok(), "{of}: {line}: {}", cli.expect_err("it is none"));
            assert!(Cli::command().find_subcommand(of).is_some(), "{of}");
        }
    }

    #[test]
    fn a_text_cannot_be_a_request_of_roff() {
        assert_eq!(escaped(".SH x-y\\"), "\\&.SH x\\-y\\e");
    }
}
