//! The watch: opening it, when it is complete, and when it can no longer be trusted.

use std::collections::VecDeque;
use std::time::Duration;

use crate::edge::WatchId;
use crate::guard::broken;
use crate::id::{NodeId, Revision};
use crate::time::{Now, Time};

/// How long an acknowledged heartbeat may be missing from a watch that delivers nothing. This is in
/// addition to the acknowledgement time-out. After that the watch counts as dead.
const ECHO: Duration = Duration::from_secs(2);

/// How long a snapshot may make no progress.
const SNAPSHOT_PROGRESS: Duration = Duration::from_secs(10);

/// The highest number of missing heartbeats that are remembered one by one.
const MISSING: usize = 32;

/// The longest pause between two attempts to open the watch.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The state of the watch.
#[derive(Debug)]
pub(crate) struct LogWatch {
    id: Option<WatchId>,
    /// The watch has delivered its whole snapshot.
    live: bool,
    opened: Time,
    /// When the watch last delivered a record, or was opened.
    progress: Time,
    /// How many attempts to open the watch have failed.
    failures: u32,
    /// This node's own heartbeats that were acknowledged and that the watch has not delivered,
    /// oldest first.
    missing: VecDeque<(Revision, Time)>,
    /// This node's newest heartbeat that the watch delivered.
    echoed: Revision,
    /// Since when a heartbeat is missing that was sent before the watch was opened again. A snapshot
    /// shows it only by its end: until then, the node would not see a drain.
    missing_before: Option<Time>,
}

impl LogWatch {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            id: None,
            live: false,
            opened: now,
            progress: now,
            failures: 0,
            missing: VecDeque::new(),
            echoed: Revision::NONE,
            missing_before: None,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    pub(crate) fn opened(&self) -> Time {
        self.opened
    }

    /// When the watch last showed something.
    pub(crate) fn shown(&self) -> Time {
        self.progress
    }

    /// No heartbeat is expected from the watch any more.
    pub(crate) fn forget_heartbeats(&mut self) {
        self.missing.clear();
        self.missing_before = None;
    }

    pub(crate) fn on_lease_acked(&mut self, now: Time, revision: Revision) {
        let newest = self.missing.back().map_or(self.echoed, |(newest, _)| *newest);
        if revision > newest.max(self.echoed) {
            if self.missing.len() == MISSING {
                self.missing.remove(1);
            }
            self.missing.push_back((revision, now));
        }
    }

    /// This node's newest heartbeat that the watch has not delivered, or [`Revision::NONE`] if it
    /// has delivered all.
    pub(crate) fn newest_missing(&self) -> Revision {
        self.missing.back().map_or(Revision::NONE, |(newest, _)| *newest)
    }

    pub(crate) fn on_lease_echoed(&mut self, revision: Revision) {
        self.echoed = self.echoed.max(revision);
        let is_back = self.missing.front().is_none_or(|(missing, _)| *missing <= revision);
        if is_back && self.live {
            self.missing_before = None;
        }
        while self.missing.front().is_some_and(|(missing, _)| *missing <= revision) {
            self.missing.pop_front();
        }
    }

    /// Since when a heartbeat is missing from the watch.
    pub(crate) fn missing_since(&self) -> Option<Time> {
        let since = self.missing_before.or(self.missing.front().map(|(_, at)| *at));
        since.filter(|_| !broken!(Echo))
    }

    /// Another log may assign revisions from the start again. So the missing heartbeats are tracked
    /// again, and only the time of the oldest is kept.
    fn begin_snapshot(&mut self) {
        self.missing_before = self.missing_since();
        self.missing.clear();
        self.echoed = Revision::NONE;
    }

    /// When the watch counts as stale, unless something is delivered before.
    fn stale_at(&self, ack: Duration) -> Option<Time> {
        let since = self.missing_since()?;
        Some(since.max(self.progress) + ECHO + ack)
    }

    /// When the watch is checked next. A live watch is checked by its heartbeats, a snapshot by its
    /// progress.
    pub(crate) fn timeout(&self, ack: Duration) -> Option<Time> {
        if self.live { self.stale_at(ack) } else { Some(self.progress + SNAPSHOT_PROGRESS) }
    }

    /// Begins the snapshot of a new watch.
    pub(crate) fn begin(&mut self, id: WatchId, now: Time, delay: Duration) {
        self.id = Some(id);
        self.live = false;
        self.opened = now;
        self.progress = now + delay;
        self.begin_snapshot();
    }

    /// The pause before the next attempt. It is zero at first, then grows, and differs between
    /// nodes.
    pub(crate) fn pause(&mut self, node: &NodeId) -> Duration {
        let failures = self.failures;
        self.failures = failures.saturating_add(1);
        if failures == 0 {
            return Duration::ZERO;
        }
        let base = Duration::from_millis(50) * 2u32.saturating_pow(failures.min(6) - 1);
        let base = base.min(LONGEST_PAUSE);
        let mix = crate::plan::key_hash(&format!("{node} {failures}"));
        base / 2 + base.mul_f64(f64::from(u32::try_from(mix >> 32).unwrap_or(0)) / 8.6e9)
    }

    /// Whether this is the current watch.
    pub(crate) fn is(&self, id: WatchId) -> bool {
        self.id == Some(id)
    }

    /// Stops following the current watch. Returns its id.
    pub(crate) fn close(&mut self) -> Option<WatchId> {
        self.id.take()
    }

    /// The watch delivered something, or is being opened.
    pub(crate) fn note_progress(&mut self, now: Now) {
        self.progress = now.at;
    }

    /// The snapshot of the watch is complete.
    pub(crate) fn note_caught_up(&mut self) {
        self.live = true;
        self.failures = 0;
        if self.echoed != Revision::NONE {
            self.missing_before = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_between_attempts_grows_up_to_its_bound() {
        let node = NodeId::new("a").expect("a legal id");
        let mut watch = LogWatch::new(Time(0));
        assert_eq!(watch.pause(&node), Duration::ZERO, "the first attempt is made at once");
        for base in [50, 100, 200, 400, 800, 1_600, 1_600].map(Duration::from_millis) {
            let pause = watch.pause(&node);
            assert!((base / 2..base).contains(&pause), "{pause:?} of {base:?}");
        }
    }
}
