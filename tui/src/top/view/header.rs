//! The top of the screen: which group it is, whether what is shown is true, and how the group is.

use divider::snapshot::{Moment, NodeState, NodeStatus, Phase, Snapshot, UnconfirmedStop};

use super::pen::Pen;
use super::theme::{Role, Theme, load_role, phase_role, state_role};
use super::words::{counted, grouped, hundredths, revision, sparkline};
use crate::conditions::spread;
use crate::output::age;
use crate::top::model::data::key_counts;
use crate::top::model::{Cause, Model, Wire};

/// Draws as many of its lines as there is room for.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    pen.line(0);
    draw_place(model, pen);
    if matches!(model.wire, Wire::Connecting | Wire::Choosing | Wire::NotOpen(_)) {
        // Nothing is known, which is not the same as nothing.
        return;
    }
    if pen.area().height >= 3 {
        pen.line(1);
        draw_counts(model, pen);
        pen.line(2);
        draw_pace(model, pen);
    } else if pen.area().height == 2 {
        pen.line(1);
        draw_short(model, pen);
    }
}

/// Whether what is shown is true, in a word.
pub(super) fn badge(model: &Model) -> (String, Role) {
    let now = model.now.at;
    match &model.wire {
        _ if model.paused.is_some() => ("PAUSED".to_owned(), Role::Late),
        Wire::Connecting => ("CONNECTING".to_owned(), Role::Joining),
        Wire::Choosing => ("CHOOSE A GROUP".to_owned(), Role::Joining),
        Wire::NotOpen(not_open) => match not_open.cause {
            Cause::NoGroup => ("NO GROUP".to_owned(), Role::Late),
            Cause::Denied => ("DENIED".to_owned(), Role::Lost),
            Cause::Other => ("OFFLINE".to_owned(), Role::Lost),
        },
        Wire::Reading { records } => (format!("READING {}", grouped(*records)), Role::Joining),
        Wire::Lost { since, .. } => {
            let since = model.unheard.map_or(*since, |heard| heard.at);
            (format!("OFFLINE {}", age(now.since(since))), Role::Lost)
        }
        Wire::File => ("FILE".to_owned(), Role::Cordoned),
        Wire::Live | Wire::Silent { .. } => match model.wire.stale(&model.data.live, now) {
            Some(silent) => (format!("SILENT {}", age(silent)), Role::Late),
            None => ("LIVE".to_owned(), Role::Good),
        },
    }
}

fn badge_sign(model: &Model, pen: &Pen<'_>) -> &'static str {
    match &model.wire {
        Wire::Live if model.paused.is_none() => pen.theme.sign("●", "+"),
        Wire::Lost { .. } | Wire::NotOpen(_) => pen.theme.sign("○", "o"),
        _ => pen.theme.sign("◌", "o"),
    }
}

fn draw_place(model: &Model, pen: &mut Pen<'_>) {
    let place = &model.place;
    let group = if place.is_known() { place.group.as_str() } else { "no group" };
    pen.put(" divider ", Role::Dim).put(group, Role::Strong);
    if pen.area().width >= 100 {
        if let Some(context) = &place.context {
            pen.put("  context ", Role::Dim).put(context, Role::Plain);
        }
        pen.put("  ", Role::Dim).put(&place.server, Role::Plain);
        if let Some(info) = model.data.seen.info() {
            pen.put(format!("  R{}", info.replicas), Role::Dim);
        }
    } else if let Some(context) = &place.context {
        pen.put("  ", Role::Dim).put(context, Role::Plain);
    }
    draw_link(model, pen);
}

/// Whether what is shown is true, at the end of the line.
pub(super) fn draw_link(model: &Model, pen: &mut Pen<'_>) {
    let (badge, role) = badge(model);
    let mut tail = Vec::new();
    if model.settings.read_only.is_some() || model.denied.is_some() {
        tail.push(("READ-ONLY  ".to_owned(), Role::Late));
    }
    if pen.area().width >= 60 {
        let revision = revision(model.snapshot().revision());
        tail.push((format!("{revision}  "), Role::Dim));
    }
    if let Some(ms) = model.data.answer_ms.filter(|_| pen.area().width >= 100) {
        let ms = if ms == 0 { "<1".to_owned() } else { ms.to_string() };
        tail.push((format!("answers in {ms}ms  "), Role::Dim));
    }
    let sign = badge_sign(model, pen);
    tail.push((format!("{sign} {badge} "), role));
    pen.words_at_end(&tail);
}

/// The states that nodes are in, the worst first, and how many.
fn states(snapshot: &Snapshot) -> Vec<(NodeState, u64)> {
    let mut counts = std::collections::BTreeMap::new();
    for node in snapshot.nodes() {
        *counts.entry(node.state).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// What there is of something, and how bad that is.
type Chip = (String, Role);

/// Draws chips, the worst first: those that there is room for.
fn draw_chips(mut chips: Vec<Chip>, pen: &mut Pen<'_>) {
    chips.sort_by_key(|(_, role)| std::cmp::Reverse(*role));
    for (text, role) in chips {
        if usize::from(pen.left()) < crate::output::width(&text) + 2 {
            return;
        }
        pen.chip(text, role);
    }
}

fn node_chips(snapshot: &Snapshot, theme: Theme) -> Vec<Chip> {
    let chip = |(state, nodes): (NodeState, u64)| {
        let text = format!("{} {} {}", theme.state_sign(state), grouped(nodes), state.as_str());
        (text, state_role(state))
    };
    states(snapshot).into_iter().map(chip).collect()
}

fn key_chips(snapshot: &Snapshot, theme: Theme) -> Vec<Chip> {
    let counts = key_counts(snapshot);
    let phases = [
        (Phase::Orphaned, counts.orphaned),
        (Phase::Quarantined, counts.quarantined),
        (Phase::Stopping, counts.stopping),
        (Phase::Running, counts.running),
    ];
    let chip = |(phase, keys): &(Phase, u64)| {
        let text = format!("{} {} {}", theme.phase_sign(*phase), grouped(*keys), phase.as_str());
        (*keys > 0).then(|| (text, phase_role(*phase)))
    };
    phases.iter().filter_map(chip).collect()
}

fn draw_counts(model: &Model, pen: &mut Pen<'_>) {
    let (snapshot, theme) = (model.snapshot(), pen.theme);
    pen.put(" NODES ", Role::Dim).put(grouped(snapshot.nodes().len() as u64), Role::Strong);
    pen.skip(1);
    draw_chips(node_chips(snapshot, theme), pen);
    pen.put("  KEYS ", Role::Dim).put(grouped(snapshot.counts().all()), Role::Strong).skip(1);
    draw_chips(key_chips(snapshot, theme), pen);
}

/// Everything in one line, for screens that have no room for three.
pub(super) fn draw_short(model: &Model, pen: &mut Pen<'_>) {
    let (snapshot, theme) = (model.snapshot(), pen.theme);
    let mut chips = [node_chips(snapshot, theme), key_chips(snapshot, theme)].concat();
    let fullest = spread(snapshot).map(|spread| {
        let text = format!("fullest {}{}", hundredths(spread), theme.sign("×", "x"));
        (text, load_role(spread))
    });
    // It is a problem of its own only from there on.
    chips.extend(fullest.clone().filter(|(_, role)| *role == Role::Lost));
    let (nodes, keys) = (snapshot.nodes().len() as u64, snapshot.counts().all());
    if pen.area().width >= 60 {
        let text = format!(" {}  {} ", counted(nodes, "node"), counted(keys, "key"));
        pen.put(text, Role::Strong);
    }
    draw_chips(chips, pen);
    if let Some((text, role)) = fullest.filter(|(_, role)| *role != Role::Lost)
        && text.len() < usize::from(pen.left())
    {
        pen.skip(1).put(text, role);
    }
}

fn draw_pace(model: &Model, pen: &mut Pen<'_>) {
    let snapshot = model.snapshot();
    if let Some(spread) = spread(snapshot) {
        let most = format!("{}{}", hundredths(spread), pen.theme.sign("×", "x"));
        pen.put(" FULLEST NODE ", Role::Dim).put(most, load_role(spread));
        pen.put(" its share  ", Role::Dim);
    }
    draw_rate(model, pen, 20);
    if let Some((node, stop)) = oldest_stop(snapshot) {
        let age = age(model.age_at().since(stop.told));
        pen.put("   OLDEST STOP ", Role::Dim).put(age, Role::Draining);
        pen.put(format!("  {} on {}", stop.key, node.node), Role::Plain);
    }
}

fn draw_rate(model: &Model, pen: &mut Pen<'_>, seconds: usize) {
    let rate = &model.data.history.rate;
    let theme = pen.theme;
    pen.put(" MOVES/s ", Role::Dim).put(sparkline(rate.last(seconds), theme), Role::Plain);
    let tenths = rate.tenths();
    pen.put(format!(" {}.{}", grouped(tenths / 10), tenths % 10), Role::Plain);
}

/// The stop that has waited longest for its confirmation.
pub(super) fn oldest_stop(snapshot: &Snapshot) -> Option<(&NodeStatus, &UnconfirmedStop)> {
    let stops = |node| -> Option<(&NodeStatus, &UnconfirmedStop)> {
        let node: &NodeStatus = node;
        Some((node, node.unconfirmed.oldest.first()?))
    };
    let told = |(_, stop): &(&NodeStatus, &UnconfirmedStop)| -> Moment { stop.told };
    snapshot.nodes().filter_map(stops).min_by_key(told)
}
