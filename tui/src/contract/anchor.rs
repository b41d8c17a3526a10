//! Between this process's clock and the wall clock.

use std::time::Duration;

use divider::snapshot::{Moment, Snapshot};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::output::{millis, now_ms, rfc3339};

/// One point in time on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anchor {
    moment: Moment,
    unix_ms: u64,
}

impl Anchor {
    /// This moment.
    pub(crate) fn now() -> Self {
        Self { moment: Moment::now(), unix_ms: now_ms() }
    }

    /// This moment, if the wall clock showed that time.
    pub(crate) fn at(unix_ms: u64) -> Self {
        Self { moment: Moment::now(), unix_ms }
    }

    pub(crate) fn moment(&self) -> Moment {
        self.moment
    }

    /// The wall clock then, in Unix milliseconds.
    pub(crate) fn unix_ms(&self) -> u64 {
        self.unix_ms
    }

    /// A moment as programs read it.
    pub(crate) fn time(&self, moment: Moment) -> Option<String> {
        let before = millis(self.moment.since(moment));
        let after = millis(moment.since(self.moment));
        rfc3339(self.unix_ms.saturating_sub(before).saturating_add(after))
    }

    /// A time as a program wrote it.
    pub(crate) fn read(&self, time: Option<&str>) -> Option<Moment> {
        let at = unix_ms(time?)?;
        let before = Duration::from_millis(self.unix_ms.saturating_sub(at));
        let after = Duration::from_millis(at.saturating_sub(self.unix_ms));
        Some(self.moment - before + after)
    }
}

/// A time as a program wrote it, in Unix milliseconds.
pub(super) fn unix_ms(time: &str) -> Option<u64> {
    let nanos = OffsetDateTime::parse(time, &Rfc3339).ok()?.unix_timestamp_nanos();
    u64::try_from(nanos / 1_000_000).ok()
}

/// What a viewer can know of when something began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Viewer {
    pub(crate) anchor: Anchor,
    past: Past,
}

/// What a viewer knows of the time before.
#[derive(Debug, Clone, Copy)]
enum Past {
    /// It came then, and knows nothing of what was so already.
    CameAt(Moment),
    /// It has a file, in which what was not known stands as if it began when the file was made.
    FileOf(Moment),
}

impl Viewer {
    /// A viewer whose first complete snapshot is this.
    pub(crate) fn of_first(snapshot: &Snapshot) -> Self {
        Self { anchor: Anchor::now(), past: Past::CameAt(snapshot.taken()) }
    }

    /// One that reads a file.
    pub(crate) fn of_file(anchor: Anchor) -> Self {
        Self { anchor, past: Past::FileOf(anchor.moment()) }
    }

    /// The same viewer, later.
    pub(crate) fn later(self) -> Self {
        Self { anchor: Anchor::now(), ..self }
    }

    /// When something began, if the viewer saw it or the records show it. What is not known stands as if
    /// it began with the first snapshot, or when the file was made.
    pub(crate) fn known(&self, began: Moment) -> Option<Moment> {
        let (Past::CameAt(unknown) | Past::FileOf(unknown)) = self.past;
        (began != unknown).then_some(began)
    }

    /// When something began, if the viewer was there.
    pub(crate) fn seen(&self, began: Moment) -> Option<Moment> {
        let is_known = match self.past {
            Past::CameAt(came) => began > came,
            Past::FileOf(made) => began != made,
        };
        is_known.then_some(began)
    }

    /// How long ago a heartbeat was stored.
    pub(crate) fn beat_age(&self, beat: Moment) -> Duration {
        self.anchor.moment().since(beat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_comes_back_from_its_time() {
        let anchor = Anchor::at(1_787_486_671_250);
        let moment = anchor.moment() - Duration::from_millis(1250);
        assert_eq!(anchor.time(moment).as_deref(), Some("2026-08-23T12:04:30Z"));
        assert_eq!(anchor.read(Some("2026-08-23T12:04:30Z")), Some(moment));
        assert_eq!(anchor.read(Some("yesterday")), None);
        assert_eq!(anchor.read(None), None);
    }
}
