//! The messages of one key from one stream.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::attempts::{Attempts, Count, Next};
use super::error::InboxError;
use super::message::{Message, Track};
use super::{Messages, SAVE_MESSAGES, Settings, StartAt};
use crate::assignment::Assignment;
use crate::backoff::{Backoff, sleep_until};
use crate::checkpoint::InboxClaim;
use crate::store::{
    Delivery, FollowStream, MessageStream, MessageStreams, Position, SourceError, StoreError,
    StreamState,
};

/// The messages of a key, one after another. Opened with [`Assignment::messages`].
///
/// Dropping it loses the marks that were not saved, which means that those messages are given again.
/// Call [`next`](Self::next) until it returns `None`, or [`close`](Self::close).
pub struct Inbox {
    mine: Assignment,
    streams: Arc<dyn MessageStreams>,
    settings: Settings,
    track: Arc<Track>,
    attempts: Attempts,
    claim: InboxClaim,
    /// `None` after an interruption.
    source: Option<Box<dyn MessageStream>>,
    pauses: Backoff,
    /// A message that came and was not given out.
    waiting: Option<Delivery>,
    /// The last sequence that came.
    came: u64,
    /// Messages given out since the positions were saved.
    unsaved: u32,
    expired: u64,
    is_over: bool,
}

impl Inbox {
    pub(super) async fn open(messages: Messages) -> Result<Self, InboxError> {
        let Messages { mine, stream, filter, settings } = messages;
        let streams = mine.registers().messages().map_err(SourceError::Store)?;
        // Before anything is sealed: what does not exist costs nothing.
        let state = streams.inspect(&stream, &filter).await?;
        let register = mine.registers().open_once(&mine).await?;
        let claim = register.open_inbox(&stream, &filter);
        let track = Arc::new(Track::new(register, stream, filter, settings.pace));
        let expired = begin(&track, &settings, state)?;
        // What begins with new messages begins there also after a crash.
        if settings.start == StartAt::New {
            track.save().await?;
        }
        let position = track.change(|position| position.clone());
        let attempts = Attempts::new(&position, settings.max_deliver, SAVE_MESSAGES);
        let mut inbox = Self {
            mine,
            streams,
            settings,
            track,
            attempts,
            claim,
            source: None,
            pauses: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            waiting: None,
            came: position.done,
            unsaved: 0,
            expired,
            is_over: false,
        };
        let source = inbox.follow().await?;
        if source.waiting_at_first() == Some(0) {
            // Nothing of this key up to the end that the stream had before: when that expires, the key
            // has missed nothing.
            inbox.track.change(|position| position.done = position.done.max(state.last));
        }
        inbox.source = Some(source);
        Ok(inbox)
    }

    /// The next message of the key. `None` when the key has to stop on this node: the marks are saved
    /// then, and no message comes any more.
    ///
    /// A message that is not marked as done does not come again from this inbox: the next one comes.
    /// Work on one at a time, or on several and mark the last.
    ///
    /// It waits through outages: the deliveries begin again after the last message.
    ///
    /// # Errors
    /// [`InboxError::Checkpoint`] if a position could not be saved: after
    /// [`Fenced`](crate::checkpoint::CheckpointError::Fenced) the key is another owner's.
    /// [`InboxError::Poison`] if the work on the message has started too often. [`InboxError::Source`],
    /// [`InboxError::Recreated`] if the stream was deleted or changed. Calling it again tries again.
    ///
    /// # Cancel safety
    /// Cancel safe: a message that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Result<Option<Message>, InboxError> {
        loop {
            if !self.claim.is_newest() {
                let key = self.mine.key().clone();
                return Err(InboxError::OpenedAgain { key });
            }
            if self.is_over || self.mine.is_cancelled() || !self.mine.is_valid() {
                return self.stop().await;
            }
            if self.unsaved >= SAVE_MESSAGES {
                self.save().await?;
            }
            if self.waiting.is_none() {
                self.waiting = self.receive().await?;
            }
            if let Some(message) = self.start().await? {
                return Ok(Some(message));
            }
        }
    }

    /// How many messages may have expired before this key read them, at most: messages of the stream
    /// below its first sequence. It is not known how many of them were of this key.
    pub fn expired(&self) -> u64 {
        self.expired
    }

    /// Marks the message as done that [`next`](Self::next) has reported as [`InboxError::Poison`], and
    /// goes on after it. Does nothing if there is none.
    ///
    /// # Errors
    /// [`InboxError::Checkpoint`].
    ///
    /// # Cancel safety
    /// As [`Message::done`].
    pub async fn skip(&mut self) -> Result<(), InboxError> {
        if let Some(skipped) = self.waiting.take() {
            let (key, sequence) = (self.mine.key(), skipped.sequence);
            let stream = &self.track.stream;
            tracing::warn!(%key, stream, sequence, "message skipped");
            self.track.mark(sequence);
            self.save().await?;
        }
        Ok(())
    }

    /// Saves the marks and ends the deliveries.
    ///
    /// # Errors
    /// [`InboxError::Checkpoint`] if the marks could not be saved.
    ///
    /// # Cancel safety
    /// If it is dropped, it is unknown whether the marks were saved.
    pub async fn close(mut self) -> Result<(), InboxError> {
        self.stop().await.map(drop)
    }

    async fn stop(&mut self) -> Result<Option<Message>, InboxError> {
        if !std::mem::replace(&mut self.is_over, true) {
            let source = self.source.take();
            let close = async {
                if let Some(source) = source {
                    // What is not deleted in time, the backend removes.
                    let _ = tokio::time::timeout(CLOSE_DEADLINE, source.close()).await;
                }
            };
            let (saved, ()) = tokio::join!(self.save(), close);
            saved?;
        }
        Ok(None)
    }

    async fn save(&mut self) -> Result<(), InboxError> {
        self.track.save().await?;
        self.unsaved = 0;
        Ok(())
    }

    /// The next message that comes; `None` if the key has to stop.
    async fn receive(&mut self) -> Result<Option<Delivery>, InboxError> {
        loop {
            let Some(source) = &mut self.source else {
                let cancel = self.mine.cancellation_token();
                let again = self.follow_again();
                match cancel.run_until_cancelled(again).await {
                    Some(followed) => followed?,
                    None => return Ok(None),
                }
                continue;
            };
            let next = if let Some(next) = source.ready() {
                next
            } else {
                tokio::select! {
                    next = source.next() => next,
                    () = self.mine.cancelled() => return Ok(None),
                    () = sleep_until(self.track.due()) => {
                        self.save().await?;
                        continue;
                    }
                }
            };
            match next {
                Ok(delivery) => {
                    self.pauses.reset();
                    self.came = delivery.sequence;
                    return Ok(Some(delivery));
                }
                Err(error) if is_passing(&error) => {
                    tracing::debug!(key = %self.mine.key(), %error, "messages interrupted");
                    self.source = None;
                }
                Err(error) => {
                    self.source = None;
                    return Err(error.into());
                }
            }
        }
    }

    /// Begins the work on the message that came. `None`: there is none, or it was put aside.
    async fn start(&mut self) -> Result<Option<Message>, InboxError> {
        let Some(delivery) = &self.waiting else { return Ok(None) };
        let sequence = delivery.sequence;
        let attempts = &mut self.attempts;
        match self.track.change(|position| attempts.next(position, sequence)) {
            Next::Poison { attempts } => {
                self.put_aside(attempts).await?;
                Ok(None)
            }
            Next::Start { attempt, count } => {
                if count == Count::Store {
                    self.save().await?;
                    // The write took time.
                    if self.mine.is_cancelled() || !self.mine.is_valid() {
                        return Ok(None);
                    }
                }
                self.unsaved += 1;
                let delivery = self.waiting.take();
                Ok(delivery.map(|it| Message::new(it, attempt, Arc::clone(&self.track))))
            }
        }
    }

    /// Publishes a message that was started too often where the application wants it, and goes on.
    async fn put_aside(&mut self, attempts: u32) -> Result<(), InboxError> {
        let Some(delivery) = &self.waiting else { return Ok(()) };
        let (key, stream, sequence) = (self.mine.key(), &self.track.stream, delivery.sequence);
        let Some(subject) = &self.settings.poison_subject else {
            tracing::warn!(%key, stream, sequence, attempts, "message started too often: its key waits");
            let (key, stream) = (key.clone(), stream.clone());
            return Err(InboxError::Poison { key, stream, sequence, attempts });
        };
        let mut headers = delivery.headers.clone();
        let added = [
            ("Divider-Key", key.to_string()),
            ("Divider-Stream", stream.clone()),
            ("Divider-Subject", delivery.subject.clone()),
            ("Divider-Sequence", sequence.to_string()),
            ("Divider-Attempts", attempts.to_string()),
        ];
        headers.extend(added.map(|(name, value)| (name.to_owned(), value)));
        let published = self.streams.publish(subject, headers, delivery.payload.clone());
        published.await.map_err(SourceError::Store)?;
        tracing::warn!(%key, stream, sequence, attempts, subject, "message started too often: put aside");
        self.track.mark(sequence);
        self.waiting = None;
        self.save().await
    }

    async fn follow_again(&mut self) -> Result<(), InboxError> {
        tokio::time::sleep(self.pauses.next(getrandom::u32().unwrap_or(0))).await;
        match self.follow_checked().await {
            Ok(source) => {
                self.source = Some(source);
                Ok(())
            }
            Err(InboxError::Source(error)) if is_passing(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Follows, if the stream is the one that was read.
    async fn follow_checked(&mut self) -> Result<Box<dyn MessageStream>, InboxError> {
        let (stream, filter) = (&self.track.stream, &self.track.filter);
        let state = self.streams.inspect(stream, filter).await?;
        let position = self.track.change(|position| position.clone());
        if is_other_stream(&position, state) {
            return Err(self.track.recreated(&position, state));
        }
        self.follow().await
    }

    async fn follow(&mut self) -> Result<Box<dyn MessageStream>, InboxError> {
        let (stream, filter) = (self.track.stream.clone(), self.track.filter.clone());
        Ok(self.streams.follow(FollowStream::new(stream, filter, self.came + 1)).await?)
    }
}

impl Track {
    fn recreated(&self, position: &Position, state: StreamState) -> InboxError {
        let (key, stream) = (self.register.key().clone(), self.stream.clone());
        InboxError::Recreated { key, stream, done: position.done, last: state.last }
    }
}

/// Finds where the key goes on, or where it begins. Returns how many messages may have expired unread.
fn begin(track: &Track, settings: &Settings, state: StreamState) -> Result<u64, InboxError> {
    let mut position = track.change(|position| position.clone());
    let is_new = position.created_ns == 0;
    let is_other = !is_new && is_other_stream(&position, state);
    if is_other && !settings.accepts_new_stream {
        return Err(track.recreated(&position, state));
    }
    let mut expired = 0;
    if is_new || is_other {
        position = Position::new(&track.stream, &track.filter, state.created_ns);
        position.done = match settings.start {
            StartAt::First => 0,
            StartAt::New => state.last,
            StartAt::Sequence(first) => first.saturating_sub(1).min(state.last),
        };
    } else if position.done + 1 < state.first {
        expired = state.first - position.done - 1;
        let (key, stream) = (track.register.key(), &track.stream);
        tracing::warn!(%key, stream, done = position.done, first = state.first, expired,
            "messages of the stream have expired; the key may not have read all of its own");
    }
    track.change(|own| *own = position);
    Ok(expired)
}

/// Whether the sequences of the position are not those of the stream.
fn is_other_stream(position: &Position, state: StreamState) -> bool {
    position.created_ns != state.created_ns || position.done > state.last.max(state.first - 1)
}

/// Whether the deliveries may begin again.
fn is_passing(error: &SourceError) -> bool {
    match error {
        SourceError::Interrupted { .. } => true,
        SourceError::Store(error) => {
            matches!(error, StoreError::Timeout { .. } | StoreError::Unreachable { .. })
        }
        _ => false,
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("key", self.mine.key())
            .field("stream", &self.track.stream)
            .field("filter", &self.track.filter)
            .finish_non_exhaustive()
    }
}

/// How long ending the deliveries may take.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

/// The pause after an interruption, and the longest while they go on.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
