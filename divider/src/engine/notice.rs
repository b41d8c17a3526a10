//! What an operator is told: log lines and numbers, in one place.

use std::sync::Arc;
use std::time::Duration;

use super::debts::Collector;
use super::failures::Failures;
use super::meters::gauge;
use super::outage::Outage;
use super::shared::Shared;
use super::unwanted::Unwanted;
use crate::store::Info;
use divider_core::edge::Notice;
use divider_core::node::Numbers;
use divider_core::time::Time;

/// Writes the log lines of one node and counts. The span around the engine names group and node.
///
/// A line is for what an operator acts on; what lasts or repeats is said again at growing intervals,
/// and at `debug` in between.
#[derive(Debug)]
pub(super) struct Teller {
    shared: Arc<Shared>,
    lease: Duration,
    failures: Failures,
    collector: Collector,
    outage: Outage,
    unwanted: Unwanted,
    /// Whether it was told that the log is being read again.
    is_reading: bool,
}

impl Teller {
    pub(super) fn new(shared: Arc<Shared>, lease: Duration) -> Self {
        let collector = Collector::new(lease);
        Self {
            shared,
            lease,
            failures: Failures::default(),
            collector,
            outage: Outage::default(),
            unwanted: Unwanted::default(),
            is_reading: false,
        }
    }

    /// Writes the notice's log line and counts it.
    pub(super) fn tell(&mut self, now: Time, notice: &Notice) {
        let meters = &self.shared.meters;
        match notice {
            Notice::Joined { joined } => {
                self.outage.joined(now);
                let session = self.shared.session();
                tracing::info!(%session, lease = ?self.lease, revision = joined.0, "node joined");
            }
            Notice::Fenced { held, why } => {
                meters.fences.increment(1);
                self.outage.fenced(now, *held);
                tracing::warn!(held, why, "node fenced: its lease ended, all its keys are lost");
            }
            Notice::Resync { why } => self.on_resync(why),
            Notice::CaughtUp { after, keys } => {
                self.is_reading = false;
                self.failures.over(now, WATCH);
                tracing::info!(?after, keys, "view complete");
            }
            Notice::Killed { node } => {
                tracing::warn!(dead = %node, "ended the session of a node without heartbeats");
            }
            Notice::StoreFailed { what, error } => {
                meters.store_failures.increment(1);
                self.failures.add(now, what, error);
            }
            Notice::CasConflict { what } => {
                meters.cas_conflicts.increment(1);
                tracing::debug!(what, "another write came first");
            }
            Notice::HandedOver { after } => {
                meters.handover.record(after.as_secs_f64());
                tracing::debug!(?after, "key handed over");
            }
            Notice::TakenOver { after } => {
                meters.takeover.record(after.as_secs_f64());
                tracing::debug!(?after, "key taken over");
            }
            Notice::Unwanted { key } => self.unwanted.add(key),
            Notice::Drained { handed, freed } => tracing::info!(handed, freed, "node drained"),
            Notice::Problems { count } => {
                meters.problems.set(gauge(*count));
                tracing::warn!(count, "unreadable records in the group");
            }
            Notice::LogLost => tracing::error!("the log lost acknowledged writes"),
        }
    }

    fn on_resync(&mut self, why: &'static str) {
        self.shared.meters.resyncs.increment(1);
        if std::mem::replace(&mut self.is_reading, true) {
            tracing::debug!(why, "reading the log again");
        } else {
            tracing::info!(why, "reading the log again");
        }
    }

    /// The lease was renewed.
    pub(super) fn on_renewed(&mut self, now: Time) {
        self.failures.over(now, RENEWAL);
    }

    /// The store said how large the log is.
    pub(super) fn on_info(&self, info: &Info) {
        let meters = &self.shared.meters;
        meters.store_bytes.set(gauge(info.bytes));
        meters.store_limit.set(info.max_bytes.map_or(f64::INFINITY, gauge));
    }

    /// The gauges that are read off now and then, and what the application owes.
    pub(super) fn measure(&mut self, now: Time, numbers: Numbers) {
        let (held, owed, until) =
            self.shared.queue(|queue| (queue.len(), queue.owed(), queue.lease().until()));
        let meters = &self.shared.meters;
        let age = owed.oldest.as_ref().map_or(Duration::ZERO, |(_, since)| now.since(*since));
        meters.held.set(gauge(held as u64));
        meters.unowned.set(gauge(numbers.unowned));
        meters.view_lag.set(gauge(numbers.view_lag));
        meters.unconfirmed.set(gauge(owed.unconfirmed as u64));
        meters.oldest_unconfirmed.set(age.as_secs_f64());
        meters.untaken.set(gauge(owed.untaken as u64));
        meters.lease_remaining.set(until.since(now).as_secs_f64());
        self.collector.look(now, &owed);
        self.outage.look(now, held, self.lease);
        self.unwanted.tell(now);
    }
}

/// What the core calls its renewal of the lease.
const RENEWAL: &str = "renew the lease";

/// What the core calls its watch.
const WATCH: &str = "watch the group";
