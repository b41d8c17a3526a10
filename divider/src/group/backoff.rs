//! Retries of operators' and announcers' requests.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::store::StoreError;

/// The attempts left for one request. All their waits together are longer than the longest election of
/// a stream's leader that was seen (8 s).
#[derive(Debug)]
pub(super) struct Attempts {
    left: u32,
    waits: Backoff,
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);
const MOST: u32 = 16;

impl Attempts {
    pub(super) fn new() -> Self {
        Self { left: MOST, waits: Backoff::new(FIRST, LONGEST) }
    }

    /// The wait before the next attempt. `None`: no attempt is left.
    fn next(&mut self) -> Option<Duration> {
        self.left -= 1;
        (self.left > 0).then(|| self.waits.next(getrandom::u32().unwrap_or(0)))
    }

    /// Waits for the next attempt. Returns false if none is left, or if it could not succeed.
    pub(super) async fn waited_after(&mut self, error: &StoreError) -> bool {
        let wait = if is_worth_a_retry(error) { self.next() } else { None };
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
        }
        wait.is_some()
    }
}

/// Repeats a request until another attempt could not change the answer.
pub(super) async fn retried<T, F>(ask: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut attempts = Attempts::new();
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !attempts.waited_after(&error).await {
            return Err(error);
        }
    }
}

/// Whether another attempt can have another answer.
pub(super) fn is_worth_a_retry(error: &StoreError) -> bool {
    match error {
        StoreError::Denied { .. }
        | StoreError::NoGroup { .. }
        | StoreError::Full { .. }
        | StoreError::Invalid { .. } => false,
        // A time-out, a missing connection, and other errors that may pass.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_outlast_an_election_and_end() {
        let mut attempts = Attempts::new();
        let waits: Vec<Duration> = std::iter::from_fn(|| attempts.next()).collect();
        assert_eq!(waits.len(), 15);
        assert!(waits.iter().sum::<Duration>() > Duration::from_secs(8));
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
    }
}
