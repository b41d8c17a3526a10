//! What a dialog says of what would happen.

use divider::GroupName;

use super::theme::{Role, Theme, load_role};
use super::words::{grouped, revision, share_bar, wrapped};
use super::{Words, said};
use crate::output::{age, count};
use crate::top::model::dialog::{Dialog, Task};
use crate::top::model::operation::Operation;
use crate::top::model::plan::{DrainPlan, Plan, RebalancePlan, Receives};
use crate::top::model::{GroupRow, Known, Model};

/// The lines of it.
pub(super) fn lines(model: &Model, dialog: &Dialog, width: u16, theme: Theme) -> Vec<Words> {
    let words = |text: &str| paragraph(text, width, Role::Plain);
    match (&dialog.plan, &dialog.task) {
        (Plan::Asked, _) => words("computing the plan"),
        (Plan::Failed(why), _) => paragraph(&format!("no plan: {why}"), width, Role::Late),
        (Plan::Drain(plan), _) => drain(plan, about(model, dialog, plan).as_deref(), width, theme),
        (Plan::Rebalance(plan), Task::Undo) => undo(plan, width),
        (Plan::Rebalance(plan), _) => rebalance(plan),
        (Plan::None, Task::Cordon) => words(
            "The node keeps its keys and gets no new ones, also after a restart, until it is resumed. No key moves.",
        ),
        (Plan::None, Task::Affinity) => affinity(model, dialog),
        (Plan::None, Task::Freeze) => {
            words("Joins and rebalances move no keys. Drains, releases and take-overs continue.")
        }
        (Plan::None, Task::Thaw) => {
            words("The moves of joins and rebalances since the freeze follow now.")
        }
        (Plan::None, Task::Pause) => {
            words("No more stops are sent. Stops already sent continue; no new keys arrive.")
        }
        (Plan::None, Task::Forget) => {
            words("If the node ever returns, it takes keys as usual. Until then it is not listed.")
        }
        (Plan::None, Task::DeleteGroup(group)) => delete_group(model, group, width),
        (Plan::None, _) => words("The drain continues."),
    }
}

/// A text in as many lines as it takes.
pub(super) fn paragraph(text: &str, width: u16, role: Role) -> Vec<Words> {
    let lines = wrapped(text, usize::from(width));
    lines.into_iter().map(|line| said(line, role)).collect()
}

/// How long it will take, going by what was seen from here.
fn about(model: &Model, dialog: &Dialog, plan: &DrainPlan) -> Option<String> {
    let (median, _) = model.data.history.spans()?;
    let Ok(Operation::Drain { parallel, .. }) = dialog.operation() else { return None };
    let at_once = if parallel == 0 { plan.most } else { u64::from(parallel) };
    let rounds = u32::try_from(plan.most.div_ceil(at_once.max(1))).unwrap_or(u32::MAX);
    let text = format!(
        "About {}: the median hand-over seen here took {}.",
        age(median.saturating_mul(rounds)),
        age(median)
    );
    (plan.most > 0).then_some(text)
}

fn drain(plan: &DrainPlan, about: Option<&str>, width: u16, theme: Theme) -> Vec<Words> {
    let narrow = width < 58;
    let (moves, to) = (count(plan.moves, "key"), count(plan.to.len() as u64, "node"));
    let at = if narrow { String::new() } else { format!(" ({})", revision(plan.revision)) };
    let whole = format!("Moves {moves} to {to}{at}. No other key moves.");
    let mut lines = paragraph(&whole, width, Role::Strong);
    lines.extend(about.into_iter().flat_map(|about| paragraph(about, width, Role::Plain)));
    if !narrow {
        lines.push(said("", Role::Plain));
    }
    if !plan.to.is_empty() {
        let head = if narrow {
            format!("{:<16}{:>8}{:>9}", "TO", "ADDS", "AFTER")
        } else {
            format!("  {:<16}{:>9}{:>9}{:>9}{:>9}", "TO", "NOW", "ADDS", "AFTER", "SHARE")
        };
        lines.push(said(head, Role::Dim));
    }
    let most = plan.to.iter().map(|to| (to.now + to.adds).max(to.share)).max().unwrap_or(0);
    lines.extend(plan.to.iter().map(|to| receives(to, most, width, theme)));
    if !plan.to.is_empty() && !narrow {
        lines.push(said("", Role::Plain));
    }
    let warn = |warning: &String| paragraph(&format!("! {warning}"), width, Role::Late);
    lines.extend(plan.warnings.iter().flat_map(warn));
    let stays = format!(
        "{} {} {} {} % of the capacity",
        theme.sign("✓", "-"),
        count(plan.stay, "remaining node"),
        if plan.stay == 1 { "holds" } else { "hold" },
        plan.stays_percent
    );
    lines.extend(paragraph(&stays, width, Role::Plain));
    lines.extend(keys(plan));
    lines
}

fn receives(to: &Receives, most: u64, width: u16, theme: Theme) -> Words {
    let after = to.now + to.adds;
    if width < 58 {
        let adds = format!("+{}", grouped(to.adds));
        let text = format!("{:<16}{adds:>8}{:>9}", to.node, grouped(after));
        return said(text, Role::Plain);
    }
    let text = format!(
        "  {:<16}{:>9}{:>9}{:>9}{:>9}  ",
        to.node,
        grouped(to.now),
        format!("+{}", grouped(to.adds)),
        grouped(after),
        grouped(to.share)
    );
    let hundredths = after.saturating_mul(100) / to.share.max(1);
    let role = if after.abs_diff(to.share) <= 1 { Role::Good } else { load_role(hundredths) };
    let columns = width.saturating_sub(58).min(24);
    let mut words = vec![(text, Role::Plain)];
    words.extend(share_bar(columns, (after, to.share), most, role, theme));
    words
}

fn keys(plan: &DrainPlan) -> Vec<Words> {
    if plan.first.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![said("", Role::Plain), said("  KEYS, in order", Role::Dim)];
    lines.extend(plan.first.iter().map(|planned| {
        let to = planned.to.as_ref().map_or("stays: no other node may take it", |to| to.as_str());
        said(format!("  {}  {} -> {to}", planned.key, planned.from), Role::Plain)
    }));
    let more = (plan.moves + plan.without).saturating_sub(plan.first.len() as u64);
    if more > 0 {
        lines.push(said(format!("  and {more} more"), Role::Dim));
    }
    lines
}

fn shifts(plan: &RebalancePlan) -> Vec<Words> {
    let names = plan.shifts.iter().flat_map(|shift| [&shift.from, &shift.to]);
    let name = names.map(|node| crate::output::width(node.as_str())).max().unwrap_or(0);
    let shift = |shift: &divider::snapshot::Shift| {
        let (from, to) = (shift.from.as_str(), shift.to.as_str());
        said(format!("  {from:<name$} -> {to:<name$}  {:>7}", grouped(shift.keys)), Role::Plain)
    };
    plan.shifts.iter().map(shift).collect()
}

fn rebalance(plan: &RebalancePlan) -> Vec<Words> {
    let head = match plan.moves() {
        0 => format!("Balanced as of {}: no moves.", revision(plan.revision)),
        keys => format!("Moves {}, as of {}:", count(keys, "key"), revision(plan.revision)),
    };
    let mut lines = vec![said(head, Role::Strong), said("", Role::Plain)];
    lines.extend(shifts(plan));
    lines
}

fn undo(plan: &RebalancePlan, width: u16) -> Vec<Words> {
    let texts = [
        "From now on it gets its share of new and orphaned keys.",
        "The drain sends no more stops; stops already sent continue.",
        "",
    ];
    let lines = texts.iter().flat_map(|text| paragraph(text, width, Role::Plain));
    let mut lines: Vec<Words> = lines.collect();
    let head = match plan.moves() {
        0 => format!("A rebalance would move no keys, as of {}.", revision(plan.revision)),
        keys => {
            format!(
                "A rebalance would move {}, as of {}:",
                count(keys, "key"),
                revision(plan.revision)
            )
        }
    };
    lines.push(said(head, Role::Strong));
    lines.extend(shifts(plan));
    lines
}

fn delete_group(model: &Model, group: &GroupName, width: u16) -> Vec<Words> {
    let numbers = |row: &GroupRow| row.numbers.as_ref().ok().map(|of| (of.nodes, of.keys));
    let known = if *group == model.place.group {
        let live = &model.data.live;
        Some((live.nodes().len() as u64, live.counts().all()))
    } else if let Known::Groups(rows) = &model.known_groups {
        rows.iter().find(|row| row.group == *group).and_then(numbers)
    } else {
        None
    };
    let has = known.map_or("an unknown number of nodes and keys".to_owned(), |(nodes, keys)| {
        format!("{} and {}", count(nodes, "node"), count(keys, "key"))
    });
    let mut lines = paragraph(&format!("{group} has {has}."), width, Role::Strong);
    let text = "All work on its keys stops. Its keys, claims, history and saved states are lost.";
    lines.extend(paragraph(text, width, Role::Late));
    lines
}

fn affinity(model: &Model, dialog: &Dialog) -> Vec<Words> {
    let mut lines = vec![said("Moves no running key; run a rebalance to move keys.", Role::Plain)];
    let nodes = dialog.nodes.iter().filter_map(|id| model.data.live.node(id));
    lines.extend(nodes.take(8).map(|node| {
        let desired = node.desired.as_ref().and_then(|desired| desired.affinity);
        let desired = desired.map_or("none".to_owned(), |affinity| affinity.to_string());
        let text = format!("  {}: own affinity {}, override {desired}", node.node, node.affinity);
        said(text, Role::Plain)
    }));
    lines
}
