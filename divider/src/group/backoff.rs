//! Trying again: how often, how soon, and after which answers at all.

use std::time::Duration;

use crate::store::StoreError;

/// The waits between attempts. They double from 100 ms to 2 s, which together is longer than the
/// worst election of a stream's leader that was seen (8 s); then it is over.
#[derive(Debug)]
pub(super) struct Backoff {
    attempt: u32,
    /// Spreads those who failed together, each by its own number.
    seed: u64,
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);
const ATTEMPTS: u32 = 12;

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { attempt: 0, seed }
    }

    /// How long to wait before the next attempt; `None` when there have been enough. Between three
    /// quarters of the step and all of it.
    fn next(&mut self) -> Option<Duration> {
        self.attempt += 1;
        if self.attempt >= ATTEMPTS {
            return None;
        }
        let step = FIRST.saturating_mul(1 << (self.attempt - 1).min(16)).min(LONGEST);
        let at = self.seed.rotate_left(self.attempt * 8);
        let off = u32::try_from(at % 256).expect("below 256");
        Some(step.mul_f64(1.0 - f64::from(off) / 1024.0))
    }

    /// Waits, and says true, where another attempt is left and can have another answer.
    pub(super) async fn waited_after(&mut self, error: &StoreError) -> bool {
        match self.next().filter(|_| is_worth_a_retry(error)) {
            Some(wait) => {
                tokio::time::sleep(wait).await;
                true
            }
            None => false,
        }
    }
}

/// Asks until there is an answer that another attempt would not change.
pub(super) async fn retried<T, F>(seed: u64, ask: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut backoff = Backoff::new(seed);
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !backoff.waited_after(&error).await {
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
        StoreError::Timeout { .. }
        | StoreError::Unreachable { .. }
        | StoreError::Gap { .. }
        | StoreError::Other { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(seed: u64) -> Vec<Duration> {
        let mut backoff = Backoff::new(seed);
        std::iter::from_fn(|| backoff.next()).collect()
    }

    #[test]
    fn the_waits_grow_and_end() {
        let waits = waits(0);
        assert_eq!(waits.len(), 11);
        assert_eq!(waits[..3], [FIRST, FIRST * 2, FIRST * 4]);
        assert!(waits[5..].iter().all(|wait| *wait == LONGEST));
        assert!(waits.iter().sum::<Duration>() > Duration::from_secs(8));
    }

    #[test]
    fn those_who_failed_together_do_not_come_back_together() {
        let (one, other) = (waits(0x1122_3344_5566_7788), waits(0x8877_6655_4433_2211));
        assert!(one.iter().zip(&other).all(|(one, other)| one != other));
        let least = FIRST * 3 / 4;
        assert!(one.iter().chain(&other).all(|wait| (least..=LONGEST).contains(wait)));
    }
}
