//! How many operations may be on their way at once.

use std::time::Duration;

use tokio::time::Instant;

/// A number that follows how fast the store answers. It grows while answers come in a small part of
/// the time that they have, and shrinks when they do not: whatever waits before the store makes every
/// node's writes late, its leases' included, and one that is late is written or read once more.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    at_most: usize,
    /// What was sent before this tells nothing of the number as it is now.
    judged: Instant,
}

impl Window {
    pub(super) fn new(at_most: usize) -> Self {
        Self { size: at_most.min(AT_FIRST), at_most, judged: Instant::now() }
    }

    /// How many more may be sent while so many are under way.
    pub(super) fn room(&self, under_way: usize) -> usize {
        self.size.saturating_sub(under_way)
    }

    /// An operation that was sent then has its answer now, for which it had this time; so many were
    /// under way with it. One that fails says nothing else than one that succeeds.
    pub(super) fn on_answer(
        &mut self,
        now: Instant,
        sent: Instant,
        span: Duration,
        under_way: usize,
    ) {
        let late = now.duration_since(sent) > span / PROMPT;
        if !late && under_way > self.size / 2 {
            self.size = (self.size + 1).min(self.at_most);
        }
        if late && sent >= self.judged {
            self.size = (self.size * 3 / 4).max(AT_LEAST.min(self.at_most));
            self.judged = now;
        }
    }
}

/// Under way before anything is known of the store: few enough for the shortest lease of many nodes,
/// and doubled with every round trip.
const AT_FIRST: usize = 64;

/// Under way whatever happens: a store that is slow with a few is slow for another reason.
const AT_LEAST: usize = 32;

/// The part of its time within which an answer is prompt.
const PROMPT: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_millis(400);

    /// A store with a queue: as many as may be are under way, each for as long as that many take.
    async fn play(window: &mut Window, each: Duration, rounds: usize) -> usize {
        for _ in 0..rounds {
            let (sent, under_way) = (Instant::now(), window.size);
            tokio::time::advance(each * u32::try_from(under_way).expect("few")).await;
            for _ in 0..under_way {
                window.on_answer(Instant::now(), sent, SPAN, under_way);
            }
        }
        window.size
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_store_is_given_all_that_is_allowed_within_a_few_round_trips() {
        assert_eq!(play(&mut Window::new(512), Duration::from_micros(10), 3).await, 512);
        assert_eq!(play(&mut Window::new(16), Duration::from_micros(10), 3).await, 16);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_slow_store_is_given_is_answered_in_half_of_its_time() {
        for each in [Duration::from_millis(1), Duration::from_millis(4)] {
            let mut window = Window::new(512);
            play(&mut window, each, 20).await;
            for _ in 0..100 {
                let size = u32::try_from(play(&mut window, each, 1).await).expect("few");
                assert!(each * size <= SPAN / 2, "{size} at {each:?}");
                assert!(each * size >= SPAN / 16, "{size} at {each:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_in_time_is_asked_little_and_then_more_again() {
        let mut window = Window::new(512);
        assert_eq!(play(&mut window, SPAN, 40).await, 32);
        assert_eq!(play(&mut window, Duration::from_micros(10), 10).await, 512);
    }

    #[tokio::test(start_paused = true)]
    async fn one_late_round_trip_shrinks_it_once() {
        let mut window = Window::new(512);
        let sent = Instant::now();
        tokio::time::advance(SPAN).await;
        for _ in 0..64 {
            window.on_answer(Instant::now(), sent, SPAN, 64);
        }
        assert_eq!(window.size, 48);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_hardly_used_does_not_grow() {
        let mut window = Window::new(512);
        for _ in 0..1_000 {
            window.on_answer(Instant::now(), Instant::now(), SPAN, 1);
        }
        assert_eq!(window.size, 64);
    }
}
