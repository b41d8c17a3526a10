//! Sentences that several commands say.

use divider::snapshot::Snapshot;

use crate::output::{Output, count};

/// Says beside an answer how the group as a whole is.
pub(crate) fn sum_up(output: &Output, snapshot: &Snapshot) {
    let counts = snapshot.counts();
    output.say(&format!(
        "{}: {} running, {} stopping, {} without an owner",
        count(counts.all(), "key"),
        counts.running,
        counts.stopping,
        counts.orphaned
    ));
    if let Some(freeze) = snapshot.freeze() {
        output.say(&format!("balance moves are frozen by {:?}: {:?}", freeze.by, freeze.reason));
    }
    for problem in &snapshot.problems().shown {
        output.say(&format!("a record cannot be read: {}: {}", problem.name, problem.why));
    }
    if !snapshot.is_complete() {
        output.say("this is not all: the store was lost while it was read");
    }
}
