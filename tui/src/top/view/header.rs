//! The top of the screen: which group it is, whether what is shown is true, and how the group is.

use divider::snapshot::{Moment, NodeState, NodeStatus, Snapshot, UnconfirmedStop};

use super::pen::Pen;
use super::theme::{Role, state_role};
use super::words::{grouped, hundredths, revision, sparkline};
use crate::conditions::spread;
use crate::output::age;
use crate::top::model::{Cause, Model, Wire};

/// Draws as many of its lines as there is room for.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    pen.line(0);
    draw_place(model, pen);
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
        Wire::NotOpen(not_open) => match not_open.cause {
            Cause::NoGroup => ("NO GROUP".to_owned(), Role::Late),
            Cause::Denied => ("DENIED".to_owned(), Role::Lost),
            Cause::Other => ("OFFLINE".to_owned(), Role::Lost),
        },
        Wire::Reading { records } => (format!("READING {}", grouped(*records)), Role::Joining),
        Wire::Lost { since, .. } => (format!("OFFLINE {}", age(now.since(*since))), Role::Lost),
        Wire::File => ("FILE".to_owned(), Role::Cordoned),
        Wire::Live => match model.wire.stale(&model.data.live, now) {
            Some(silent) => (format!("STALE {}", age(silent)), Role::Late),
            None => ("LIVE".to_owned(), Role::Strong),
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
    pen.put(" divider ", Role::Dim).put(place.group.as_str(), Role::Strong);
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
    let (badge, role) = badge(model);
    let mut tail = format!("{} {badge}", badge_sign(model, pen));
    if model.settings.read_only.is_some() || model.denied.is_some() {
        tail += "  READ-ONLY";
    }
    tail = format!("{tail}  {}", revision(model.snapshot().revision()));
    if let Some(ms) = model.data.answer_ms.filter(|_| pen.area().width >= 100) {
        tail = format!("{tail}  {ms}ms");
    }
    pen.at_end(tail + " ", role);
}

/// The states that nodes are in, the worst first, and how many.
fn states(snapshot: &Snapshot) -> Vec<(NodeState, u64)> {
    let mut counts = std::collections::BTreeMap::new();
    for node in snapshot.nodes() {
        *counts.entry(node.state).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

fn draw_counts(model: &Model, pen: &mut Pen<'_>) {
    let snapshot = model.snapshot();
    pen.put(" NODES ", Role::Dim).put(grouped(snapshot.nodes().len() as u64), Role::Strong);
    pen.skip(1);
    for (state, nodes) in states(snapshot) {
        pen.put(format!(" {} {}", grouped(nodes), state.as_str()), state_role(state));
    }
    let counts = snapshot.counts();
    pen.put("   KEYS ", Role::Dim).put(grouped(counts.all()), Role::Strong).skip(1);
    // The worst first: what does not fit is cut off.
    if counts.orphaned > 0 {
        pen.put(format!(" {} orphaned", grouped(counts.orphaned)), Role::Lost);
    }
    if counts.stopping > 0 {
        pen.put(format!(" {} stopping", grouped(counts.stopping)), Role::Draining);
    }
    pen.put(format!(" {} running", grouped(counts.running)), Role::Plain);
}

fn draw_pace(model: &Model, pen: &mut Pen<'_>) {
    let snapshot = model.snapshot();
    if let Some(spread) = spread(snapshot) {
        let most = format!("{}{}", hundredths(spread), pen.theme.sign("×", "x"));
        pen.put(" FULLEST NODE ", Role::Dim).put(most, Role::Plain).put(" its share  ", Role::Dim);
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

fn draw_short(model: &Model, pen: &mut Pen<'_>) {
    let snapshot = model.snapshot();
    pen.put(format!(" {} nodes", snapshot.nodes().len()), Role::Strong);
    for (state, nodes) in states(snapshot) {
        pen.put(format!(" {nodes}{}", pen.theme.state_sign(state)), state_role(state));
    }
    let counts = snapshot.counts();
    pen.put(format!("  {} keys", grouped(counts.all())), Role::Strong);
    if counts.stopping > 0 {
        pen.put(format!("  {} stopping", grouped(counts.stopping)), Role::Draining);
    }
    if counts.orphaned > 0 {
        pen.put(format!("  {} orphaned", grouped(counts.orphaned)), Role::Lost);
    }
    if let Some(spread) = spread(snapshot) {
        pen.put(format!("  {}{}", hundredths(spread), pen.theme.sign("×", "x")), Role::Dim);
    }
    if pen.left() > 30 {
        draw_rate(model, pen, 8);
    }
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
