//! State that moves with a key: what one owner saves, the next one reads.
//!
//! [`Assignment::checkpoint`] reads what the last owner saved and *seals* it: it writes the token of
//! this assignment into the record, by compare-and-set. From then on an older owner can save nothing:
//! it gets [`CheckpointError::Fenced`]. Each save is a compare-and-set, too. So a value that an owner
//! was told is saved is what the next owner reads, also if a process was frozen, was killed, or lost
//! its connection while it saved.
//!
//! ```
//! # use divider::{Assignment, BoxError, Divider, Event, Finish, Group, GroupName, Key, MemoryStore, run};
//! #[derive(Default, serde::Serialize, serde::Deserialize)]
//! struct Counters {
//!     orders: u64,
//! }
//!
//! async fn count(mine: Assignment) -> Result<Finish, BoxError> {
//!     let mut state = mine.checkpoint::<Counters>().await?;
//!     let mut counters = state.value()?.unwrap_or_default();
//!     while !mine.is_cancelled() {
//!         counters.orders += 1;
//!         state.save(&counters).await?;
//! #       if counters.orders == 3 { return Ok(Finish::Release) }
//!     }
//!     Ok(Finish::Release)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let store = MemoryStore::new(GroupName::new("orders")?);
//! # let (divider, mut events) = Divider::builder(store.clone()).start().await?;
//! # Group::open(store).announce(&Key::new("eu")?).await?;
//! # let Some(Event::Start(mine)) = events.next().await else { panic!("a start") };
//! # count(mine.clone()).await.map_err(|error| error.to_string())?;
//! # assert_eq!(mine.checkpoint::<Counters>().await?.value()?.expect("saved").orders, 3);
//! # Ok(())
//! # }
//! ```
//!
//! # Where it is
//!
//! On NATS the checkpoints of a group are a stream of their own, `KV_divider_state_<group>`, which is a
//! key-value bucket: `nats kv get divider_state_<group> <key>` prints what was saved. Nobody watches
//! it. [`NatsAccount::create_checkpoints`](crate::store::nats::NatsAccount::create_checkpoints) and
//! `divider init --checkpoints` create it; a store with
//! [`create_if_missing`](crate::store::nats::NatsOptions::create_if_missing) creates it at the first
//! use. A group in which nobody uses checkpoints has no such stream.
//!
//! # How long it stays
//!
//! - **Completed:** after [`Finish::Done`](crate::Finish::Done) or
//!   [`Divider::complete`](crate::Divider::complete) the record is deleted, if this assignment had
//!   opened it. If the process ends in the moment between the two, the record stays. If the key is
//!   announced again in that moment, its next owner may find the record.
//! - **Retracted:** the owner stops, confirms, and the record gets a time to live of 7 days
//!   ([`Builder::checkpoint_retention`](crate::Builder::checkpoint_retention)). If the key is announced
//!   again before that, its new owner finds it. If no node owned the key when it was retracted, or the
//!   owner had not opened the checkpoint, the record stays.
//! - **A record that stays** takes space, and the next owner of a key of that name finds it. Remove it
//!   with `nats kv del divider_state_<group> <key>`. `divider delete-group` deletes all.
//! - When nats-server crashes after a record has expired, it may show an older one again (its issue
//!   8505). A key that is announced again more than 7 days after its end can then find an old value.

mod change;
mod error;
mod inboxes;
mod register;
mod registers;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod tests;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::assignment::Assignment;
use crate::key::Key;
use crate::messages::Message;

pub(crate) use change::Mark;
pub use error::CheckpointError;
pub(crate) use inboxes::InboxClaim;
pub(crate) use register::Register;
pub(crate) use registers::Registers;

impl Assignment {
    /// Opens the checkpoint of the key, with values as JSON: reads what the last owner saved, and seals
    /// it, so that no older owner can save any more. See [`checkpoint`](crate::checkpoint).
    ///
    /// It takes one read and one write of the whole value. If the assignment opens it again, as when its
    /// handler is called again, one write. Several handles of one assignment share the
    /// record: the last save counts.
    ///
    /// # Errors
    /// [`CheckpointError::Fenced`] if a newer assignment has opened it; [`CheckpointError::Format`] if
    /// what was saved is not a `T`, then nothing is lost; [`CheckpointError::Refused`] with the remedy
    /// if the group has no checkpoints or a right is missing; [`CheckpointError::Unknown`] if the store
    /// does not answer for three times its request time-out; [`CheckpointError::Over`].
    ///
    /// # Cancel safety
    /// Cancel safe: calling it again begins again. The record may be sealed.
    pub async fn checkpoint<T>(&self) -> Result<Checkpoint<T>, CheckpointError>
    where
        T: Serialize + DeserializeOwned,
    {
        let checkpoint = Checkpoint { bytes: self.checkpoint_bytes().await?, value: PhantomData };
        checkpoint.value()?;
        Ok(checkpoint)
    }

    /// Opens the checkpoint of the key, with values as bytes in a format of the application's choice.
    /// See [`checkpoint`](Self::checkpoint).
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint), without [`CheckpointError::Format`].
    ///
    /// # Cancel safety
    /// As [`checkpoint`](Self::checkpoint).
    pub async fn checkpoint_bytes(&self) -> Result<CheckpointBytes, CheckpointError> {
        Ok(CheckpointBytes { register: self.registers().open(self).await? })
    }
}

/// The saved state of one key, as JSON. Made by [`Assignment::checkpoint`].
///
/// Dropping it changes nothing: what was saved stays, and the record stays sealed.
pub struct Checkpoint<T> {
    bytes: CheckpointBytes,
    value: PhantomData<fn(&T) -> T>,
}

impl<T: Serialize + DeserializeOwned> Checkpoint<T> {
    /// The newest value that is known to be stored; `None` if nobody has saved one. It is decoded at
    /// each call, and does not ask the store.
    ///
    /// # Errors
    /// [`CheckpointError::Format`].
    pub fn value(&self) -> Result<Option<T>, CheckpointError> {
        let Some(bytes) = self.bytes.value() else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|source| self.format(source))
    }

    /// Saves the value in place of the one before: when this returns `Ok`, it is stored, and the next
    /// owner reads it, unless this one saves again.
    ///
    /// It waits at most the request time-out of the store, 2 s unless set.
    ///
    /// # Errors
    /// [`CheckpointError::Fenced`] if a newer assignment has opened the checkpoint: stop working.
    /// [`CheckpointError::Unknown`] if it is not known whether the value was stored. After any other
    /// error it was not.
    ///
    /// # Cancel safety
    /// If it is dropped before it is done, it is unknown whether the value is stored: the next save or
    /// [`reload`](Self::reload) finds out. It never takes back a value that was saved.
    pub async fn save(&mut self, value: &T) -> Result<(), CheckpointError> {
        let bytes = serde_json::to_vec(value).map_err(|source| self.format(source))?;
        self.bytes.save(bytes).await
    }

    /// Saves the value and marks the message as done, in one write: the next owner sees both or
    /// neither. All earlier messages of the inbox count as done, too. The message must be of an inbox
    /// of the same assignment.
    ///
    /// # Errors
    /// As [`save`](Self::save). [`CheckpointError::Over`] if the message is of another assignment.
    ///
    /// # Cancel safety
    /// As [`save`](Self::save).
    pub async fn save_with(&mut self, value: &T, message: &Message) -> Result<(), CheckpointError> {
        let bytes = serde_json::to_vec(value).map_err(|source| self.format(source))?;
        self.bytes.save_with(bytes, message).await
    }

    /// Finds out what became of a save that was dropped or that ended with
    /// [`CheckpointError::Unknown`], then returns the stored value. If nothing is in doubt, it does not
    /// ask the store.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    ///
    /// # Cancel safety
    /// Cancel safe: calling it again begins again.
    pub async fn reload(&mut self) -> Result<Option<T>, CheckpointError> {
        self.bytes.reload().await?;
        self.value()
    }

    fn format(&self, source: serde_json::Error) -> CheckpointError {
        CheckpointError::Format { key: self.bytes.key().clone(), source }
    }
}

impl<T> fmt::Debug for Checkpoint<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint").field("key", self.bytes.key()).finish_non_exhaustive()
    }
}

/// The saved state of one key, as bytes. Made by [`Assignment::checkpoint_bytes`].
///
/// Dropping it changes nothing: what was saved stays, and the record stays sealed.
pub struct CheckpointBytes {
    register: Arc<Register>,
}

impl CheckpointBytes {
    /// The key.
    pub fn key(&self) -> &Key {
        self.register.key()
    }

    /// The newest value that is known to be stored; `None` if nobody has saved one. It does not ask the
    /// store.
    pub fn value(&self) -> Option<Bytes> {
        self.register.value()
    }

    /// Saves the value in place of the one before. At most [`MAX_CHECKPOINT`](crate::store::MAX_CHECKPOINT)
    /// bytes, or less if the server accepts only smaller messages.
    ///
    /// # Errors
    /// As [`Checkpoint::save`], and [`CheckpointError::TooLarge`].
    ///
    /// # Cancel safety
    /// As [`Checkpoint::save`].
    pub async fn save(&mut self, value: impl Into<Bytes>) -> Result<(), CheckpointError> {
        self.register.save(value.into(), None).await
    }

    /// Saves the value and marks the message as done, in one write: see [`Checkpoint::save_with`].
    ///
    /// # Errors
    /// As [`Checkpoint::save_with`].
    ///
    /// # Cancel safety
    /// As [`Checkpoint::save`].
    pub async fn save_with(
        &mut self,
        value: impl Into<Bytes>,
        message: &Message,
    ) -> Result<(), CheckpointError> {
        if !message.is_of(&self.register) {
            return Err(CheckpointError::Over { key: self.key().clone() });
        }
        self.register.save(value.into(), Some(message.mark())).await
    }

    /// Finds out what became of a save that was dropped or that ended with
    /// [`CheckpointError::Unknown`], then returns the stored value. If nothing is in doubt, it does not
    /// ask the store.
    ///
    /// # Errors
    /// As [`Checkpoint::save`].
    ///
    /// # Cancel safety
    /// Cancel safe: calling it again begins again.
    pub async fn reload(&mut self) -> Result<Option<Bytes>, CheckpointError> {
        self.register.settle().await?;
        Ok(self.value())
    }
}

impl fmt::Debug for CheckpointBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointBytes").field("key", self.key()).finish_non_exhaustive()
    }
}
