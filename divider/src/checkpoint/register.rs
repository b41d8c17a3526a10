//! The checkpoint of one assignment: a register that is sealed, then written by compare-and-set.
//!
//! A write is *in doubt* from the moment it is sent until its outcome is known: it may land later. Only
//! a compare-and-set over the same revision settles that. Either it wins, and the earlier write can
//! never land; or it loses, and the record that is read then is the answer.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, timeout_at};

use super::change::{Change, Mark};
use super::error::CheckpointError;
use super::inboxes::{InboxClaim, Inboxes};
use crate::backoff::Backoff;
use crate::id::{Revision, Token};
use crate::key::Key;
use crate::store::{
    CheckpointContent, CheckpointRecord, CheckpointWrite, Checkpoints, MAX_POSITIONS, Outcome,
    Position, StoreError,
};

/// What all handles of one assignment share.
pub(crate) struct Register {
    checkpoints: Arc<dyn Checkpoints>,
    key: Key,
    token: Token,
    /// How far the key has read its streams. It may be ahead of what is stored, never behind.
    positions: Mutex<Vec<Position>>,
    /// One write is under way at a time.
    stored: AsyncMutex<Stored>,
    /// The newest content that is known to be stored.
    known: Mutex<CheckpointContent>,
    inboxes: Inboxes,
}

/// What is known of the record.
#[derive(Debug, Default)]
struct Stored {
    /// `None`: this assignment has not sealed it.
    sealed: Option<Sealed>,
    /// The assignment is over, or has deleted the record.
    closed: bool,
}

#[derive(Debug)]
struct Sealed {
    /// The revision to write over.
    revision: Revision,
    /// The highest revision that is known. A read that shows a lower one is old, or the store has lost
    /// writes that it had acknowledged.
    newest: Revision,
    content: CheckpointContent,
    /// A write may land still, or the record may not be `content`.
    in_doubt: bool,
}

impl Sealed {
    fn new(revision: Revision, content: CheckpointContent) -> Self {
        Self { revision, newest: revision, content, in_doubt: false }
    }
}

impl Register {
    pub(super) fn new(checkpoints: Arc<dyn Checkpoints>, key: Key, token: Token) -> Self {
        Self {
            checkpoints,
            key,
            token,
            positions: Mutex::default(),
            stored: AsyncMutex::default(),
            known: Mutex::default(),
            inboxes: Inboxes::default(),
        }
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// Reads what was saved and seals it. If this assignment has done that, it writes the record again,
    /// which shows that no newer one has it.
    pub(crate) async fn open(&self) -> Result<(), CheckpointError> {
        self.open_by(&Change::Reseal).await
    }

    /// The same, but if this assignment has sealed the record, it only settles what is in doubt.
    pub(crate) async fn open_once(&self) -> Result<(), CheckpointError> {
        self.open_by(&Change::Settle).await
    }

    async fn open_by(&self, again: &Change) -> Result<(), CheckpointError> {
        let deadline = Instant::now() + self.checkpoints.request_timeout() * SEAL_REQUESTS;
        let opening = async {
            let mut stored = self.stored.lock().await;
            if stored.closed {
                return Err(CheckpointError::Over { key: self.key.clone() });
            }
            match stored.sealed {
                Some(_) => self.write(&mut stored, again).await,
                None => self.seal(&mut stored).await,
            }
        };
        timeout_at(deadline, opening).await.unwrap_or_else(|_| Err(self.timed_out("seal")))
    }

    /// The newest value that is known to be stored.
    pub(crate) fn value(&self) -> Option<Bytes> {
        self.known().value.clone()
    }

    /// Saves a value and what is done with it, and the positions.
    pub(crate) async fn save(
        &self,
        value: Bytes,
        done: Option<Mark>,
    ) -> Result<(), CheckpointError> {
        let (found, limit) = (value.len(), self.checkpoints.max_value());
        if found > limit {
            return Err(CheckpointError::TooLarge { found, limit });
        }
        self.carry_out(Change::Value(value, done)).await
    }

    /// Saves the positions, if they are ahead of what is stored.
    pub(crate) async fn save_positions(&self) -> Result<(), CheckpointError> {
        self.carry_out(Change::Positions).await
    }

    /// Finds out what became of a save that was dropped or timed out.
    pub(crate) async fn settle(&self) -> Result<(), CheckpointError> {
        self.carry_out(Change::Settle).await
    }

    /// The key exists no more: what is left expires after this time.
    pub(crate) async fn expire(&self, ttl: Duration) -> Result<(), CheckpointError> {
        self.carry_out(Change::Expire(ttl)).await
    }

    /// The key was completed: its checkpoint is deleted.
    pub(crate) async fn delete(&self, tombstone_ttl: Duration) -> Result<(), CheckpointError> {
        self.carry_out(Change::Delete(tombstone_ttl)).await
    }

    /// The positions, to be read or moved. They are stored with the next write.
    pub(crate) fn positions(&self) -> MutexGuard<'_, Vec<Position>> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens an inbox, which ends the ones with the same stream and filter.
    pub(crate) fn open_inbox(&self, stream: &str, filter: &str) -> InboxClaim {
        self.inboxes.open(stream, filter)
    }

    async fn carry_out(&self, change: Change) -> Result<(), CheckpointError> {
        let deadline = Instant::now() + self.checkpoints.request_timeout();
        let writing = async {
            let mut stored = self.stored.lock().await;
            self.write(&mut stored, &change).await
        };
        match timeout_at(deadline, writing).await {
            Ok(result) => result,
            Err(_) if self.is_settled() => Err(self.refused(self.timeout("save"))),
            Err(_) => Err(self.timed_out("save")),
        }
    }

    /// Whether no write of this assignment may land any more.
    fn is_settled(&self) -> bool {
        let stored = self.stored.try_lock();
        stored.is_ok_and(|stored| stored.sealed.as_ref().is_some_and(|sealed| !sealed.in_doubt))
    }

    /// Reads the newest record and writes this token over it, until that is known to be done.
    async fn seal(&self, stored: &mut Stored) -> Result<(), CheckpointError> {
        let mut pauses = pauses();
        loop {
            let found = match self.checkpoints.read(&self.key).await {
                Ok(found) => found,
                Err(error) if is_passing(&error) => {
                    pause(&mut pauses).await;
                    continue;
                }
                Err(source) => return Err(self.refused(source)),
            };
            let (revision, content) = self.take_over(found)?;
            match self.send(revision, Some(content.clone()), None).await {
                Outcome::Acked(revision) => {
                    self.on_stored(&content);
                    stored.sealed = Some(Sealed::new(revision, content));
                    return Ok(());
                }
                Outcome::Refused(error) if !is_passing(&error) => return Err(self.refused(error)),
                Outcome::Conflict | Outcome::Refused(_) | Outcome::Unknown(_) => {}
            }
            pause(&mut pauses).await;
        }
    }

    /// The revision to write over, and what is kept of it.
    fn take_over(
        &self,
        found: Option<CheckpointRecord>,
    ) -> Result<(Revision, CheckpointContent), CheckpointError> {
        match found {
            Some(record) if record.token > self.token => Err(self.fenced(record.token)),
            Some(record) => Ok((record.revision, record.content.unwrap_or_default())),
            None => Ok((Revision::NONE, CheckpointContent::default())),
        }
    }

    /// Writes until the record is known to be as wanted.
    async fn write(&self, stored: &mut Stored, change: &Change) -> Result<(), CheckpointError> {
        if stored.closed {
            return Err(CheckpointError::Over { key: self.key.clone() });
        }
        let mut pauses = pauses();
        let mut last = None;
        loop {
            let Some(sealed) = &mut stored.sealed else {
                return Err(CheckpointError::Gone { key: self.key.clone() });
            };
            let (wanted, ttl) = self.wanted(&sealed.content, change)?;
            if change.is_done(!sealed.in_doubt, &sealed.content, wanted.as_ref()) {
                return Ok(());
            }
            let was_in_doubt = std::mem::replace(&mut sealed.in_doubt, true);
            match self.send(sealed.revision, wanted.clone(), ttl).await {
                Outcome::Acked(revision) => {
                    let content = wanted.unwrap_or_default();
                    self.on_stored(&content);
                    stored.sealed = Some(Sealed::new(revision, content));
                    stored.closed = change.is_last();
                    return Ok(());
                }
                Outcome::Refused(error) => {
                    sealed.in_doubt = was_in_doubt;
                    if !is_passing(&error) {
                        return Err(self.refused(error));
                    }
                    last = Some(error);
                }
                Outcome::Unknown(error) if is_passing(&error) => last = Some(error),
                Outcome::Unknown(source) => return Err(self.unknown(source)),
                Outcome::Conflict => {
                    if self.adopt(stored).await? {
                        continue;
                    }
                }
            }
            if let Some(error) = &last {
                tracing::debug!(key = %self.key, %error, "a checkpoint is written again");
            }
            pause(&mut pauses).await;
        }
    }

    /// The record is not what was expected: reads what it is. `false`: that is not known yet.
    async fn adopt(&self, stored: &mut Stored) -> Result<bool, CheckpointError> {
        let Some(sealed) = &mut stored.sealed else { return Ok(true) };
        let found = match self.checkpoints.read(&self.key).await {
            Ok(found) => found,
            Err(error) if is_passing(&error) => return Ok(false),
            Err(source) => return Err(self.unknown(source)),
        };
        let Some(record) = found else {
            stored.sealed = None;
            return Err(CheckpointError::Gone { key: self.key.clone() });
        };
        if record.token > self.token {
            return Err(self.fenced(record.token));
        }
        sealed.revision = record.revision;
        if record.token == self.token && record.revision > sealed.newest {
            // An own write that was in doubt has landed, and no other one can.
            let Some(content) = record.content else {
                stored.closed = true;
                return Err(CheckpointError::Over { key: self.key.clone() });
            };
            self.on_stored(&content);
            *sealed = Sealed::new(record.revision, content);
            return Ok(true);
        }
        // The read is old; or the store has lost writes that it had acknowledged; or somebody wrote by
        // hand. What this assignment has saved is newer, so it is written again.
        Ok(false)
    }

    /// What the record is to be, and its time to live.
    fn wanted(
        &self,
        stored: &CheckpointContent,
        change: &Change,
    ) -> Result<(Option<CheckpointContent>, Option<Duration>), CheckpointError> {
        let mut positions = self.positions().clone();
        if let Change::Value(_, Some(mark)) = change {
            mark.apply(&mut positions);
        }
        if positions.len() > MAX_POSITIONS {
            let key = self.key.clone();
            return Err(CheckpointError::TooManyStreams { key, limit: MAX_POSITIONS });
        }
        let value = match change {
            Change::Value(value, _) => Some(value.clone()),
            Change::Positions | Change::Settle | Change::Reseal | Change::Expire(_) => {
                stored.value.clone()
            }
            Change::Delete(ttl) => return Ok((None, Some(*ttl))),
        };
        let ttl = if let Change::Expire(ttl) = change { Some(*ttl) } else { None };
        Ok((Some(CheckpointContent::new(value, positions)), ttl))
    }

    async fn send(
        &self,
        expected: Revision,
        content: Option<CheckpointContent>,
        ttl: Option<Duration>,
    ) -> Outcome {
        let mut write = CheckpointWrite::new(self.key.clone(), expected, self.token, content);
        write.ttl = ttl;
        // The rest of the time is for finding out what became of it.
        let after = self.checkpoints.request_timeout() / 2;
        let written = tokio::time::timeout(after, self.checkpoints.write(write)).await;
        written.unwrap_or_else(|_| {
            let what = format!("write the checkpoint of {}", self.key);
            Outcome::Unknown(StoreError::Timeout { what, after })
        })
    }

    /// What is stored is known. A position in it may be ahead: a write that was in doubt has landed.
    fn on_stored(&self, content: &CheckpointContent) {
        let mut positions = self.positions();
        for stored in &content.positions {
            let of_same = |own: &&mut Position| own.is_of(&stored.stream, &stored.filter);
            match positions.iter_mut().find(of_same) {
                Some(own) if own.created_ns == stored.created_ns => {
                    own.done = own.done.max(stored.done);
                }
                Some(_) => {}
                None => positions.push(stored.clone()),
            }
        }
        drop(positions);
        *self.known() = content.clone();
    }

    /// The newest content that is known to be stored.
    pub(crate) fn known(&self) -> MutexGuard<'_, CheckpointContent> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fenced(&self, newer: Token) -> CheckpointError {
        CheckpointError::Fenced { key: self.key.clone(), token: self.token, newer }
    }

    fn refused(&self, source: StoreError) -> CheckpointError {
        CheckpointError::Refused { key: self.key.clone(), source }
    }

    fn unknown(&self, source: StoreError) -> CheckpointError {
        CheckpointError::Unknown { key: self.key.clone(), source }
    }

    fn timed_out(&self, verb: &str) -> CheckpointError {
        self.unknown(self.timeout(verb))
    }

    fn timeout(&self, verb: &str) -> StoreError {
        let what = format!("{verb} the checkpoint of {}", self.key);
        StoreError::Timeout { what, after: self.checkpoints.request_timeout() }
    }
}

/// Whether the store may answer if it is asked again.
fn is_passing(error: &StoreError) -> bool {
    matches!(error, StoreError::Timeout { .. } | StoreError::Unreachable { .. })
}

fn pauses() -> Backoff {
    Backoff::new(FIRST_PAUSE, LONGEST_PAUSE)
}

async fn pause(pauses: &mut Backoff) {
    tokio::time::sleep(pauses.next(getrandom::u32().unwrap_or(0))).await;
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register")
            .field("key", &self.key)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// Opening a checkpoint takes a read and a write, and may meet an election.
const SEAL_REQUESTS: u32 = 3;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
