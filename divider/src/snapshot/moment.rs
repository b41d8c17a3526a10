//! Times on a viewer's clock.

use std::ops::{Add, Sub};
use std::time::Duration;

use divider_core::time::Time;

/// A time on this process's clock, for the ages of what a viewer sees. It means nothing in another
/// process. The clock goes on while the machine is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub(crate) Time);

impl Moment {
    /// The current time.
    pub fn now() -> Self {
        Self(crate::engine::clock::Clock::of_caller().time())
    }

    /// The span from `earlier` to this moment; zero if this moment is not later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.since(earlier.0)
    }

    /// The time since this moment.
    pub fn elapsed(self) -> Duration {
        Self::now().since(self)
    }
}

/// A later moment.
impl Add<Duration> for Moment {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0 + span)
    }
}

/// An earlier moment, not before the origin of the clock.
impl Sub<Duration> for Moment {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0 - span)
    }
}
