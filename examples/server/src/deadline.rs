use std::time::{Duration, Instant};

/// A moment until which something is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    #[expect(clippy::disallowed_methods, reason = "waits for a process, not a lease")]
    pub(crate) fn after(span: Duration) -> Self {
        Self(Instant::now() + span)
    }

    #[expect(clippy::disallowed_methods, reason = "waits for a process, not a lease")]
    pub(crate) fn is_over(self) -> bool {
        Instant::now() >= self.0
    }

    /// Asks again every few milliseconds until there is an answer; `None` once the time is over.
    pub(crate) fn poll<T>(self, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            if let Some(answer) = ask() {
                return Some(answer);
            }
            if self.is_over() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
