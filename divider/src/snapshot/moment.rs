//! Points in time as a viewer's clock has them.

use std::ops::{Add, Sub};
use std::time::Duration;

use divider_core::time::Time;

/// A point on this process's clock, for the ages of what a viewer sees. It says nothing to another
/// process; the clock runs on while the machine is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub(crate) Time);

impl Moment {
    /// This moment.
    pub fn now() -> Self {
        Self(crate::engine::clock::Clock::of_caller().time())
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.since(earlier.0)
    }

    /// How long ago it was.
    pub fn elapsed(self) -> Duration {
        Self::now().since(self)
    }
}

/// That much later.
impl Add<Duration> for Moment {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0 + span)
    }
}

/// That much earlier, at the earliest when the clock began.
impl Sub<Duration> for Moment {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0 - span)
    }
}
