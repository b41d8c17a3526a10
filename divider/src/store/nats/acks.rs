//! Acknowledgements: one inbox for those of all writes, and what each says about its write.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Client, Message, StatusCode, Subject, Subscriber};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot, watch as signal};
use tokio::task::AbortHandle;

use super::super::{Outcome, StoreError, Write};
use super::api::Refusal;
use super::connect::{Connection, connects, reconnected};
use super::subjects::Subjects;
use crate::id::Revision;
use crate::numbered::Numbered;

/// The inbox of all acknowledgements, and the task that reads it.
#[derive(Debug)]
pub(super) struct Acks {
    /// With a dot at the end.
    inbox: String,
    client: Client,
    waiting: Arc<Waiting>,
    reader: AbortHandle,
}

impl Acks {
    pub(super) async fn open(
        connection: &Connection,
        subjects: Arc<Subjects>,
    ) -> Result<Self, StoreError> {
        let Connection { client, runtime, .. } = connection;
        let inbox = format!("{}.", client.new_inbox());
        let subscriber = client
            .subscribe(format!("{inbox}*"))
            .await
            .map_err(|error| StoreError::Unreachable { what: error.to_string() })?;
        let waiting = Arc::new(Waiting { table: Mutex::default(), subjects });
        let reader = read_acks(waiting.clone(), subscriber, connection.clone());
        let reader = runtime.spawn(reader).abort_handle();
        Ok(Self { inbox, client: client.clone(), waiting, reader })
    }

    /// A place among those who wait, for a publish to this subject.
    pub(super) fn take_ticket(&self, subject: Subject) -> Ticket<'_> {
        let (tell, answer) = oneshot::channel();
        Ticket { acks: self, number: self.wait(Recipient::One(subject, tell)), answer }
    }

    /// The same for a write of a writer. It gives the place back with [`forget`](Self::forget).
    pub(super) fn wait_for_writer(&self, submission: Submission) -> u64 {
        self.wait(Recipient::Writer(submission))
    }

    fn wait(&self, recipient: Recipient) -> u64 {
        let connects = connects(&self.client);
        self.waiting.lock().push(Waiter { connects, recipient })
    }

    /// The subject to which an acknowledgement has to go.
    pub(super) fn reply(&self, number: u64) -> String {
        format!("{}{number}", self.inbox)
    }

    /// Nobody waits for this acknowledgement any more.
    pub(super) fn forget(&self, number: u64) {
        self.waiting.lock().remove(number);
    }

    /// The same for the writes of a writer of which this holds.
    pub(super) fn forget_submissions(&self, answers: &Answers, is_forgotten: impl Fn(u64) -> bool) {
        self.waiting.lock().extract(|waiter| {
            matches!(&waiter.recipient, Recipient::Writer(submission)
                if submission.answers.same_channel(answers) && is_forgotten(submission.number))
        });
    }
}

impl Drop for Acks {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The writes that wait for their acknowledgement, by the number in its subject.
#[derive(Debug)]
struct Waiting {
    table: Mutex<Numbered<Waiter>>,
    subjects: Arc<Subjects>,
}

#[derive(Debug)]
struct Waiter {
    /// How often the connection had been made when it was sent.
    connects: u64,
    recipient: Recipient,
}

/// Where an answer goes.
#[derive(Debug)]
enum Recipient {
    /// To a write that is a future, of this subject.
    One(Subject, oneshot::Sender<Answer>),
    /// To a writer.
    Writer(Submission),
}

/// Where a writer gets its answers. As many wait in it as the writer has writes under way.
pub(super) type Answers = mpsc::UnboundedSender<(u64, Answered)>;

/// A write of a writer.
#[derive(Debug)]
pub(super) struct Submission {
    /// Its number for the writer.
    pub(super) number: u64,
    /// What is sent again if the server drops it.
    pub(super) write: Write,
    pub(super) answers: Answers,
}

/// What a writer hears of one write.
#[derive(Debug)]
pub(super) enum Answered {
    Outcome(Outcome),
    /// The server dropped it, and this is what has to be sent again.
    Dropped(Write),
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
        self.acks.reply(self.number)
    }

    /// What the server says, unless the connection ends before.
    pub(super) async fn answer(mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.acks.forget(self.number);
    }
}

impl Waiter {
    /// Where the write went.
    fn subject(&self, subjects: &Subjects) -> Subject {
        match &self.recipient {
            Recipient::One(subject, _) => subject.clone(),
            Recipient::Writer(submission) => subjects.of(&submission.write),
        }
    }

    fn answer(self, answer: Answer) {
        // Whoever waited may have given up in this moment.
        match self.recipient {
            Recipient::One(_, tell) => _ = tell.send(answer),
            Recipient::Writer(Submission { number, write, answers }) => {
                let answered = match answer {
                    Answer::Outcome(outcome) => Answered::Outcome(outcome),
                    Answer::Dropped => Answered::Dropped(write),
                };
                _ = answers.send((number, answered));
            }
        }
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Numbered<Waiter>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives an acknowledgement to whoever waits for it; one that comes too late is for nobody.
    fn answer(&self, message: &Message) {
        let number = message.subject.rsplit('.').next().and_then(|number| number.parse().ok());
        let waiter = number.and_then(|number: u64| self.lock().remove(number));
        if let Some(waiter) = waiter {
            let answer = classify(message, || waiter.subject(&self.subjects));
            waiter.answer(answer);
        }
    }

    /// Ends the wait of those that were sent on an earlier connection. The answer may have been on its
    /// way; one that still comes, as from another server of a cluster, is for nobody.
    fn end_cut(&self, connects: u64) {
        let cut = self.lock().extract(|waiter| waiter.connects < connects);
        for (_, waiter) in cut {
            let what = "the connection was lost before the acknowledgement".to_owned();
            let cut = Outcome::Unknown(StoreError::Unreachable { what });
            waiter.answer(Answer::Outcome(cut));
        }
    }

    /// Answers those whose subject the server refused.
    fn deny(&self, denied: &HashMap<String, String>) {
        let words = |waiter: &Waiter| denied.get(waiter.subject(&self.subjects).as_str()).cloned();
        let refused = self.lock().extract(|waiter| words(waiter).is_some());
        for (_, waiter) in refused {
            let what = words(&waiter).unwrap_or_default();
            waiter.answer(Answer::Outcome(Outcome::Refused(StoreError::Denied { what })));
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
pub(super) const TOO_MANY: u64 = 10167;

/// What an acknowledgement says about its write.
fn classify(message: &Message, subject: impl FnOnce() -> Subject) -> Answer {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        let what = format!("no stream for {}: it has no leader now, or was deleted", subject());
        return Answer::Outcome(Outcome::Unknown(StoreError::Unreachable { what }));
    }
    Answer::Outcome(match serde_json::from_slice(&message.payload) {
        Ok(Ack { error: None, seq }) => Outcome::Acked(Revision(seq)),
        Ok(Ack { error: Some(refusal), .. }) if refusal.err_code == TOO_MANY => {
            return Answer::Dropped;
        }
        Ok(Ack { error: Some(refusal), .. }) => refused(&refusal, &subject()),
        Err(error) => {
            let what = format!("unreadable acknowledgement: {error}");
            Outcome::Unknown(StoreError::Other { what })
        }
    })
}

/// What a refusal says about its write.
pub(super) fn refused(refusal: &Refusal, subject: &str) -> Outcome {
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
