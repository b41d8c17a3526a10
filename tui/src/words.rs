//! Sentences that several commands print.

use divider::snapshot::Snapshot;

use crate::output::{Output, count};

/// The name of a requester, which a record may lack.
pub(crate) fn requester(by: &str) -> &str {
    if by.is_empty() { "unknown" } else { by }
}

/// A requester and a reason: `by ana: kernel 6.8`.
pub(crate) fn signature(by: &str, reason: &str) -> String {
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("by {}{reason}", requester(by))
}

/// Goes on after the other numbers of keys, if keys are in quarantine.
pub(crate) fn quarantined(keys: u64) -> String {
    if keys == 0 { String::new() } else { format!(", {keys} quarantined") }
}

/// Prints beside an answer the state of the whole group.
pub(crate) fn sum_up(output: &Output, snapshot: &Snapshot) {
    let counts = snapshot.reported_counts();
    output.say(&format!(
        "{}: {} running, {} stopping, {} without an owner{}",
        count(counts.all(), "key"),
        counts.running,
        counts.stopping,
        counts.orphaned,
        quarantined(counts.quarantined)
    ));
    if let Some(freeze) = snapshot.freeze() {
        output.say(&format!("balance moves frozen {}", signature(&freeze.by, &freeze.reason)));
    }
    for problem in &snapshot.problems().shown {
        output.say(&format!("unreadable record {}: {}", problem.name, problem.why));
    }
    if !snapshot.is_complete() {
        output.say("incomplete: the connection was lost while reading");
    }
}
