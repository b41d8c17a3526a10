//! All there is to know of a key: why it does not run, or why it runs where it does.

use divider::Key;
use divider::snapshot::{
    Candidate, Ineligible, KeyStatus, NodeState, Phase, Quarantine, UnconfirmedStop,
};

use super::lists::step;
use super::plan::paragraph;
use super::theme::{Role, Theme, phase_role};
use super::words::time;
use super::{Words, said};
use crate::conditions::quoted;
use crate::output::{age, count};
use crate::top::model::Model;

/// So many nodes are listed by how well they suit the key.
const SUITORS: usize = 8;

/// With fewer columns the card says less of each thing.
const NARROW: u16 = 48;

/// The lines of the card of the key that is selected.
pub(super) fn lines(model: &Model, width: u16) -> Vec<Words> {
    let Some(key) = model.selected_key() else {
        return vec![said(" no key is selected", Role::Dim)];
    };
    let mut lines = vec![said(format!(" {key}"), Role::Strong)];
    match model.snapshot().key(key) {
        Some(status) => {
            lines.extend(about(model, key, status, width));
            lines.push(said("", Role::Plain));
            lines.extend(suitors(model, key, status, width));
        }
        None => lines.push(said(" Key not found.", Role::Dim)),
    }
    lines.push(said("", Role::Plain));
    lines.extend(seen(model, key));
    lines
}

fn about(model: &Model, key: &Key, status: &KeyStatus, width: u16) -> Vec<Words> {
    let theme = Theme::of(&model.settings);
    let role = phase_role(status.phase);
    // A stop has one age: that of the node's own record.
    let since = listed_stop(model, key, status).map_or(status.since, |stop| stop.told);
    let age = age(model.age_at().since(since));
    let mut lines = vec![vec![
        (format!(" {} {}", theme.phase_sign(status.phase), status.phase.as_str()), role),
        (format!("  for {age}"), Role::Dim),
    ]];
    let mut fact = |name: &str, text: String| {
        lines.push(vec![(format!(" {name:<9}"), Role::Dim), (text, Role::Plain)]);
    };
    if let Some(owner) = &status.owner {
        fact("owner", owner.to_string());
    }
    if let Some(to) = &status.to {
        fact("goes to", to.to_string());
    }
    // What stands without an owner is the trace of a claim that is over.
    if status.revision.0 > 0 && status.token.0 > 0 {
        let at = if width < NARROW { "" } else { &format!(" at revision {}", status.revision) };
        fact("claim", format!("token {}{at}", status.token));
    } else {
        fact("claim", "none".to_owned());
    }
    let record = format!("claim.{}", key.wire());
    let unreadable = model.snapshot().problems().shown.iter().find(|of| of.name == record);
    fact("record", record);
    if let Some(unreadable) = unreadable {
        fact("", format!("cannot be read: {}", unreadable.why));
    }
    if let Some(quarantine) = &status.quarantine {
        let Quarantine { reason, node, attempts, runs, .. } = &**quarantine;
        let (tried, runs) =
            (count(u64::from(*attempts), "attempt"), count(u64::from(*runs), "run"));
        lines.push(vec![
            (format!(" {:<9}", "failed"), Role::Dim),
            (format!("{tried} in {runs}, the last on {node}"), Role::Plain),
        ]);
        lines.extend(paragraph(&format!(" {reason}"), width, Role::Late));
    }
    lines.extend(paragraph(&format!(" {}", why(model, key, status)), width, Role::Strong));
    lines
}

/// The stop of the key, where its owner lists it.
fn listed_stop<'a>(model: &'a Model, key: &Key, status: &KeyStatus) -> Option<&'a UnconfirmedStop> {
    let node = model.snapshot().node(status.owner.as_ref()?)?;
    let stops = &node.unconfirmed.oldest;
    stops.iter().find(|stop| stop.key == *key).filter(|_| status.phase == Phase::Stopping)
}

/// The answer to the question: why does it not run, or why there?
fn why(model: &Model, key: &Key, status: &KeyStatus) -> String {
    let suitors = known_suitors(model, key);
    let fit = suitors.iter().filter(|suitor| suitor.ineligible.is_none()).count();
    match (status.phase, &status.owner, &status.to) {
        (Phase::Orphaned, _, Some(to)) => match model.snapshot().node(to).map(|node| node.state) {
            Some(NodeState::Ready) => format!("{to} will take it."),
            Some(NodeState::Away) => format!("{to} restarts, and the key waits for it."),
            Some(state) => format!("{to} will take it, but is {}.", state.as_str()),
            None => format!("{to} should take it, but is absent."),
        },
        (Phase::Orphaned, _, None) if !suitors.is_empty() && fit == 0 => {
            "No node may take it: see the reasons below.".to_owned()
        }
        (Phase::Orphaned, ..) => "It will be placed once the joining nodes are ready.".to_owned(),
        (Phase::Stopping, Some(owner), _) => stopping(model, key, status, owner),
        (Phase::Running, Some(owner), Some(to)) if owner != to => {
            format!("Planned for {to}; its stop on {owner} is not sent yet.")
        }
        (Phase::Running, Some(owner), _) => running(&suitors, owner),
        (Phase::Quarantined, ..) => {
            format!("No node works on it until: divider retry {}", quoted(key.as_str()))
        }
        (_, None, _) => step(status).to_owned(),
    }
}

fn stopping(model: &Model, key: &Key, status: &KeyStatus, owner: &divider::NodeId) -> String {
    match listed_stop(model, key, status) {
        Some(stop) => {
            let age = age(model.age_at().since(stop.told));
            format!("{owner} has been stopping it for {age}; not confirmed.")
        }
        None => format!("{owner} is stopping it; not confirmed."),
    }
}

fn running(suitors: &[Candidate], owner: &divider::NodeId) -> String {
    let fit: Vec<_> = suitors.iter().filter(|suitor| suitor.ineligible.is_none()).collect();
    match fit.iter().position(|suitor| suitor.node == *owner) {
        Some(0) => format!("{owner} has the best score."),
        Some(at) => {
            format!("{owner} is number {}: the nodes before it were full.", at + 1)
        }
        None if suitors.is_empty() => format!("{owner} owns it."),
        None => format!("{owner} keeps it, although it is no longer a candidate."),
    }
}

fn known_suitors(model: &Model, key: &Key) -> Vec<Candidate> {
    match &model.suitors {
        Some((known, suitors)) if known == key => suitors.clone(),
        _ => Vec::new(),
    }
}

fn suitors(model: &Model, key: &Key, status: &KeyStatus, width: u16) -> Vec<Words> {
    let suitors = known_suitors(model, key);
    if suitors.is_empty() {
        return vec![said(" candidates: loading", Role::Dim)];
    }
    let name = if width < NARROW { 11 } else { 16 };
    let mut lines =
        vec![said(format!(" {:<name$}{:>6}{:>8}", "CANDIDATES", "AFF", "SCORE"), Role::Dim)];
    for suitor in suitors.iter().take(SUITORS) {
        let mark = match (&status.owner, &status.to) {
            (Some(owner), _) if *owner == suitor.node => "owner",
            (_, Some(to)) if *to == suitor.node => "next",
            _ => "",
        };
        let (text, role) = match suitor.ineligible {
            None => (format!("{:>8.1}  {mark}", suitor.score), Role::Plain),
            Some(unfit) => {
                (format!("       -  {}{}", unfit_words(unfit), with_comma(mark)), Role::Dim)
            }
        };
        lines.push(vec![
            (format!(" {:<name$}{:>6}", suitor.node.as_str(), suitor.affinity), role),
            (text, role),
        ]);
    }
    let more = suitors.len().saturating_sub(SUITORS);
    if more > 0 {
        lines.push(said(format!(" and {more} more"), Role::Dim));
    }
    lines
}

fn with_comma(mark: &str) -> String {
    if mark.is_empty() { String::new() } else { format!(", {mark}") }
}

fn unfit_words(unfit: Ineligible) -> String {
    match unfit {
        Ineligible::TakesNothing => "takes no new keys".to_owned(),
        Ineligible::Superseded => "is of an earlier deploy".to_owned(),
        Ineligible::OtherPrefix => "takes other prefixes".to_owned(),
        Ineligible::Released(left) => format!("released it, retry in {}", age(left)),
        Ineligible::Resting(left) => format!("released by many, retry in {}", age(left)),
        _ => "may not".to_owned(),
    }
}

fn seen(model: &Model, key: &Key) -> Vec<Words> {
    let mut lines = vec![said(" CHANGES SEEN HERE, newest first", Role::Dim)];
    let steps = model.data.history.steps_of(key).take(12).map(|step| {
        vec![(format!(" {} ", time(step.unix_ms)), Role::Dim), (step.sentence(), Role::Plain)]
    });
    lines.extend(steps);
    if lines.len() == 1 {
        lines.push(said(" no change since this screen was opened", Role::Dim));
    }
    lines
}
