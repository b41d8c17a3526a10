//! The messages of a key, in order, to its one owner.
//!
//! [`Assignment::messages`] reads the messages of a stream that match a subject filter, such as all
//! orders of one region. They come at least once, one after another, in the order of the stream, and
//! only to the node that owns the key; also when the key moves, and when a node crashes or is frozen.
//!
//! How far the key has read is not in a consumer of the server but in the key's
//! [checkpoint](crate::checkpoint), where a node that lost the key can move nothing. So the value of a
//! checkpoint and the position can be saved in one write
//! ([`save_with`](crate::checkpoint::Checkpoint::save_with)): then each message counts exactly once in
//! the value.
//!
//! ```no_run
//! # use divider::{Assignment, BoxError, Finish};
//! async fn work(mine: Assignment) -> Result<Finish, BoxError> {
//!     let filter = format!("orders.{}.>", mine.key());
//!     let mut state = mine.checkpoint::<u64>().await?;
//!     let mut inbox = mine.messages("ORDERS", filter).await?;
//!     let mut count = state.value()?.unwrap_or_default();
//!     while let Some(message) = inbox.next().await? {
//!         count += 1;
//!         state.save_with(&count, &message).await?; // or `message.done().await?`, without a value
//!     }
//!     Ok(Finish::Release) // the key has to stop here
//! }
//! ```
//!
//! # What it needs
//!
//! - A stream with the retention `limits`, the default. Streams with the retention `workqueue` or
//!   `interest` delete a message when a consumer acknowledges it. They are refused
//!   ([`SourceError::Retention`](crate::store::SourceError::Retention)).
//! - The rights that `nats-users.conf` lists for a worker that reads messages.
//!
//! # What it costs
//!
//! One ephemeral consumer for each key that reads, and one write of the checkpoint for every 256
//! messages or 200 ms. Such a write contains the value of the checkpoint: if that is large, save less
//! often ([`Messages::save_every`]) or with `save_with`. An inbox holds at most 256 messages that were
//! not given out.

mod attempts;
mod error;
mod inbox;
mod message;

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::assignment::Assignment;
use message::Pace;

pub use error::InboxError;
pub use inbox::Inbox;
pub use message::Message;

impl Assignment {
    /// Reads the messages of a stream that match the filter, in order, as the one owner of the key:
    /// await what this returns. See [`messages`](crate::messages).
    ///
    /// The filter is a subject, perhaps with the wildcards `*` and `>`. A key may read several filters,
    /// each with its own position.
    ///
    /// # Errors
    /// [`InboxError::Source`]: the stream does not exist, has no subject that the filter matches, or
    /// has a retention that does not fit; or the backend has no messages. [`InboxError::Recreated`].
    /// [`InboxError::Checkpoint`], as of [`checkpoint`](Self::checkpoint).
    ///
    /// # Cancel safety
    /// Cancel safe: calling it again begins again. The checkpoint may be sealed.
    pub fn messages(&self, stream: impl Into<String>, filter: impl Into<String>) -> Messages {
        Messages {
            mine: self.clone(),
            stream: stream.into(),
            filter: filter.into(),
            settings: Settings {
                start: StartAt::First,
                max_deliver: MAX_DELIVER,
                poison_subject: None,
                accepts_new_stream: false,
                pace: Pace { span: SAVE_SPAN, messages: SAVE_MESSAGES },
            },
        }
    }
}

/// An inbox that is to be opened: see [`Assignment::messages`].
#[must_use = "nothing is read before it is awaited"]
pub struct Messages {
    mine: Assignment,
    stream: String,
    filter: String,
    settings: Settings,
}

#[derive(Debug, Clone)]
struct Settings {
    start: StartAt,
    max_deliver: u32,
    poison_subject: Option<String>,
    accepts_new_stream: bool,
    pace: Pace,
}

/// Where a key begins that has no position in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StartAt {
    /// At the first message that the stream holds.
    #[default]
    First,
    /// At the first message that is stored after the inbox was opened.
    New,
    /// At this sequence.
    Sequence(u64),
}

impl Messages {
    /// Where a key begins that has no position in the stream: at the first message, unless set. A key
    /// that has a position goes on after it.
    pub fn start_at(mut self, start: StartAt) -> Self {
        self.settings.start = start;
        self
    }

    /// How many times the work on one message may start: 20 unless set, at least 1. When it was never
    /// done after so many starts, it goes to the [`poison_subject`](Self::poison_subject), or the key
    /// waits with [`InboxError::Poison`].
    ///
    /// A move of the key during the work on a message counts, too. To save writes, a start is not
    /// counted if the message before it was done: an inbox counts the first message that it gives out,
    /// and counts every one after something has ended an inbox during the work. So a message that ends
    /// the process starts a few times more often than this.
    pub fn max_deliver(mut self, starts: u32) -> Self {
        self.settings.max_deliver = starts.max(1);
        self
    }

    /// Where a message goes whose work has started too often. Its headers stay, and these are added:
    /// `Divider-Key`, `Divider-Stream`, `Divider-Subject`, `Divider-Sequence`, `Divider-Attempts`. A
    /// stream must store the subject; until it does, the key waits. A message may arrive there twice.
    ///
    /// Unless set, the key waits.
    pub fn poison_subject(mut self, subject: impl Into<String>) -> Self {
        self.settings.poison_subject = Some(subject.into());
        self
    }

    /// Begins as a key without a position if the stream was deleted and created again. Unless set, that
    /// is [`InboxError::Recreated`].
    pub fn accept_new_stream(mut self) -> Self {
        self.settings.accepts_new_stream = true;
        self
    }

    /// How often positions are saved while messages are marked as [done](Message::done): after that many
    /// messages, or that long after the first of them, whichever comes first; 256 and 200 ms unless set.
    /// What was not saved is given again after a crash. `save_every(Duration::ZERO, 1)` saves each.
    pub fn save_every(mut self, span: Duration, messages: u32) -> Self {
        self.settings.pace = Pace { span, messages: messages.clamp(1, SAVE_MESSAGES) };
        self
    }
}

impl IntoFuture for Messages {
    type Output = Result<Inbox, InboxError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(Inbox::open(self))
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("key", self.mine.key())
            .field("stream", &self.stream)
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}

const MAX_DELIVER: u32 = 20;

/// Positions are saved after so many messages.
const SAVE_MESSAGES: u32 = 256;

/// Positions are saved so long after the first mark.
const SAVE_SPAN: Duration = Duration::from_millis(200);
