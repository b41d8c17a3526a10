//! Log lines and metrics of a node.

use std::sync::Arc;
use std::time::Duration;

use super::failures::Failures;
use super::metrics::gauge;
use super::outage::Outage;
use super::shared::Shared;
use super::unacked::Collector;
use super::unwanted::Unwanted;
use crate::store::Info;
use divider_core::edge::Notice;
use divider_core::node::Numbers;
use divider_core::time::Time;

/// Writes the log lines of one node, and updates its metrics. The span around the engine names group and
/// node.
///
/// A line is for an event on which an operator acts. An event that lasts or repeats has a line again at
/// growing intervals, and lines at `debug` in between.
#[derive(Debug)]
pub(super) struct Reporter {
    shared: Arc<Shared>,
    lease: Duration,
    failures: Failures,
    collector: Collector,
    outage: Outage,
    unwanted: Unwanted,
    /// Whether a line said that the log is being read again.
    is_reading: bool,
}

impl Reporter {
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
    pub(super) fn report(&mut self, now: Time, notice: &Notice) {
        let metrics = &self.shared.metrics;
        match notice {
            Notice::Joined { joined } => {
                self.outage.joined(now);
                let session = self.shared.session();
                tracing::info!(%session, lease = ?self.lease, revision = joined.0, "node joined");
            }
            Notice::Fenced { held, why } => {
                metrics.fences.increment(1);
                self.outage.fenced(now, *held);
                tracing::warn!(held, why, "node fenced: its lease ended, all its keys are lost");
            }
            Notice::Resync { why } => self.on_resync(why),
            Notice::CaughtUp { after, keys } => {
                self.is_reading = false;
                self.failures.over(now, WATCH);
                tracing::info!(?after, keys, "view complete");
            }
            Notice::Killed { node, .. } => {
                tracing::warn!(dead = %node, "ended the session of a node without heartbeats");
            }
            Notice::StoreFailed { what, error } => {
                metrics.store_failures.increment(1);
                self.failures.add(now, what, error);
            }
            Notice::CasConflict { what } => {
                metrics.cas_conflicts.increment(1);
                tracing::debug!(what, "another write came first");
            }
            Notice::HandedOver { after } => {
                metrics.handover.record(after.as_secs_f64());
                tracing::debug!(?after, "key handed over");
            }
            Notice::TakenOver { after } => {
                metrics.takeover.record(after.as_secs_f64());
                tracing::debug!(?after, "key taken over");
            }
            Notice::Unwanted { key } => self.unwanted.add(key),
            Notice::Quarantined { key, reason, failed, .. } => {
                let (attempts, runs) = (failed.attempts, failed.runs);
                tracing::warn!(
                    %key, error = reason, attempts, runs,
                    "key quarantined: no node works on it until it is retried"
                );
            }
            Notice::Drained { handed, freed } => tracing::info!(handed, freed, "node drained"),
            Notice::Stopped { kept } => {
                tracing::info!(kept, "all keys stopped: they wait for the restart");
            }
            Notice::Problems { count } => {
                metrics.problems.set(gauge(*count));
                tracing::warn!(count, "unreadable records in the group");
            }
            Notice::LogLost => tracing::error!("the log lost acknowledged writes"),
        }
    }

    fn on_resync(&mut self, why: &'static str) {
        self.shared.metrics.resyncs.increment(1);
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
        let metrics = &self.shared.metrics;
        metrics.store_bytes.set(gauge(info.bytes));
        metrics.store_limit.set(info.max_bytes.map_or(f64::INFINITY, gauge));
    }

    /// The gauges that are read off now and then, and what the application owes.
    pub(super) fn measure(&mut self, now: Time, numbers: Numbers) {
        let (held, backlog, until) =
            self.shared.queue(|queue| (queue.len(), queue.backlog(), queue.lease().until()));
        let metrics = &self.shared.metrics;
        let age = backlog.oldest.as_ref().map_or(Duration::ZERO, |(_, since)| now.since(*since));
        metrics.held.set(gauge(held as u64));
        metrics.unowned.set(gauge(numbers.unowned));
        metrics.quarantined.set(gauge(numbers.quarantined));
        metrics.view_lag.set(gauge(numbers.view_lag));
        metrics.unconfirmed.set(gauge(backlog.unconfirmed as u64));
        metrics.oldest_unconfirmed.set(age.as_secs_f64());
        metrics.untaken.set(gauge(backlog.untaken as u64));
        metrics.lease_remaining.set(until.since(now).as_secs_f64());
        self.collector.look(now, &backlog);
        self.outage.look(now, held, self.lease);
        self.unwanted.tell(now);
    }
}

/// What the core calls its renewal of the lease.
const RENEWAL: &str = "renew the lease";

/// What the core calls its watch.
const WATCH: &str = "watch the group";
