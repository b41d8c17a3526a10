//! `divider key`

use std::fmt::Write as _;

use clap::Args;
use divider::snapshot::{Candidate, Ineligible, KeyStatus, NodeState, Phase, Snapshot};
use divider::{Key, NodeId};
use serde::Serialize;

use crate::command::keys::or_dash;
use crate::conditions::quoted;
use crate::contract::{Head, KeyRow, since};
use crate::exit::{Exit, Failure, Outcome};
use crate::look::Look;
use crate::output::{Column, Format, List, age, answer, answer_json, count};
use crate::shell::Shell;

/// Show one key: its owner, and why it runs there or does not run
///
/// The score ranks the nodes for the key, and the best one with free capacity gets it. A running key
/// moves only in a drain or a rebalance, or when its node ends.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// The key
    #[arg(value_name = "KEY", value_parser = parse_key, add = crate::complete::keys())]
    key: Key,
}

/// `divider.key.v1`
#[derive(Serialize)]
struct Card {
    #[serde(flatten)]
    head: Head,
    key: KeyRow,
    /// Sentences.
    why: Vec<String>,
    candidates: Vec<CandidateRow>,
}

/// The rank of a node for the key.
#[derive(Serialize)]
struct CandidateRow {
    node: String,
    affinity: u32,
    score: f64,
    keys: u64,
    target: u64,
    /// Why it may not take the key; null if it may.
    ineligible: Option<String>,
}

const COLUMNS: &[Column<CandidateRow>] = &[
    Column::new("NODE", |row| row.node.clone()),
    Column::number("SCORE", |row| format!("{:.1}", row.score)),
    Column::number("AFFINITY", |row| row.affinity.to_string()),
    Column::number("KEYS", |row| row.keys.to_string()),
    Column::number("TARGET", |row| row.target.to_string()),
    Column::new("MAY TAKE IT", |row| row.ineligible.clone().unwrap_or_else(|| "yes".to_owned())),
];

impl KeyArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let is_json = shell.output.format(&Format::OF_ONE)? == Format::Json;
        let opened = shell.open().await?;
        let mut watch = opened.group.watch();
        let Look { snapshot, viewer } = Look::first(&mut watch).await?;
        let candidates = watch.candidates(&self.key)?;
        watch.close().await;
        let Some(status) = snapshot.key(&self.key) else {
            let words = format!("no such key: {}", self.key);
            return Err(Failure::new(Exit::NotFound, words));
        };
        let since = since(&snapshot, &self.key, status, &viewer);
        let told = since.map(|since| age(viewer.anchor.moment().since(since)));
        let card = Card {
            head: Head::new("divider.key.v1", &snapshot, &viewer),
            key: KeyRow::new(&self.key, status, since, &viewer.anchor),
            why: why(&self.key, &snapshot, status, &candidates, told.as_deref()),
            candidates: candidates
                .iter()
                .map(|candidate| CandidateRow::new(candidate, &snapshot))
                .collect(),
        };
        if is_json { answer_json(&card) } else { card.show(shell) }
    }
}

impl Card {
    fn show(&self, shell: &Shell) -> Outcome {
        let row = &self.key;
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            // A String takes whatever is written to it.
            let _ = writeln!(text, "{name:<9} {}", shell.output.plain(value));
        };
        line("key", &row.key);
        line("phase", &row.phase);
        line("owner", &or_dash(row.owner.as_ref()));
        if let Some(to) = &row.to {
            line("goes to", to);
        }
        line("token", &row.token.to_string());
        line("claim", &format!("revision {}", row.revision));
        if let Some(since) = &row.since {
            line("since", since);
        }
        if let Some(quarantine) = &row.quarantine {
            line("error", &quarantine.reason);
            let tried = count(u64::from(quarantine.attempts), "attempt");
            let runs = count(u64::from(quarantine.runs), "run");
            line("failed", &format!("{tried} in {runs}, the last on {}", quarantine.node));
        }
        for (at, why) in self.why.iter().enumerate() {
            line(if at == 0 { "why" } else { "" }, why);
        }
        let list = List { columns: COLUMNS, rows: &self.candidates, kind: "node" };
        text = text + "\n" + &shell.output.table(&list, |_| true);
        Ok(answer(&text)?)
    }
}

impl CandidateRow {
    fn new(candidate: &Candidate, snapshot: &Snapshot) -> Self {
        let status = snapshot.node(&candidate.node);
        let ineligible = candidate.ineligible.map(|ineligible| {
            let why = may_not(snapshot, &candidate.node, ineligible);
            format!("no, {why}")
        });
        Self {
            node: candidate.node.to_string(),
            affinity: candidate.affinity,
            score: (candidate.score * 1000.0).round() / 1000.0,
            keys: status.map_or(0, |status| status.keys),
            target: status.map_or(0, |status| status.target),
            ineligible,
        }
    }
}

/// Why a node may not take a key.
pub(crate) fn may_not(snapshot: &Snapshot, node: &NodeId, ineligible: Ineligible) -> String {
    match ineligible {
        Ineligible::TakesNothing => {
            match snapshot.node(node).map_or(NodeState::Absent, |status| status.state) {
                NodeState::Ready | NodeState::Joining => "its affinity is 0".to_owned(),
                state => format!("it is {}", state.as_str()),
            }
        }
        Ineligible::Superseded => {
            "it is of an earlier deploy, and a rollout is under way".to_owned()
        }
        Ineligible::OtherPrefix => "it takes other prefixes".to_owned(),
        Ineligible::Released(left) => format!("it released the key; retry in {}", age(left)),
        Ineligible::Resting(left) => format!("released by many nodes; retry in {}", age(left)),
        _ => "it is not eligible".to_owned(),
    }
}

/// Why the key does not run, or why it runs where it does.
fn why(
    key: &Key,
    snapshot: &Snapshot,
    status: &KeyStatus,
    candidates: &[Candidate],
    told: Option<&str>,
) -> Vec<String> {
    match (status.phase, &status.owner) {
        (Phase::Stopping, Some(owner)) => {
            let stop = match told {
                Some(age) => format!("{owner} has been stopping it for {age}"),
                None => format!("{owner} is stopping it"),
            };
            let stop = format!("{stop}; the stop is not confirmed");
            vec![stop, "until then it stays there: a key has only one owner".into()]
        }
        (Phase::Running, Some(owner)) => {
            let mut why = vec![why_here(owner.as_str(), candidates)];
            if let Some(node) = snapshot.node(owner).filter(|node| node.state < NodeState::Draining)
            {
                why.push(format!("{owner} is {}: it may not run the key", node.state.as_str()));
            }
            if let Some(to) = &status.to {
                why.push(format!("planned for {to}; its stop on {owner} is not sent yet"));
            }
            why
        }
        (Phase::Quarantined, _) => vec![
            "its work failed too often: no node works on it until it is retried".to_owned(),
            format!("divider retry {}", quoted(key.as_str())),
        ],
        _ => vec![why_nowhere(snapshot, status, candidates)],
    }
}

fn why_here(owner: &str, candidates: &[Candidate]) -> String {
    let fit: Vec<_> =
        candidates.iter().filter(|candidate| candidate.ineligible.is_none()).collect();
    let best = fit.first().filter(|best| best.node.as_str() != owner);
    match (fit.iter().position(|candidate| candidate.node.as_str() == owner), best) {
        (Some(0), _) => format!("{owner} has the best score for it"),
        (Some(rank), Some(best)) => format!(
            "{owner} is number {} of {} for it; {} has a better score, but was full or joined later",
            rank + 1,
            fit.len(),
            best.node
        ),
        _ => format!("{owner} has owned it since before it stopped taking new keys"),
    }
}

fn why_nowhere(snapshot: &Snapshot, status: &KeyStatus, candidates: &[Candidate]) -> String {
    if let Some(to) = &status.to {
        return format!("it has no owner; {to} will take it");
    }
    if candidates.is_empty() {
        return "it has no owner, and there are no nodes".to_owned();
    }
    if candidates.iter().any(|candidate| candidate.ineligible.is_none()) {
        let joining = snapshot.nodes().any(|node| node.state == NodeState::Joining);
        let when = if joining { "once the joining nodes are ready" } else { "now" };
        return format!("it has no owner; it will be placed {when}");
    }
    let of = |ineligible: fn(&Ineligible) -> bool| {
        candidates
            .iter()
            .filter(|candidate| candidate.ineligible.as_ref().is_some_and(ineligible))
            .count() as u64
    };
    let nothing = of(|ineligible| matches!(ineligible, Ineligible::TakesNothing));
    let prefix = of(|ineligible| matches!(ineligible, Ineligible::OtherPrefix));
    let released = of(|ineligible| matches!(ineligible, Ineligible::Released(_)));
    let resting = of(|ineligible| matches!(ineligible, Ineligible::Resting(_)));
    let reasons = [
        (nothing, "that take no new keys (cordoned, drained, leaving, or with affinity 0)"),
        (prefix, "that take other prefixes"),
        (released, "that recently released it"),
        (resting, "in a cool-down, because many nodes released it"),
    ];
    let reasons: Vec<_> = reasons.iter().filter(|(nodes, _)| *nodes > 0).collect();
    let reasons = reasons.iter().map(|(nodes, what)| format!("{} {what}", count(*nodes, "node")));
    format!("no node may take it: there are {}", reasons.collect::<Vec<_>>().join(", "))
}

pub(crate) fn parse_key(text: &str) -> Result<Key, String> {
    Key::new(text).map_err(|error| error.to_string())
}
