//! What an operator is told: log lines and numbers, in one place.

use crate::core::edge::Notice;

use super::meters::{Meters, gauge};

/// Writes the notice's log line and counts it. The span around the engine names group and node.
pub(super) fn tell(meters: &Meters, notice: &Notice) {
    match notice {
        Notice::Joined { joined } => tracing::info!(%joined, "node joined"),
        Notice::Fenced { held, why } => {
            meters.fences.increment(1);
            tracing::warn!(held, why, "node fenced: everything it held is lost");
        }
        Notice::Resync { why } => {
            meters.resyncs.increment(1);
            tracing::info!(why, "reading the log again");
        }
        Notice::CaughtUp { after, keys } => tracing::info!(?after, keys, "view complete"),
        Notice::Killed { node } => tracing::warn!(dead = %node, "session of a silent node ended"),
        Notice::StoreFailed { what, error } => {
            meters.store_failures.increment(1);
            tracing::warn!(what, %error, "store failed");
        }
        Notice::CasConflict { what } => {
            meters.cas_conflicts.increment(1);
            tracing::debug!(what, "another write was first");
        }
        Notice::HandedOver { after } => {
            meters.handover.record(after.as_secs_f64());
            tracing::debug!(?after, "key handed over");
        }
        Notice::TakenOver { after } => {
            meters.takeover.record(after.as_secs_f64());
            tracing::debug!(?after, "key taken over");
        }
        Notice::Drained { handed, freed } => tracing::info!(handed, freed, "node drained"),
        Notice::Problems { count } => {
            meters.problems.set(gauge(*count));
            tracing::warn!(count, "records that cannot be read");
        }
        Notice::LogLost => tracing::error!("the server's log lost what it had acknowledged"),
    }
}
