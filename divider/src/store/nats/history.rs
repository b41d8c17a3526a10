//! The history of a group, in a small stream of its own beside the log.
//!
//! Nodes follow every record of the log, so the history is not there: no node reads it. It has a limit
//! of entries and of age, and the oldest ones go first.

use std::time::{Duration, SystemTime};

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::{HeaderMap, HeaderValue, Message, StatusCode};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::{HistoryRecord, HistoryStart, StoreError};
use super::NatsStore;
use super::account::NatsAccount;
use super::api::{Api, ApiError, NO_STREAM, STREAM_EXISTS};
use super::open::open_error;
use super::options::StreamOptions;
use super::stream::{Names, StreamInfo, unix_ns};
use crate::id::GroupName;
use crate::store::nats::OpenError;

/// How much of its past a group keeps.
///
/// An entry takes about 200 bytes. A group of 20 nodes that are restarted once a day writes about 100
/// entries a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryOptions {
    max_age: Duration,
    max_entries: u32,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        Self { max_age: Duration::from_hours(7 * 24), max_entries: 10_000 }
    }
}

impl HistoryOptions {
    /// How old an entry may get: a week unless set.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// How many entries are kept: 10 000 unless set.
    #[must_use]
    pub fn max_entries(mut self, entries: u32) -> Self {
        self.max_entries = entries;
        self
    }
}

/// The longest value, with its headers.
const MAX_ENTRY: u32 = 4096;

/// The limit of the stream in bytes, for each entry. The account reserves that much, so it is near what
/// entries take (about 150 bytes), and not their limit.
const BYTES_PER_ENTRY: u64 = 512;

/// For so long an entry that is sent again counts as the same.
const SAME: Duration = Duration::from_mins(2);

/// How many entries one request asks for.
const AT_ONCE: u64 = 500;

/// The most requests for one history: more than it has entries.
const MOST_REQUESTS: usize = 1000;

impl Names {
    /// The stream of the history.
    pub(super) fn history(group: &GroupName) -> String {
        format!("divider_history_{group}")
    }

    /// Where entries are published.
    pub(super) fn history_subject(group: &GroupName) -> String {
        format!("divider.{group}.history")
    }
}

impl NatsAccount {
    /// Makes the history of a group: a stream `divider_history_<group>` beside its log, with the
    /// replicas and the placement of `stream`. Returns whether it is new; one that exists is not
    /// changed. It takes the right to publish to `$JS.API.STREAM.CREATE.divider_history_<group>`.
    ///
    /// # Errors
    /// [`OpenError::NoJetStream`], [`OpenError::Denied`], [`OpenError::Timeout`],
    /// [`OpenError::Store`].
    ///
    /// # Cancel safety
    /// Dropped before it is done, the history may or may not be there.
    pub async fn create_history(
        &self,
        group: &GroupName,
        stream: &StreamOptions,
        options: &HistoryOptions,
    ) -> Result<bool, OpenError> {
        let (api, name) = (self.api(Some(group)), Names::history(group));
        let found: Result<Value, _> = api.request(&format!("STREAM.INFO.{name}"), &()).await;
        match found {
            Ok(_) => return Ok(false),
            Err(ApiError::Refused(refusal)) if refusal.err_code == NO_STREAM => {}
            Err(error) => return Err(open_error(&api, error)),
        }
        let config = config(group, stream, options);
        let made: Result<Value, _> = api.request(&format!("STREAM.CREATE.{name}"), &config).await;
        match made {
            Ok(_) => Ok(true),
            Err(ApiError::Refused(refusal)) if refusal.err_code == STREAM_EXISTS => Ok(false),
            Err(error) => Err(open_error(&api, error)),
        }
    }

    /// Deletes a group for good: its log, with all keys and claims, its history and its checkpoints. Its
    /// nodes stop all work when they notice it, at the latest when their leases end. It takes the right
    /// to publish to `$JS.API.STREAM.DELETE.KV_divider_<group>`, `...divider_history_<group>` and
    /// `...KV_divider_state_<group>`, which no role has but the one for emergencies.
    ///
    /// # Errors
    /// [`OpenError::NoGroup`], [`OpenError::NoJetStream`], [`OpenError::Denied`],
    /// [`OpenError::Timeout`], [`OpenError::Store`].
    ///
    /// # Cancel safety
    /// Dropped before it is done, the group may or may not be there.
    pub async fn delete(&self, group: &GroupName) -> Result<(), OpenError> {
        let api = self.api(Some(group));
        delete(&api, &Names::new(group).stream).await.map_err(|error| open_error(&api, error))?;
        for beside in [Names::history(group), Names::checkpoints(group)] {
            match delete(&api, &beside).await {
                Err(ApiError::Refused(refusal)) if refusal.err_code == NO_STREAM => {}
                deleted => deleted.map_err(|error| open_error(&api, error))?,
            }
        }
        Ok(())
    }
}

async fn delete(api: &Api, stream: &str) -> Result<(), ApiError> {
    // The server takes no body here.
    let subject = format!("{}.STREAM.DELETE.{stream}", api.prefix);
    api.publish::<Value>(&subject, HeaderMap::new(), Bytes::new()).await.map(drop)
}

/// The configuration of a history.
fn config(group: &GroupName, stream: &StreamOptions, options: &HistoryOptions) -> Value {
    let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    let mut config = json!({
        "name": Names::history(group),
        "description": "Divider: what happened in one group",
        "subjects": [Names::history_subject(group)],
        "num_replicas": stream.replicas,
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_msgs": options.max_entries,
        "max_age": nanos(options.max_age),
        "max_bytes": u64::from(options.max_entries) * BYTES_PER_ENTRY,
        "max_msg_size": MAX_ENTRY,
        "duplicate_window": nanos(SAME.min(options.max_age)),
        "allow_direct": true,
        "deny_delete": true,
    });
    if let Some(placement) = stream.placement() {
        config["placement"] = placement;
    }
    config
}

impl NatsStore {
    /// Appends an entry. One with the same id within two minutes is the same entry.
    pub(super) async fn append(&self, id: &str, value: Bytes) -> Result<(), StoreError> {
        let (api, group) = (&self.inner.api, &self.inner.group);
        let subject = format!("{}{}", self.inner.below, Names::history_subject(group));
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, id);
        let stored: Result<Value, _> = api.publish(&subject, headers, value).await;
        match stored {
            Ok(_) => Ok(()),
            Err(ApiError::NoResponders) => Err(self.no_history()),
            Err(error) => Err(api.store_error(error)),
        }
    }

    /// Reads the entries from a place on.
    pub(super) async fn entries(
        &self,
        from: HistoryStart,
    ) -> Result<Vec<HistoryRecord>, StoreError> {
        let api = &self.inner.api;
        let stream = Names::history(&self.inner.group);
        let info: Result<StreamInfo, _> = api.request(&format!("STREAM.INFO.{stream}"), &()).await;
        let info = match info {
            Ok(info) => info,
            Err(ApiError::Refused(refusal)) if refusal.err_code == NO_STREAM => {
                return Err(self.no_history());
            }
            Err(error) => return Err(api.store_error(error)),
        };
        let mut entries: Vec<HistoryRecord> = Vec::new();
        let mut start = match from {
            HistoryStart::Ago(span) => {
                let now = info.server_time().unwrap_or_else(wall_clock);
                let since = now.checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH);
                let since = OffsetDateTime::from(since).format(&Rfc3339).unwrap_or_default();
                json!({"start_time": since})
            }
            HistoryStart::After(number) => json!({"seq": number + 1}),
        };
        for _ in 0..MOST_REQUESTS {
            start["batch"] = json!(AT_ONCE);
            // An entry has one subject, so this is each of them.
            start["next_by_subj"] = json!(">");
            let (page, left) = page(api, &stream, &start).await?;
            let last = page.last().map(|entry| entry.number);
            entries.extend(page);
            match last {
                Some(last) if left > 0 => start = json!({"seq": last + 1}),
                _ => break,
            }
        }
        Ok(entries)
    }

    fn no_history(&self) -> StoreError {
        let group = &self.inner.group;
        StoreError::NoHistory { what: format!("make one with `divider init -g {group}`") }
    }
}

#[expect(clippy::disallowed_methods, reason = "a server that does not say its time; for display")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// The status of the message after the last answer.
const END_OF_BATCH: u16 = 204;

/// The answers to one request, and how many entries there are behind them.
async fn page(
    api: &Api,
    stream: &str,
    wanted: &Value,
) -> Result<(Vec<HistoryRecord>, u64), StoreError> {
    let subject = format!("{}.DIRECT.GET.{stream}", api.prefix);
    let client = &api.connection.client;
    let unreachable = |error: String| StoreError::Unreachable { what: error };
    let inbox = client.new_inbox();
    let answers = client.subscribe(inbox.clone()).await;
    let mut answers = answers.map_err(|error| unreachable(error.to_string()))?;
    let since = api.connection.denial_count();
    let body = serde_json::to_vec(wanted).expect("a request has text keys and no failing parts");
    let asked = client.publish_with_reply(subject.clone(), inbox, body.into()).await;
    asked.map_err(|error| unreachable(error.to_string()))?;
    let mut entries = Vec::new();
    loop {
        let answer = tokio::select! {
            answer = tokio::time::timeout(api.timeout, answers.next()) => answer,
            what = api.connection.denied(&subject, since) => {
                return Err(StoreError::Denied { what });
            }
        };
        let Ok(answer) = answer else { return Err(api.timeout_error(&subject)) };
        let answer = answer.ok_or_else(|| api.connection.unreachable())?;
        match answer.status {
            None => entries.extend(entry(&answer)),
            // The end of the answers; or there is nothing from there on.
            Some(status) if status.as_u16() == END_OF_BATCH => {
                return Ok((entries, number(&answer, "Nats-Num-Pending").unwrap_or(0)));
            }
            Some(StatusCode::NOT_FOUND) => return Ok((entries, 0)),
            Some(StatusCode::NO_RESPONDERS) => return Err(api.connection.unreachable()),
            Some(status) => {
                let words = answer.description.unwrap_or_default();
                let what = format!("reading the history: {words} ({status})");
                return Err(StoreError::Other { what });
            }
        }
    }
}

fn entry(message: &Message) -> Option<HistoryRecord> {
    let at = header(message, "Nats-Time-Stamp").and_then(unix_ns)?;
    let number = number(message, "Nats-Sequence")?;
    Some(HistoryRecord::new(number, at / 1_000_000, message.payload.clone()))
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.headers.as_ref()?.get(name).map(HeaderValue::as_str)
}

fn number(message: &Message, name: &str) -> Option<u64> {
    header(message, name)?.parse().ok()
}
