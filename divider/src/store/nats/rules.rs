//! Whether the stream keeps the rules while it is in use: somebody may edit it at any time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::stream::BrokenRule;

/// How often a rule that stays broken is told.
const AGAIN: Duration = Duration::from_secs(30);

/// What was told of a stream.
#[derive(Debug, Default)]
pub(super) struct Rules(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    broken: Vec<BrokenRule>,
    at: Option<Instant>,
}

/// What there is to tell.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Nothing,
    Broken,
    /// What the protocol does without is other than it makes it, and nothing is broken.
    Odd,
    Kept,
}

impl Rules {
    /// Tells what changed since the last look, and from time to time what stays broken.
    pub(super) fn look(&self, stream: &str, broken: Vec<BrokenRule>) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = told.news(&broken, Instant::now());
        if news == News::Nothing {
            return;
        }
        let rules = broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        match news {
            News::Nothing => {}
            News::Broken => {
                tracing::error!(
                    stream,
                    rules,
                    "the stream settings are unsafe: records may be deleted"
                );
            }
            News::Odd => {
                tracing::warn!(stream, rules, "the stream has unexpected but harmless settings");
            }
            News::Kept => tracing::info!(stream, "the stream settings are correct again"),
        }
        *told = Told { broken, at: Some(Instant::now()) };
    }
}

impl Told {
    fn news(&self, broken: &[BrokenRule], now: Instant) -> News {
        let due = self.at.is_some_and(|at| now.duration_since(at) >= AGAIN);
        let harms = broken.iter().any(|rule| !rule.is_harmless);
        match self.broken == broken {
            true if !(harms && due) => News::Nothing,
            _ if harms => News::Broken,
            _ if broken.is_empty() => News::Kept,
            _ => News::Odd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(setting: &'static str, is_harmless: bool) -> BrokenRule {
        BrokenRule { setting, found: "1".into(), needed: "0".into(), is_harmless }
    }

    #[test]
    fn a_change_is_told_at_once_and_what_stays_broken_again() {
        let begun = Instant::now();
        let (age, direct) = (rule("max_age", false), rule("allow_direct", true));
        let mut told = Told::default();
        let mut check = |secs: u64, broken: &[&BrokenRule], want: News| {
            let now = begun + Duration::from_secs(secs);
            let broken: Vec<_> = broken.iter().copied().cloned().collect();
            assert_eq!(told.news(&broken, now), want, "at {secs} s: {broken:?}");
            if want != News::Nothing {
                told = Told { broken, at: Some(now) };
            }
        };
        check(0, &[], News::Nothing);
        check(1, &[&age], News::Broken);
        check(2, &[&age], News::Nothing);
        check(31, &[&age], News::Broken);
        check(32, &[&age, &direct], News::Broken);
        check(33, &[&direct], News::Odd);
        check(99, &[&direct], News::Nothing);
        check(100, &[], News::Kept);
        check(200, &[], News::Nothing);
    }
}
