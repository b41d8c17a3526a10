//! What stays on the screen until it is over, or put away: a lost connection, a paused screen, and
//! drains.

use std::time::Duration;

use super::Words;
use super::said;
use super::theme::{Role, Theme};
use super::words::{counted, grouped, progress_bar, revision, time};
use crate::output::age;
use crate::top::model::drains::{Drain, End, Part, PartEnd};
use crate::top::model::{Model, Wire};

/// So many drains are shown at once.
const MOST: usize = 3;

/// With fewer columns a drain is told in a few words.
const NARROW: u16 = 60;

/// The lines of it.
pub(super) fn lines(model: &Model) -> Vec<Words> {
    let mut lines = Vec::new();
    lines.extend(lost(model));
    if let Some(paused) = model.paused {
        let at = time(paused.unix_ms);
        let text = format!(" Screen paused since {at}; f resumes. Data is still received.");
        lines.push(said(text, Role::Late));
    }
    let drains = &model.data.drains;
    let hidden = drains.iter().len().saturating_sub(MOST);
    lines.extend(drains.iter().skip(hidden).flat_map(|drain| drain_lines(model, drain)));
    lines
}

fn lost(model: &Model) -> Vec<Words> {
    let server = &model.place.server;
    if let Some(silent) = model.wire.stale(&model.data.live, model.now.at) {
        let (silent, at) = (age(silent), time(model.shown_at().unix_ms));
        if model.size.0 < NARROW {
            return vec![said(format!(" Server silent {silent}: {server}"), Role::Late)];
        }
        let text =
            format!(" Nothing heard from the server {server} for {silent}; shown as of {at}.");
        return vec![said(text, Role::Late)];
    }
    let Wire::Lost { error, attempts, retry, .. } = &model.wire else { return Vec::new() };
    let at = revision(model.snapshot().revision());
    let next = Wire::retry(*attempts, *retry, model.now.at);
    if model.size.0 < NARROW {
        return vec![said(format!(" No word from {server}: {error}"), Role::Lost)];
    }
    vec![
        said(format!(" OFFLINE: no word from the server {server}; {next}: {error}"), Role::Lost),
        said(
            format!(" Shown as of {at}, read-only; drains continue once the server is back."),
            Role::Plain,
        ),
    ]
}

fn drain_lines(model: &Model, drain: &Drain) -> Vec<Words> {
    match &drain.end {
        Some(end) => vec![ended(model, drain, end)],
        None => going_on(model, drain),
    }
}

/// `w1`, `w1, w2`, `w1 and 11 more`
fn names(drain: &Drain) -> String {
    let mut names = drain.nodes.keys();
    let first = names.next().map_or("", |node| node.as_str());
    match names.len() {
        0 => first.to_owned(),
        1 => format!("{first}, {}", names.next().map_or("", |node| node.as_str())),
        more => format!("{first} and {more} more"),
    }
}

fn going_on(model: &Model, drain: &Drain) -> Vec<Words> {
    let total = drain.total();
    let theme = Theme::of(&model.settings);
    let failed = drain.is_failed(model.shown_at());
    let (word, role) = match (failed, drain.paused) {
        (true, _) => ("drain past its deadline", Role::Lost),
        (false, true) => ("drain paused", Role::Late),
        (false, false) => ("drain", Role::Draining),
    };
    let sign = theme.sign("▼", "v");
    let mut line = said(format!(" {sign} {word} "), role);
    line.push((names(drain), Role::Strong));
    let moved = total.moved();
    if model.size.0 < NARROW {
        let (percent, left) = (total.percent(), grouped(total.left));
        let stopping = grouped(total.stopping);
        line.push((format!("  {percent}%  {left} left  {stopping} stopping"), Role::Plain));
        return vec![line];
    }
    let narrow = model.size.0 < 100;
    let (stopping, left) = (grouped(total.stopping), grouped(total.left));
    let mut parts = format!("  {} moved  {stopping} stopping  {left} left ", grouped(moved));
    if !narrow {
        parts = format!("{parts}of {} ", grouped(total.from));
    }
    if total.adrift > 0 {
        parts = format!("{parts} {} without an owner ", grouped(total.adrift));
    }
    line.push((parts, Role::Plain));
    // How long it takes counts for more than the bar.
    let width = if narrow { 0 } else { 14 };
    let bar = progress_bar(width, moved, total.stopping, total.from, theme);
    line.push((format!("{bar} {}%", total.percent()), role));
    if let Some(more) = time_to_go(model, drain, total) {
        line.push((format!("  about {} more", age(more)), Role::Plain));
    }
    if let Some(left) = time_left(model, drain) {
        line.push((format!("  {left}"), Role::Dim));
    }
    if !drain.by.is_empty() {
        line.push((format!("  by {}", drain.by), Role::Dim));
    }
    if !drain.reason.is_empty() {
        line.push((format!(": {}", drain.reason), Role::Dim));
    }
    let mut lines = vec![line];
    lines.extend(waits_for(model, drain));
    lines.extend(stands_still(model, drain, total));
    lines
}

/// A drain begins within this time, or its keys have nowhere to go.
const BEGINS: Duration = Duration::from_secs(5);

/// Why nothing moves although nothing is being stopped.
fn stands_still(model: &Model, drain: &Drain, total: Part) -> Option<Words> {
    let asked = Duration::from_millis(model.shown_at().unix_ms.saturating_sub(drain.asked_ms));
    let goes_on = total.stopping > 0 || model.data.history.rate.tenths() > 0;
    if total.left == 0 || goes_on || drain.paused || asked < BEGINS || model.unheard.is_some() {
        return None;
    }
    let keys = counted(total.left, "key");
    let text =
        format!("   {keys} wait: no other node takes them. Resume one, or u ends the drain.");
    Some(said(text, Role::Late))
}

/// How long it takes at the pace of the last ten seconds.
fn time_to_go(model: &Model, drain: &Drain, total: Part) -> Option<Duration> {
    let moves = model.data.history.rate.tenths();
    let goes_on = moves > 0 && !drain.paused && total.left > 0 && total.moved() > 0;
    let goes_on = goes_on && model.unheard.is_none();
    goes_on.then(|| Duration::from_secs(total.left * 10 / moves + 1))
}

fn time_left(model: &Model, drain: &Drain) -> Option<String> {
    let deadline = drain.deadline_ms?;
    let left = Duration::from_millis(deadline.saturating_sub(model.shown_at().unix_ms));
    (!left.is_zero()).then(|| format!("deadline in {}", age(left)))
}

/// The stops that nobody confirms, by name.
fn waits_for(model: &Model, drain: &Drain) -> Option<Words> {
    let nodes = || drain.nodes.keys().filter_map(|node| model.snapshot().node(node));
    let now = model.age_at();
    let mut stops: Vec<_> = nodes().flat_map(|node| &node.unconfirmed.oldest).collect();
    stops.sort_by_key(|stop| stop.told);
    let first = stops.first()?;
    if now.since(first.told) < Duration::from_secs(2) {
        return None;
    }
    let named = stops.iter().take(3);
    let named: Vec<String> =
        named.map(|stop| format!("{} {}", stop.key, age(now.since(stop.told)))).collect();
    // A node names only the oldest of its own.
    let all: u64 = nodes().map(|node| node.unconfirmed.count).sum();
    let more = all.saturating_sub(named.len() as u64);
    let rest = if more > 0 { format!(", {more} more") } else { String::new() };
    Some(said(format!("   unconfirmed stops: {}{rest}", named.join(", ")), Role::Draining))
}

fn ended(model: &Model, drain: &Drain, end: &End) -> Words {
    let names = names(drain);
    match end {
        End::Done(after) => {
            let total = drain.total();
            let moved = counted(total.from, "key");
            let slowest =
                drain.slowest.as_ref().map(|(key, span)| format!("; slowest {key} {}", age(*span)));
            // Somebody may have resumed them meanwhile.
            let stands = drain.nodes.keys().any(|node| drain.is_requested(node, &model.data.live));
            // At most ten looks a second tell no less than that.
            let at_once = *after < Duration::from_millis(100);
            let took = if at_once { "at once".into() } else { format!("in {}", age(*after)) };
            if model.size.0 < NARROW {
                return said(format!(" {names} drained {took}: {moved} moved; esc"), Role::Strong);
            }
            let text = format!(
                " {names} drained {took}: {moved} moved, all stops confirmed. {}esc closes{}",
                if stands { "u resumes, " } else { "" },
                slowest.unwrap_or_default()
            );
            said(text, Role::Strong)
        }
        End::Emptied(after) => {
            let total = drain.total();
            let why = match (total.adrift, total.taken_over) {
                (0, 0) if total.end == Some(PartEnd::Absent) => {
                    "absent; it will be drained when it returns".to_owned()
                }
                (0, 0) if total.end == Some(PartEnd::Unseen) => {
                    "it restarted or died, and its stops were not seen".to_owned()
                }
                (0, 0) => "keys have no owner".to_owned(),
                (freed, 0) => format!("{} without an owner", counted(freed, "key")),
                (0, taken) => format!("{} taken over, stops not confirmed", counted(taken, "key")),
                (freed, taken) => format!("{freed} without an owner, {taken} taken over"),
            };
            let after = age(*after);
            if model.size.0 < NARROW {
                return said(format!(" {names} not drained: {why}"), Role::Late);
            }
            let text = format!(" {names} empty after {after}, but not drained: {why}. esc closes");
            said(text, Role::Late)
        }
        End::Undone(left) => {
            let left = counted(*left, "key");
            said(format!(" Drain of {names} cancelled: {left} stay. esc closes"), Role::Late)
        }
    }
}
