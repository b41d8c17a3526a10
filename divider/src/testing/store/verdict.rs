//! How a case ends.

use std::time::Duration;

/// Why a case ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// What was found, and what was expected.
    Failed(String),
    /// What is missing to run it.
    NotRun(String),
}

/// What a step of a case gives, unless the case ends with it.
pub(super) type Verdict<T = ()> = Result<T, Stop>;

/// Fails the case, with this text, unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err($crate::testing::store::verdict::Stop::Failed(format!($($text)+)));
        }
    };
}
pub(super) use ensure;

/// Fails the case, with both values, unless they are equal.
macro_rules! ensure_eq {
    ($found:expr, $expected:expr, $($text:tt)+) => {{
        let (found, expected) = (&$found, &$expected);
        $crate::testing::store::verdict::ensure!(
            found == expected,
            "{}: found {found:?}, expected {expected:?}",
            format_args!($($text)+)
        );
    }};
}
pub(super) use ensure_eq;

/// What the future gives, if it does before the patience has passed.
pub(super) async fn in_time<T>(
    patience: Duration,
    what: &str,
    future: impl Future<Output = T>,
) -> Verdict<T> {
    let late = |_| Stop::Failed(format!("it takes more than {patience:?} until {what}"));
    tokio::time::timeout(patience, future).await.map_err(late)
}
