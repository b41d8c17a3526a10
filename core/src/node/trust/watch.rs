//! The watch: opening it, knowing when it is complete, and when it can no longer be believed.

use std::collections::VecDeque;
use std::time::Duration;

use crate::edge::WatchId;
use crate::guard::broken;
use crate::id::{NodeId, Revision};
use crate::time::{Now, Time};

/// On top of the ack time-out: how long an acknowledged heartbeat may be missing from a watch that
/// delivers nothing before the watch is taken for dead.
const ECHO: Duration = Duration::from_secs(2);

/// How long a snapshot may stand still.
const SNAPSHOT_PROGRESS: Duration = Duration::from_secs(10);

/// The most missing heartbeats that are remembered one by one.
const MISSING: usize = 32;

/// The longest pause between two attempts to open the watch.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The state of the watch.
#[derive(Debug)]
pub(crate) struct LogWatch {
    id: Option<WatchId>,
    /// It has delivered everything that there was.
    live: bool,
    opened: Time,
    /// When it last delivered a record, or was being opened.
    progress: Time,
    /// How often it was opened in vain.
    failures: u32,
    /// The own heartbeats that were acknowledged and have not come back, oldest first.
    missing: VecDeque<(Revision, Time)>,
    /// The newest own heartbeat that came back.
    echoed: Revision,
    /// Since when a heartbeat is missing that was sent before the watch was opened anew.
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

    /// When it last showed something.
    pub(crate) fn shown(&self) -> Time {
        self.progress
    }

    /// No heartbeat is expected back (any more).
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

    /// The newest own heartbeat that has not come back; none: they all have.
    pub(crate) fn newest_missing(&self) -> Revision {
        self.missing.back().map_or(Revision::NONE, |(newest, _)| *newest)
    }

    pub(crate) fn on_lease_echoed(&mut self, revision: Revision) {
        self.echoed = self.echoed.max(revision);
        while self.missing.front().is_some_and(|(missing, _)| *missing <= revision) {
            self.missing.pop_front();
            self.missing_before = None;
        }
        if self.missing.is_empty() {
            self.missing_before = None;
        }
    }

    /// Since when the watch owes a heartbeat.
    pub(crate) fn missing_since(&self) -> Option<Time> {
        let since = self.missing_before.or(self.missing.front().map(|(_, at)| *at));
        since.filter(|_| !broken!(Echo))
    }

    /// Another log may count from the start again: what is missing is counted anew, from when it was.
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

    /// When it is judged next: a live one by the own heartbeats, a snapshot by its progress.
    pub(crate) fn timeout(&self, ack: Duration) -> Option<Time> {
        if self.live { self.stale_at(ack) } else { Some(self.progress + SNAPSHOT_PROGRESS) }
    }

    /// Begins a snapshot of another watch.
    pub(crate) fn begin(&mut self, id: WatchId, now: Time, delay: Duration) {
        self.id = Some(id);
        self.live = false;
        self.opened = now;
        self.progress = now + delay;
        self.begin_snapshot();
    }

    /// The pause before the next attempt: none at first, then growing, never the same for two nodes.
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

    /// Whether this is the watch that is followed.
    pub(crate) fn is(&self, id: WatchId) -> bool {
        self.id == Some(id)
    }

    /// No watch is followed any more: returns which was.
    pub(crate) fn close(&mut self) -> Option<WatchId> {
        self.id.take()
    }

    /// It delivered something, or is being opened.
    pub(crate) fn note_progress(&mut self, now: Now) {
        self.progress = now.at;
    }

    /// Its snapshot is complete.
    pub(crate) fn note_caught_up(&mut self) {
        self.live = true;
        self.failures = 0;
    }
}
