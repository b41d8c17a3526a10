//! What hands type: `get nodes` and `describe node w1` as other tools have them.

use std::ffi::{OsStr, OsString};

/// Turns `get` and `describe` with what they are about into the commands that do it.
pub(crate) fn rewritten(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_verb = |arg: &OsString| arg == "get" || arg == "describe";
    // The first word that is no option. The value of an option may be such a word; then no known thing
    // follows.
    let Some(at) = args.iter().skip(1).position(is_verb).map(|at| at + 1) else { return args };
    let is_described = args[at] == "describe";
    let Some(thing) = args.get(at + 1).and_then(|thing| thing.to_str()) else { return args };
    let (kind, name) =
        thing.split_once('/').map_or((thing, None), |(kind, name)| (kind, Some(name)));
    let command = match (kind, is_described) {
        ("node" | "nodes" | "no", true) => "node",
        ("node" | "nodes" | "no", false) => "nodes",
        ("key", _) | ("keys", true) => "key",
        ("keys", false) => "keys",
        ("group" | "groups", true) | ("status", false) => "status",
        ("group" | "groups", false) => "groups",
        ("move" | "moves", false) => "moves",
        ("event" | "events", false) => "events",
        // `describe w1`
        (_, true) if name.is_none() => {
            args[at] = "node".into();
            return args;
        }
        _ => return args,
    };
    let command = match (command, args.get(at + 2)) {
        // `get key` alone lists them.
        ("key", next) if name.is_none() && next.is_none_or(|next| is_option(next)) => "keys",
        (command, _) => command,
    };
    let name = name.map(OsString::from);
    args.splice(at..=at + 1, std::iter::once(command.into()).chain(name));
    args
}

fn is_option(arg: &OsStr) -> bool {
    arg.to_str().is_some_and(|arg| arg.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_become_commands() {
        let check = |line: &str, expected: &str| {
            let args = line.split_whitespace().map(OsString::from).collect();
            let found: Vec<_> =
                rewritten(args).iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
            assert_eq!(found.join(" "), expected);
        };
        check("divider get nodes", "divider nodes");
        check("divider -g g get nodes -o json", "divider -g g nodes -o json");
        check("divider get node w1", "divider nodes w1");
        check("divider get node/w1", "divider nodes w1");
        check("divider describe w1", "divider node w1");
        check("divider describe node w1", "divider node w1");
        check("divider describe node/w1", "divider node w1");
        check("divider get keys /eu", "divider keys /eu");
        check("divider get key /eu/1", "divider key /eu/1");
        check("divider get key -o json", "divider keys -o json");
        check("divider describe key /eu/1", "divider key /eu/1");
        check("divider get groups", "divider groups");
        check("divider get events --since 1d", "divider events --since 1d");
        check("divider describe", "divider describe");
        check("divider get", "divider get");
        check("divider get pods", "divider get pods");

        check("divider nodes", "divider nodes");
    }
}
