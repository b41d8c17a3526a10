//! Acknowledgements: one inbox for those of all writes, and what each says about its write.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Client, Message, StatusCode, Subject, Subscriber};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::sync::{oneshot, watch as signal};
use tokio::task::AbortHandle;

use super::super::{Outcome, StoreError};
use super::api::Refusal;
use super::connect::{Connection, connects, reconnected};
use crate::id::Revision;

/// The inbox of all acknowledgements, and the task that reads it.
#[derive(Debug)]
pub(super) struct Acks {
    /// With a dot at the end.
    inbox: String,
    client: Client,
    waiting: Arc<Waiting>,
    next: AtomicU64,
    reader: AbortHandle,
}

impl Acks {
    pub(super) async fn open(connection: &Connection) -> Result<Self, StoreError> {
        let Connection { client, runtime, .. } = connection;
        let inbox = format!("{}.", client.new_inbox());
        let subscriber = client
            .subscribe(format!("{inbox}*"))
            .await
            .map_err(|error| StoreError::Unreachable { what: error.to_string() })?;
        let waiting = Arc::new(Waiting::default());
        let reader = read_acks(waiting.clone(), subscriber, connection.clone());
        let reader = runtime.spawn(reader).abort_handle();
        Ok(Self { inbox, client: client.clone(), waiting, next: AtomicU64::new(0), reader })
    }

    /// A place among those who wait, for a publish to this subject.
    pub(super) fn take_ticket(&self, subject: Subject) -> Ticket<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, answer) = oneshot::channel();
        let connects = connects(&self.client);
        self.waiting.lock().insert(number, Waiter { subject, connects, answer: tell });
        Ticket { acks: self, number, answer }
    }
}

impl Drop for Acks {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The writes that wait for their acknowledgement, by the number in its subject.
#[derive(Debug, Default)]
struct Waiting(Mutex<HashMap<u64, Waiter>>);

#[derive(Debug)]
struct Waiter {
    subject: Subject,
    /// How often the connection had been made when it was sent.
    connects: u64,
    answer: oneshot::Sender<Answer>,
}

/// What the server says to one publish.
#[derive(Debug)]
pub(super) enum Answer {
    /// What became of it.
    Outcome(Outcome),
    /// More came in than the stream stores, and this was dropped.
    Dropped,
}

/// A place in the table of those who wait; given back when it is dropped.
pub(super) struct Ticket<'a> {
    acks: &'a Acks,
    number: u64,
    answer: oneshot::Receiver<Answer>,
}

impl Ticket<'_> {
    /// The subject to which its acknowledgement has to go.
    pub(super) fn reply(&self) -> String {
        format!("{}{}", self.acks.inbox, self.number)
    }

    /// What the server says, unless the connection ends before.
    pub(super) async fn answer(mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.acks.waiting.lock().remove(&self.number);
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

    /// Ends the wait of those that were sent on an earlier connection. The answer may have been on its
    /// way; one that still comes, as from another server of a cluster, is for nobody.
    fn end_cut(&self, connects: u64) {
        for (_, waiter) in self.lock().extract_if(|_, waiter| waiter.connects < connects) {
            let what = "the connection was lost before the acknowledgement".to_owned();
            let cut = Outcome::Unknown(StoreError::Unreachable { what });
            // It may have given up in this moment.
            let _ = waiter.answer.send(Answer::Outcome(cut));
        }
    }

    /// Answers those whose subject the server refused.
    fn deny(&self, denied: &HashMap<String, String>) {
        let mut waiting = self.lock();
        let refused = waiting.extract_if(|_, waiter| denied.contains_key(waiter.subject.as_str()));
        for (_, waiter) in refused {
            let what = denied[waiter.subject.as_str()].clone();
            // It may have given up in this moment.
            let refused = Outcome::Refused(StoreError::Denied { what });
            let _ = waiter.answer.send(Answer::Outcome(refused));
        }
    }
}

/// The task that reads the acknowledgements, until the connection ends.
async fn read_acks(waiting: Arc<Waiting>, mut subscriber: Subscriber, connection: Connection) {
    let (_unused, silent) = signal::channel(0);
    let mut denied = connection.denials.as_ref().map_or(silent, |denials| denials.subscribe());
    let mut heard = connection.denial_count();
    let mut connected = connects(&connection.client);
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
            () = reconnected(&connection.client, connected) => {
                connected = connects(&connection.client);
                waiting.end_cut(connected);
            }
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

/// "too many requests": more came in than the stream had room for, and this was dropped.
const TOO_MANY: u64 = 10167;

/// What an acknowledgement says about its write.
fn classify(message: &Message, subject: &str) -> Answer {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        let what = format!("no stream for {subject}: it has no leader now, or was deleted");
        return Answer::Outcome(Outcome::Unknown(StoreError::Unreachable { what }));
    }
    Answer::Outcome(match serde_json::from_slice(&message.payload) {
        Ok(Ack { error: None, seq }) => Outcome::Acked(Revision(seq)),
        Ok(Ack { error: Some(refusal), .. }) if refusal.err_code == TOO_MANY => {
            return Answer::Dropped;
        }
        Ok(Ack { error: Some(refusal), .. }) => refused(&refusal, subject),
        Err(error) => {
            let what = format!("unreadable acknowledgement: {error}");
            Outcome::Unknown(StoreError::Other { what })
        }
    })
}

fn refused(refusal: &Refusal, subject: &str) -> Outcome {
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
