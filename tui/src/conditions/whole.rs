//! What concerns the whole group: its log, its balance.

use std::time::Duration;

use divider::Revision;
use divider::snapshot::Freeze;
use divider::snapshot::{NodeState, NodeStatus, Snapshot};
use divider::store::Info;

use super::keys::names;
use super::{Clock, Code, Condition, MOST_SUBJECTS, Seen, Severity};
use crate::output::{age, count};
use crate::words::requester;

/// Above this many hundredths of its limit a bucket is nearly full, and above that one very nearly.
const NEARLY_FULL: (u64, u64) = (80, 95);

/// For so long a balance generation may take before that is worth a word.
const BALANCING: Duration = Duration::from_mins(1);

pub(super) fn look(snapshot: &Snapshot, seen: &Seen, now: Clock, found: &mut Vec<Condition>) {
    found.extend(unbalanced(snapshot, seen, now));
    found.extend(problems(snapshot, &seen.strays));
    found.extend(seen.info.as_ref().and_then(full));
    found.extend(seen.info.as_ref().and_then(one_replica));
    found.extend(frozen(snapshot, now));
    found.extend(rollout(snapshot));
}

/// A generation is over when no node that takes part has a move of it left.
fn unbalanced(snapshot: &Snapshot, seen: &Seen, now: Clock) -> Option<Condition> {
    let (generation, since) = seen.generation?;
    let lasts = now.at.since(since);
    if generation == Revision::NONE || freeze(snapshot, now).is_some() || lasts < BALANCING {
        return None;
    }
    let moves = |node: &&NodeStatus| {
        let there = matches!(node.state, NodeState::Ready | NodeState::Late);
        there && node.effective_affinity > 0 && node.balanced < generation
    };
    let nodes: Vec<_> = snapshot.nodes().filter(moves).collect();
    if nodes.is_empty() {
        return None;
    }
    let behind = nodes.len() as u64;
    let (named, subjects) = names(&nodes);
    let sentence = format!(
        "rebalance running for {}: {} {} moves left: {named}",
        age(lasts),
        count(behind, "node"),
        super::have(behind)
    );
    let severity = Severity::Warning;
    Some(Condition { severity, code: Code::Unbalanced, sentence, count: behind, subjects })
}

fn problems(snapshot: &Snapshot, strays: &[String]) -> Option<Condition> {
    let problems = &snapshot.problems().shown;
    let first = match (problems.first(), strays.first()) {
        (Some(first), _) => format!("{}: {}", first.name, first.why),
        (None, Some(first)) => format!("{first}: wrong subject: no node sees this key"),
        (None, None) => return None,
    };
    let many = (problems.len() + strays.len()) as u64;
    let sentence =
        format!("{} (`divider repair` lists them): {first}", count(many, "unreadable record"));
    let names = problems.iter().map(|problem| &problem.name).chain(strays);
    let subjects = names.take(MOST_SUBJECTS).cloned().collect();
    let severity = Severity::Warning;
    Some(Condition { severity, code: Code::Problems, sentence, count: many, subjects })
}

fn full(info: &Info) -> Option<Condition> {
    let most = info.max_bytes.filter(|most| *most > 0)?;
    let percent = info.bytes.saturating_mul(100) / most;
    if percent < NEARLY_FULL.0 {
        return None;
    }
    let severity = if percent < NEARLY_FULL.1 { Severity::Warning } else { Severity::Critical };
    let sentence = format!(
        "the bucket is {percent} % full, with {} of {} bytes: when full, no key can be announced or moved",
        info.bytes, most
    );
    Some(Condition { severity, code: Code::Full, sentence, count: percent, subjects: Vec::new() })
}

fn one_replica(info: &Info) -> Option<Condition> {
    (info.replicas == 1).then(|| Condition {
        severity: Severity::Note,
        code: Code::OneReplica,
        sentence: "the group has 1 replica: all work stops while its server is away".to_owned(),
        count: 1,
        subjects: Vec::new(),
    })
}

/// The freeze that holds now: one may be over though its record is there.
fn freeze(snapshot: &Snapshot, now: Clock) -> Option<&Freeze> {
    snapshot.freeze().filter(|freeze| freeze.until.is_none_or(|until| until > now.unix_ms))
}

fn rollout(snapshot: &Snapshot) -> Option<Condition> {
    let newest = snapshot.rollout()?;
    let of_newest = snapshot.nodes().filter(|node| node.rollout == newest).count();
    let all = snapshot.nodes().filter(|node| node.session.is_some()).count();
    let sentence = format!(
        "rollout {newest} is under way, joins move no keys: {of_newest} of {all} nodes are of it"
    );
    let (severity, subjects) = (Severity::Note, Vec::new());
    Some(Condition { severity, code: Code::Rollout, sentence, count: of_newest as u64, subjects })
}

fn frozen(snapshot: &Snapshot, now: Clock) -> Option<Condition> {
    let freeze = freeze(snapshot, now)?;
    let mut sentence = format!("balance moves frozen by {}", requester(&freeze.by));
    if !freeze.reason.is_empty() {
        sentence = format!("{sentence} ({})", freeze.reason);
    }
    if let Some(until) = freeze.until {
        let left = Duration::from_millis(until.saturating_sub(now.unix_ms));
        sentence = format!("{sentence}, for another {}", age(left));
    }
    let severity = Severity::Note;
    Some(Condition { severity, code: Code::Frozen, sentence, count: 1, subjects: Vec::new() })
}
