//! One message of a key.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::error::InboxError;
use crate::checkpoint::{Mark, Register};
use crate::store::{Delivery, Position};

/// A message of the key, given to its one owner.
///
/// Mark it as [done](Self::done) when the work is done, or save what came of it with
/// [`Checkpoint::save_with`](crate::checkpoint::Checkpoint::save_with). A message that is dropped
/// without either is given again when the inbox is opened again, on this node or another.
pub struct Message {
    delivery: Delivery,
    attempt: u32,
    track: Arc<Track>,
}

impl Message {
    pub(super) fn new(delivery: Delivery, attempt: u32, track: Arc<Track>) -> Self {
        Self { delivery, attempt, track }
    }

    /// Its sequence in the stream: it rises from message to message, with gaps.
    pub fn sequence(&self) -> u64 {
        self.delivery.sequence
    }

    /// Its subject.
    pub fn subject(&self) -> &str {
        &self.delivery.subject
    }

    /// Its payload.
    pub fn payload(&self) -> &Bytes {
        &self.delivery.payload
    }

    /// Its headers, in their order; a name may occur several times.
    pub fn headers(&self) -> &[(String, String)] {
        &self.delivery.headers
    }

    /// The first value of a header, by its exact name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.delivery.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// When the stream stored it: the time since 1970 by the server's clock.
    pub fn stored(&self) -> Duration {
        Duration::from_nanos(self.delivery.stored_ns)
    }

    /// How many times the work on it has started, this one included, as far as that was counted: see
    /// [`Messages::max_deliver`](super::Messages::max_deliver).
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Marks this message and all earlier ones of its inbox as done.
    ///
    /// Positions are saved for several messages together: see
    /// [`save_every`](super::Messages::save_every). So a message that was marked as done just before a
    /// crash may be given once more. The save is a compare-and-set, as of any checkpoint: an owner that
    /// is not the newest any more moves nothing.
    ///
    /// # Errors
    /// [`InboxError::Checkpoint`] if the positions were to be saved now, and that failed. The mark
    /// stays, and is saved with the next save that succeeds.
    ///
    /// # Cancel safety
    /// The message is marked when this is first polled. If it is dropped then, the mark is saved later.
    pub async fn done(self) -> Result<(), InboxError> {
        if self.track.mark(self.delivery.sequence) {
            self.track.save().await?;
        }
        Ok(())
    }

    /// Whether it belongs to this register.
    pub(crate) fn is_of(&self, register: &Arc<Register>) -> bool {
        Arc::ptr_eq(&self.track.register, register)
    }

    /// What is done once this message is.
    pub(crate) fn mark(&self) -> Mark {
        self.track.mark_of(self.delivery.sequence)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("sequence", &self.sequence())
            .field("subject", &self.subject())
            .finish_non_exhaustive()
    }
}

/// What an inbox and its messages share: which are done, and when that is saved.
pub(super) struct Track {
    pub(super) register: Arc<Register>,
    pub(super) stream: String,
    pub(super) filter: String,
    pace: Pace,
    /// When the oldest mark was made that is not saved.
    since: Mutex<Option<Instant>>,
    marks: AtomicU64,
}

/// How often positions are saved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) span: Duration,
    pub(super) messages: u32,
}

impl Track {
    pub(super) fn new(register: Arc<Register>, stream: String, filter: String, pace: Pace) -> Self {
        let (since, marks) = (Mutex::new(None), AtomicU64::new(0));
        Self { register, stream, filter, pace, since, marks }
    }

    fn mark_of(&self, sequence: u64) -> Mark {
        Mark { stream: self.stream.clone(), filter: self.filter.clone(), sequence }
    }

    /// Marks the message as done. Whether the positions are to be saved now.
    pub(super) fn mark(&self, sequence: u64) -> bool {
        self.change(|position| position.done = position.done.max(sequence));
        let marks = self.marks.fetch_add(1, Ordering::Relaxed) + 1;
        let now = Instant::now();
        let since = *self.since().get_or_insert(now);
        marks >= u64::from(self.pace.messages) || now.duration_since(since) >= self.pace.span
    }

    /// When the marks are to be saved, if there are any.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since().map(|since| since + self.pace.span)
    }

    /// Saves the positions, if they are ahead of what is stored.
    pub(super) async fn save(&self) -> Result<(), InboxError> {
        self.marks.store(0, Ordering::Relaxed);
        *self.since() = None;
        let saved = self.register.save_positions().await;
        if saved.is_err() {
            self.since().get_or_insert_with(Instant::now);
        }
        Ok(saved?)
    }

    /// Reads or changes the position.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Position) -> T) -> T {
        let mut positions = self.register.positions();
        let of_this = |position: &Position| position.is_of(&self.stream, &self.filter);
        let at = positions.iter().position(of_this).unwrap_or_else(|| {
            positions.push(Position::new(&self.stream, &self.filter, 0));
            positions.len() - 1
        });
        change(&mut positions[at])
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
