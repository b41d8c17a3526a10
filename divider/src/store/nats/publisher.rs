//! Writes: pipelined publishes, as many as a server takes in.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Subject;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use super::super::{Outcome, StoreError, Write};
use super::acks::{Acks, Answer};
use super::api::Api;
use super::message;
use super::subjects::Subjects;
use crate::backoff::Backoff;
use divider_core::log::check_write;

/// How many writes are on their way at once; further ones wait for their turn, within their time. A
/// server holds 10 000 for a stream (`max_buffered_msgs`), of all its clients, and drops what is more.
const MAX_IN_FLIGHT: usize = 4096;

/// How long a write waits that the stream had no room for, before it is sent again.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Publishes writes and waits for what becomes of them.
#[derive(Debug)]
pub(super) struct Publisher {
    api: Api,
    subjects: Arc<Subjects>,
    pub(super) acks: Acks,
    room: Semaphore,
    looking: AsyncMutex<()>,
}

impl Publisher {
    pub(super) async fn new(api: Api, subjects: Subjects) -> Result<Self, StoreError> {
        let subjects = Arc::new(subjects);
        let acks = Acks::open(&api.connection, Arc::clone(&subjects)).await?;
        let (room, looking) = (Semaphore::new(MAX_IN_FLIGHT), AsyncMutex::new(()));
        Ok(Self { api, subjects, acks, room, looking })
    }

    /// Publishes one write and waits for what becomes of it, at most for the request time-out.
    pub(super) async fn write(&self, write: Write) -> Outcome {
        if let Err(error) = check_write(&write) {
            return Outcome::Refused(error);
        }
        self.write_any(write).await
    }

    /// The same without a check of the limits, for what somebody else has written.
    pub(super) async fn write_any(&self, write: Write) -> Outcome {
        self.write_after(write, None).await
    }

    /// The same for a write that the server dropped, after a pause.
    pub(super) async fn write_dropped(&self, write: Write) -> Outcome {
        tokio::time::sleep(pauses().next(getrandom::u32().unwrap_or(0))).await;
        self.write_after(write, Some(Sent::Dropped)).await
    }

    /// The subject of a write.
    pub(super) fn subject(&self, write: &Write) -> Subject {
        self.subjects.of(write)
    }

    async fn write_after(&self, write: Write, mut sent: Option<Sent>) -> Outcome {
        let subject = self.subjects.of(&write);
        let publish = self.publish(&subject, write, &mut sent);
        match tokio::time::timeout(self.api.timeout, publish).await {
            Ok(outcome) => outcome,
            // It never left this process, so it never lands.
            Err(_) => match sent {
                None => Outcome::Refused(self.no_turn()),
                Some(Sent::Open) => Outcome::Unknown(self.api.timeout_error(&subject)),
                Some(Sent::Dropped) => Outcome::Unknown(too_much(&subject)),
            },
        }
    }

    /// Sends it until the stream has room for it: what was dropped is the same write again.
    async fn publish(&self, subject: &Subject, write: Write, sent: &mut Option<Sent>) -> Outcome {
        self.wait_for_connection().await;
        let _room = self.room.acquire().await.expect("it is never closed");
        let mut pauses = pauses();
        loop {
            let again = sent.replace(Sent::Open).is_some();
            match self.publish_once(subject, &write).await {
                // Two servers that both think that they lead may have dropped it and stored it.
                Answer::Outcome(Outcome::Conflict) if again => {
                    return Outcome::Unknown(too_much(subject));
                }
                Answer::Outcome(outcome) => return outcome,
                Answer::Dropped => *sent = Some(Sent::Dropped),
            }
            tokio::time::sleep(pauses.next(getrandom::u32().unwrap_or(0))).await;
            self.wait_for_connection().await;
        }
    }

    async fn publish_once(&self, subject: &Subject, write: &Write) -> Answer {
        let ticket = self.acks.take_ticket(subject.clone());
        let reply = ticket.reply();
        let headers = message::headers(write);
        let value = write.value.clone().unwrap_or_default();
        let client = &self.api.connection.client;
        let publish = client.publish_with_reply_and_headers(subject.clone(), reply, headers, value);
        // Boxed, since it is large and soon over: the write itself stays small for as long as it waits.
        if let Err(error) = Box::pin(publish).await {
            let what = error.to_string();
            return Answer::Outcome(Outcome::Refused(StoreError::Unreachable { what }));
        }
        let lost = || Answer::Outcome(Outcome::Unknown(self.api.connection.unreachable()));
        ticket.answer().await.unwrap_or_else(lost)
    }

    /// The client would keep a write until the connection is back, and send it then, late.
    async fn wait_for_connection(&self) {
        if self.api.connection.is_up() {
            return;
        }
        // One looks, the others queue behind it.
        let _turn = self.looking.lock().await;
        self.api.connection.up().await;
    }

    /// Why a write was not sent in its time.
    fn no_turn(&self) -> StoreError {
        if !self.api.connection.is_up() {
            return self.api.connection.unreachable();
        }
        let after = self.api.timeout;
        let what = format!("not sent: {MAX_IN_FLIGHT} other writes had no reply within {after:?}");
        StoreError::Unreachable { what }
    }
}

/// The pauses before a write is sent again.
fn pauses() -> Backoff {
    Backoff::new(FIRST_PAUSE, LONGEST_PAUSE)
}

/// How far a write got.
#[derive(Debug, Clone, Copy)]
enum Sent {
    /// Sent, and not answered.
    Open,
    /// The server dropped it.
    Dropped,
}

fn too_much(subject: &Subject) -> StoreError {
    StoreError::Other {
        what: format!(
            "{subject}: more is written than the stream takes in (let fewer write at once, or raise \
             max_buffered_msgs of nats-server)"
        ),
    }
}
