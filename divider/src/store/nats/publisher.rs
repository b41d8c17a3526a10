//! Writes: pipelined publishes with one inbox for all their acknowledgements.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::{Message, StatusCode, Subject, Subscriber};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::sync::{Mutex as AsyncMutex, Semaphore, oneshot, watch as signal};
use tokio::task::AbortHandle;

use super::super::check::check_write;
use super::super::{Outcome, StoreError, Write};
use super::api::{Api, Refusal};
use super::connect::Connection;
use super::message;
use super::subjects::Subjects;
use crate::id::Revision;

/// How many writes are on their way at once; further ones wait for their turn, within their time.
const MAX_IN_FLIGHT: usize = 16 * 1024;

/// How often a write that waits for the connection looks for it.
const CONNECTION_CHECK: Duration = Duration::from_millis(20);

/// Publishes writes and tells acknowledgements apart.
#[derive(Debug)]
pub(super) struct Publisher {
    api: Api,
    subjects: Subjects,
    /// The inbox of all acknowledgements, with a dot at the end.
    inbox: String,
    waiting: Arc<Waiting>,
    next: AtomicU64,
    room: Semaphore,
    looking: AsyncMutex<()>,
    acks: AbortHandle,
}

/// The writes that wait for their acknowledgement, by the number in its subject.
#[derive(Debug, Default)]
struct Waiting(Mutex<HashMap<u64, Waiter>>);

#[derive(Debug)]
struct Waiter {
    subject: Subject,
    answer: oneshot::Sender<Outcome>,
}

impl Publisher {
    pub(super) async fn new(api: Api, subjects: Subjects) -> Result<Self, StoreError> {
        let Connection { client, runtime, .. } = &api.connection;
        let inbox = format!("{}.", client.new_inbox());
        let subscriber = client
            .subscribe(format!("{inbox}*"))
            .await
            .map_err(|error| StoreError::Unreachable { what: error.to_string() })?;
        let waiting = Arc::new(Waiting::default());
        let reader = read_acks(waiting.clone(), subscriber, api.connection.clone());
        let acks = runtime.spawn(reader).abort_handle();
        let room = Semaphore::new(MAX_IN_FLIGHT);
        Ok(Self {
            api,
            subjects,
            inbox,
            waiting,
            next: AtomicU64::new(0),
            room,
            looking: AsyncMutex::new(()),
            acks,
        })
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
        let subject = self.subjects.of(&write);
        let mut sent = false;
        let publish = self.publish(&subject, write, &mut sent);
        match tokio::time::timeout(self.api.timeout, publish).await {
            Ok(outcome) => outcome,
            Err(_) if sent => Outcome::Unknown(self.api.timeout_error(&subject)),
            // It never left this process, so it never lands.
            Err(_) => Outcome::Refused(self.unreachable()),
        }
    }

    async fn publish(&self, subject: &Subject, write: Write, sent: &mut bool) -> Outcome {
        if !self.api.connection.is_up() {
            self.wait_for_connection().await;
        }
        let _room = self.room.acquire().await.expect("it is never closed");
        let headers = message::headers(&write);
        let ticket = self.take_ticket(subject.clone());
        let reply = format!("{}{}", self.inbox, ticket.number);
        let value = write.value.unwrap_or_default();
        *sent = true;
        let client = &self.api.connection.client;
        let published =
            client.publish_with_reply_and_headers(subject.clone(), reply, headers, value).await;
        if let Err(error) = published {
            return Outcome::Refused(StoreError::Unreachable { what: error.to_string() });
        }
        ticket.outcome().await.unwrap_or_else(|| Outcome::Unknown(self.unreachable()))
    }

    /// The client would keep a write until the connection is back, and send it then, late.
    async fn wait_for_connection(&self) {
        // One looks, the others queue behind it.
        let _turn = self.looking.lock().await;
        while !self.api.connection.is_up() {
            tokio::time::sleep(CONNECTION_CHECK).await;
        }
    }

    fn take_ticket(&self, subject: Subject) -> Ticket<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, outcome) = oneshot::channel();
        self.waiting.lock().insert(number, Waiter { subject, answer });
        Ticket { waiting: &self.waiting, number, outcome }
    }

    fn unreachable(&self) -> StoreError {
        let state = self.api.connection.client.connection_state();
        StoreError::Unreachable { what: format!("the connection is {state}") }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.acks.abort();
    }
}

/// A place in the table of those who wait; given back when it is dropped.
struct Ticket<'a> {
    waiting: &'a Waiting,
    number: u64,
    outcome: oneshot::Receiver<Outcome>,
}

impl Ticket<'_> {
    async fn outcome(mut self) -> Option<Outcome> {
        (&mut self.outcome).await.ok()
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.number);
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Waiter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives an acknowledgement to whoever waits for it; one that comes too late is for nobody.
    fn answer(&self, message: &Message) {
        let number = message.subject.rsplit('.').next().and_then(|number| number.parse().ok());
        let waiter = number.and_then(|number: u64| self.lock().remove(&number));
        if let Some(waiter) = waiter {
            // It may have given up in this moment.
            let _ = waiter.answer.send(classify(message, &waiter.subject));
        }
    }

    /// Answers those whose subject the server refused.
    fn deny(&self, denied: &HashMap<String, String>) {
        let mut waiting = self.lock();
        let refused = waiting.extract_if(|_, waiter| denied.contains_key(waiter.subject.as_str()));
        for (_, waiter) in refused {
            let what = denied[waiter.subject.as_str()].clone();
            // It may have given up in this moment.
            let _ = waiter.answer.send(Outcome::Refused(StoreError::Denied { what }));
        }
    }
}

/// The task that reads the acknowledgements, until the connection ends.
async fn read_acks(waiting: Arc<Waiting>, mut subscriber: Subscriber, connection: Connection) {
    let (_unused, silent) = signal::channel(0);
    let mut denied = connection.denials.as_ref().map_or(silent, |denials| denials.subscribe());
    let mut heard = connection.denial_count();
    loop {
        tokio::select! {
            biased;
            message = subscriber.next() => match message {
                Some(message) => waiting.answer(&message),
                None => return,
            },
            Ok(()) = denied.changed() => if let Some(denials) = &connection.denials {
                waiting.deny(&denials.publishes_since(heard));
                heard = *denied.borrow_and_update();
            },
        }
    }
}

/// The acknowledgement of a publish.
#[derive(Deserialize)]
struct Ack {
    #[serde(default)]
    seq: u64,
    error: Option<Refusal>,
}

/// "wrong last sequence": definitely not written.
const WRONG_LAST_SEQUENCE: u64 = 10071;
/// The stream could not store it: full, or something worse, which the words tell apart.
const STORE_FAILED: u64 = 10077;
/// "resource limits exceeded for account", "insufficient resources", "insufficient storage
/// resources": looked at before anything is stored.
const NO_ROOM: [u64; 3] = [10002, 10023, 10047];
/// A message too large, a time to live that is none or not allowed, a rollup, a sealed stream:
/// definitely not written.
const REFUSED: [u64; 7] = [10054, 10165, 10166, 10111, 10109, 10070, 10060];

/// What an acknowledgement says about its write.
fn classify(message: &Message, subject: &str) -> Outcome {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        let what = format!("no stream listens for {subject}: it has no leader now, or was deleted");
        return Outcome::Unknown(StoreError::Unreachable { what });
    }
    let ack: Ack = match serde_json::from_slice(&message.payload) {
        Ok(ack) => ack,
        Err(error) => {
            let what = format!("an acknowledgement that cannot be read: {error}");
            return Outcome::Unknown(StoreError::Other { what });
        }
    };
    let Some(refusal) = ack.error else { return Outcome::Acked(Revision(ack.seq)) };
    let what = format!("{subject}: {refusal}");
    match refusal.err_code {
        WRONG_LAST_SEQUENCE => Outcome::Conflict,
        STORE_FAILED if refusal.description.contains("maximum") => {
            Outcome::Refused(StoreError::Full { what })
        }
        code if NO_ROOM.contains(&code) => Outcome::Refused(StoreError::Full { what }),
        code if REFUSED.contains(&code) => Outcome::Refused(StoreError::Invalid { what }),
        // Among them 10164, "wrong last sequence" of a cluster that is busy with this subject: this
        // write may get in yet.
        _ => Outcome::Unknown(StoreError::Other { what }),
    }
}
