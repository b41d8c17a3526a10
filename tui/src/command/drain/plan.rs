//! What a drain would do, before it is begun.

use divider::NodeId;
use divider::snapshot::Mode;
use divider::snapshot::{DrainPreview, NodeState, NodeStatus, Snapshot};

use crate::contract::{DrainPlan, Planned, Share, Warning};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Column, Format, List, answer, answer_json, count};
use crate::shell::Shell;

/// A plan, and what is to be known of it.
pub(super) struct Plan {
    document: DrainPlan,
    /// Keys that no other node may take.
    blocked: u64,
    moves: u64,
}

const SHARES: &[Column<Share>] = &[
    Column::new("TO", |share| share.node.clone()),
    Column::number("NOW", |share| share.now.to_string()),
    Column::number("ADDS", |share| format!("+{}", share.adds)),
    Column::number("AFTER", |share| share.after.to_string()),
];

const KEYS: &[Column<Planned>] = &[
    Column::new("KEY", |planned| planned.key.clone()),
    Column::new("FROM", |planned| planned.from.clone()),
    Column::new("TO", |planned| planned.to.clone().unwrap_or_else(|| "-".to_owned())),
];

impl Plan {
    pub(super) fn new(snapshot: &Snapshot, nodes: &[NodeId], preview: &DrainPreview) -> Self {
        let warnings = warnings(snapshot, nodes, preview);
        Self {
            document: DrainPlan::new(snapshot, nodes, preview, &warnings),
            blocked: preview.without_receiver,
            moves: preview.moves.len() as u64 - preview.without_receiver,
        }
    }

    /// Shows it: as the answer where it was asked for, else beside it.
    pub(super) fn show(&self, shell: &Shell, asked: Option<Format>) -> Outcome {
        let output = &shell.output;
        let document = &self.document;
        let shares =
            || output.table(&List { columns: SHARES, rows: &document.to, kind: "node" }, |_| true);
        let keys =
            || output.table(&List { columns: KEYS, rows: &document.keys, kind: "key" }, |_| true);
        match asked {
            Some(Format::Json) => return answer_json(document),
            Some(Format::Wide) => answer(&keys())?,
            Some(_) => answer(&shares())?,
            None => {
                shares().lines().for_each(|line| output.say_more(line));
                keys().lines().for_each(|line| output.say_more(line));
            }
        }
        let (keys, nodes) = (count(self.moves, "key"), count(document.to.len() as u64, "node"));
        output.say(&format!("plan: {keys} to {nodes} (revision {})", document.revision));
        for warning in &document.warnings {
            output.say(&format!("warning: {}", warning.text));
        }
        Ok(())
    }

    /// Refuses a plan that would leave keys behind, unless the options say what to do with them.
    pub(super) fn check(&self, allows_left: bool) -> Outcome {
        if self.blocked == 0 || allows_left {
            return Ok(());
        }
        let keys = count(self.blocked, "key");
        let words = "no other node may take them; nothing changed; add nodes, resume cordoned nodes, or \
                     leave these keys with --partial";
        Err(Failure::new(Exit::Refused, format!("{keys} would be left: {words}")))
    }
}

fn warnings(snapshot: &Snapshot, nodes: &[NodeId], preview: &DrainPreview) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code, text: String| warnings.push(Warning { code, text });
    if preview.without_receiver > 0 {
        let keys = count(preview.without_receiver, "key");
        warn("no_receiver", format!("no other node may take {keys}"));
    }
    let others = || snapshot.nodes().filter(|node| !nodes.contains(&node.node));
    let mut name = |code, what: &str, means: &dyn Fn(&&NodeStatus) -> bool| {
        let named: Vec<_> = others().filter(means).map(|node| node.node.as_str()).collect();
        if !named.is_empty() {
            warn(code, format!("{what}: {}", named.join(", ")));
        }
    };
    let is = |state| move |node: &&NodeStatus| node.state == state;
    name("cordoned", "cordoned, get no keys", &is(NodeState::Cordoned));
    name("lost", "lost, get no keys", &is(NodeState::Lost));
    name("late", "late, their new keys may start late", &is(NodeState::Late));
    let drains = |node: &&NodeStatus| {
        let desired = node.desired.as_ref();
        desired.is_some_and(|desired| desired.mode == Mode::Drain)
            && node.state == NodeState::Draining
    };
    name("other_drain", "also being drained", &drains);
    let weight = |of: &mut dyn Iterator<Item = &NodeStatus>| -> u64 {
        of.map(|node| u64::from(node.effective_affinity)).sum()
    };
    let (rest, all) = (weight(&mut others()), weight(&mut snapshot.nodes()));
    if all > 0 && rest * 3 < all * 2 {
        let percent = rest * 100 / all;
        warn("few_left", format!("the remaining nodes hold {percent} % of the capacity"));
    }
    warnings
}
