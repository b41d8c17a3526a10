//! All there is to know of a node.

use std::time::Duration;

use divider::snapshot::{DesiredState, Mode, NodeState, NodeStatus};

use super::nodes::{affinity, labels, state};
use super::theme::{Role, Theme, state_role};
use super::words::{counted, grouped, progress_bar, sparkline_of, time, wrapped};
use super::{Words, said};
use crate::output::age;
use crate::top::model::Model;
use crate::top::model::drains::Drain;
use crate::words::requester;

/// The lines of the card of the node that is selected.
pub(super) fn lines(model: &Model, width: u16) -> Vec<Words> {
    let id = model.nodes.selected();
    let Some(node) = id.and_then(|id| model.snapshot().node(id)) else {
        return vec![said(" no node is selected", Role::Dim)];
    };
    let theme = Theme::of(&model.settings);
    let role = state_role(node.state);
    let now = model.age_at();
    let mut lines = vec![vec![
        (format!(" {}  ", node.node), Role::Strong),
        (format!("{} {}", theme.state_sign(node.state), state(node, now)), role),
    ]];
    // Of the others the age is in the words of their state.
    if !matches!(node.state, NodeState::Lost | NodeState::Late) {
        lines[0].push((format!("  for {}", age(now.since(node.since))), Role::Dim));
    }
    lines.extend(about(node));
    lines.extend(numbers(model, node));
    if let Some(desired) = &node.desired {
        lines.extend(desired_lines(model, desired));
    }
    if let Some(drain) = model.data.drains.of(&node.node)
        && drain.is_requested(&node.node, model.snapshot())
    {
        lines.extend(drain_lines(drain, node, width, theme));
    }
    lines.extend(stops(model, node));
    lines.into_iter().flat_map(|line| folded(line, width)).collect()
}

/// A fact in as many lines as it takes: nothing of it is cut off.
fn folded(mut line: Words, width: u16) -> Vec<Words> {
    let used: usize = line.iter().map(|word| crate::output::width(&word.0)).sum();
    let room = usize::from(width).saturating_sub(INDENT);
    if line.len() != 2 || used <= usize::from(width) || room < 8 {
        return vec![line];
    }
    let Some((text, role)) = line.pop() else { return vec![line] };
    let mut texts = wrapped(&text, room).into_iter();
    line.push((texts.next().unwrap_or_default(), role));
    let more = texts.map(|text| said(format!("{:INDENT$}{text}", ""), role));
    std::iter::once(line).chain(more).collect()
}

/// Facts stand behind their names.
const INDENT: usize = 10;

/// A name and what it is, where there is anything.
fn fact(name: &str, text: impl Into<String>) -> Option<Words> {
    let text = text.into();
    (!text.is_empty()).then(|| vec![(format!(" {name:<9}"), Role::Dim), (text, Role::Plain)])
}

fn about(node: &NodeStatus) -> Vec<Words> {
    let session = node.session.map_or(String::new(), |session| session.to_string());
    let joined = node.session.map_or(String::new(), |_| format!("at revision {}", node.joined));
    let prefixes = node.prefixes.join(" ");
    let facts = [
        fact("host", &node.host),
        fact("build", &node.build),
        fact("labels", labels(node)),
        fact("takes", prefixes),
        fact("session", session),
        fact("joined", joined),
    ];
    facts.into_iter().flatten().collect()
}

fn numbers(model: &Model, node: &NodeStatus) -> Vec<Words> {
    let now = model.age_at();
    let beat = node.last_beat.map_or("none yet".to_owned(), |beat| {
        format!(
            "{} ago, every {}, lease {}",
            age(now.since(beat)),
            age(node.lease / 6),
            age(node.lease)
        )
    });
    let keys = format!("holds {}, should hold {}", grouped(node.keys), grouped(node.target));
    let affinity = if u64::from(node.effective_affinity) == 0 && node.affinity > 0 {
        format!("{}, takes no new keys", affinity(node))
    } else {
        affinity(node)
    };
    // The claims are newer than the heartbeat: both are shown with their time, or they contradict.
    let held = match node.last_beat {
        Some(beat) if node.held != node.keys => {
            format!("had {} at its beat {} ago", counted(node.held, "key"), age(now.since(beat)))
        }
        _ => String::new(),
    };
    let facts =
        [fact("affinity", affinity), fact("keys", keys), fact("", held), fact("beat", beat)];
    facts.into_iter().flatten().chain(past(model, node)).collect()
}

/// Its last ten minutes: the keys that it had, and those that came and went.
fn past(model: &Model, node: &NodeStatus) -> Vec<Words> {
    let halves = model.data.node_trend.of(&node.node, usize::MAX);
    let theme = Theme::of(&model.settings);
    let keys: Vec<_> = halves.iter().map(|half| half.map(|half| half.keys)).collect();
    let changes: Vec<_> = halves.iter().map(|half| half.map(|half| half.changes)).collect();
    let (Some(least), Some(most)) = (keys.iter().flatten().min(), keys.iter().flatten().max())
    else {
        return Vec::new();
    };
    let had = if least == most {
        counted(*most, "key")
    } else {
        format!("{} to {} keys", grouped(*least), grouped(*most))
    };
    let busiest = changes.iter().flatten().copied().max().unwrap_or(0);
    let went = match changes.iter().flatten().sum() {
        0_u64 => "no key came or went".to_owned(),
        keys => format!("{} came or went", counted(keys, "key")),
    };
    let line = |name: &str, values: &[Option<u64>], most: u64, text: String| {
        let picture = sparkline_of(values, most, theme);
        // What nothing is known of at first takes no room.
        let picture = picture.trim_start();
        vec![(format!(" {name:<9}"), Role::Dim), (format!("{picture}  {text}"), Role::Plain)]
    };
    vec![line("10 min", &keys, most + most / 4, had), line("", &changes, busiest, went)]
}

fn desired_lines(model: &Model, desired: &DesiredState) -> Vec<Words> {
    let mode = match (desired.mode, desired.affinity) {
        (Mode::Active, None) if desired.by.is_empty() => return Vec::new(),
        (Mode::Active, None) => "resume".to_owned(),
        (Mode::Active, Some(affinity)) => format!("affinity {affinity}"),
        (mode, _) => mode.as_str().to_owned(),
    };
    let (by, at) = (requester(&desired.by), time(desired.at_ms));
    let mut lines = vec![vec![
        (" request  ".to_owned(), Role::Dim),
        (format!("{mode} by {by} at {at}"), Role::Strong),
    ]];
    lines.extend(fact("reason", &desired.reason));
    if let Some(deadline) = desired.deadline_ms {
        let left = Duration::from_millis(deadline.saturating_sub(model.shown_at().unix_ms));
        let text = if left.is_zero() { "passed".to_owned() } else { format!("in {}", age(left)) };
        lines.extend(fact("deadline", text));
    }
    lines
}

fn drain_lines(drain: &Drain, node: &NodeStatus, width: u16, theme: Theme) -> Vec<Words> {
    let Some(part) = drain.nodes.get(&node.node) else { return Vec::new() };
    let bar = progress_bar(
        width.saturating_sub(8).min(30),
        part.moved(),
        part.stopping,
        part.from,
        theme,
    );
    let mut lines = vec![
        said("", Role::Plain),
        said(
            format!(
                " {} moved  {} stopping  {} left of {}",
                grouped(part.moved()),
                grouped(part.stopping),
                grouped(part.left),
                grouped(part.from)
            ),
            Role::Plain,
        ),
        said(format!(" {bar} {}%", part.percent()), Role::Draining),
    ];
    if node.state == NodeState::Draining && part.left > 0 && part.stopping == 0 && !drain.paused {
        let text = format!(" {} without a receiver yet", counted(part.left, "key"));
        lines.push(said(text, Role::Late));
    }
    if !drain.to.is_empty() {
        let mut to: Vec<_> = drain.to.iter().collect();
        to.sort_by_key(|(_, keys)| std::cmp::Reverse(**keys));
        let first = to.iter().take(6).map(|(to, keys)| format!("{to} {keys}"));
        let first = first.collect::<Vec<_>>().join("  ");
        let more = to.len().saturating_sub(6);
        let rest = if more > 0 { format!("  {more} more") } else { String::new() };
        lines.push(said(" GOING TO", Role::Dim));
        lines.push(said(format!(" {first}{rest}"), Role::Plain));
    }
    lines
}

fn stops(model: &Model, node: &NodeStatus) -> Vec<Words> {
    let unconfirmed = &node.unconfirmed;
    if unconfirmed.count == 0 {
        return Vec::new();
    }
    let now = model.age_at();
    let mut lines = vec![
        said("", Role::Plain),
        said(format!(" UNCONFIRMED STOPS {}", unconfirmed.count), Role::Draining),
    ];
    lines.extend(unconfirmed.oldest.iter().map(|stop| {
        vec![
            (format!(" {:>6} ", age(now.since(stop.told))), Role::Draining),
            (stop.key.to_string(), Role::Plain),
        ]
    }));
    lines
}
