//! How far something is, on one line of a terminal.

use std::io::{Write, stderr};
use std::time::Duration;

use divider::snapshot::Moment;

use crate::shell::Shell;

/// Counts up to a number that is known. It says nothing where nobody looks.
pub(crate) struct Counter {
    what: &'static str,
    total: u64,
    live: bool,
    shown: Option<Moment>,
}

/// Ten times a second is enough for anybody.
const BETWEEN: Duration = Duration::from_millis(100);

impl Counter {
    pub(crate) fn new(shell: &Shell, what: &'static str, total: u64) -> Self {
        // A few are done before they can be read.
        let live = shell.output.is_live() && total >= 1000;
        Self { what, total, live, shown: None }
    }

    pub(crate) fn on_progress(&mut self, done: u64) {
        let now = Moment::now();
        let due = self.shown.is_none_or(|shown| now.since(shown) >= BETWEEN);
        if self.live && due {
            self.shown = Some(now);
            let percent = done * 100 / self.total.max(1);
            let Self { what, total, .. } = self;
            // Without a standard error there is nobody to show it to.
            let _ = write!(stderr(), "\r{done} of {total} {what} ({percent}%)\u{1b}[K");
        }
    }
}

/// Clears its line.
impl Drop for Counter {
    fn drop(&mut self) {
        if self.live {
            let _ = write!(stderr(), "\r\u{1b}[K");
        }
    }
}
