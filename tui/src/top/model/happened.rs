//! What happened to the group as a whole.

use divider::snapshot::{Changed, Snapshot};

use super::event::{EventKind, Events};
use crate::conditions::Severity;
use crate::words::signature;

/// Says what is different about the group.
pub(super) fn push(
    events: &mut Events,
    old: &Snapshot,
    new: &Snapshot,
    changed: &Changed,
    unix_ms: u64,
) {
    if changed.group {
        match (old.freeze(), new.freeze()) {
            (before, Some(now)) if before != Some(now) => {
                let text = format!("balance moves frozen {}", signature(&now.by, &now.reason));
                events.push(unix_ms, EventKind::Group, Severity::Warning, text);
            }
            (Some(_), None) => {
                let text = "balance moves thawed".to_owned();
                events.push(unix_ms, EventKind::Group, Severity::Note, text);
            }
            _ => {}
        }
        if old.generation() != new.generation() {
            let text = "placement settled".to_owned();
            events.push(unix_ms, EventKind::Group, Severity::Note, text);
        }
    }
    if changed.problems {
        let known = |name: &str| old.problems().shown.iter().any(|p| p.name == name);
        for problem in new.problems().shown.iter().filter(|p| !known(&p.name)).take(MOST) {
            let text = format!("unreadable record {}: {}", problem.name, problem.why);
            events.push(unix_ms, EventKind::Problem, Severity::Warning, text);
        }
    }
}

/// So many records that cannot be read are told at once.
const MOST: usize = 5;
