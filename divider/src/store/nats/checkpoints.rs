//! The checkpoints of a group, in a stream of their own beside the log, which is a key-value bucket.
//!
//! Nodes follow every record of the log, so what they save is not there: nobody watches it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{
    CheckpointRecord, CheckpointWrite, Checkpoints, MAX_CHECKPOINT, Outcome, StoreError,
};
use super::NatsStore;
use super::account::NatsAccount;
use super::acks::{TOO_MANY, refused};
use super::api::{Api, ApiError, NO_MESSAGE, NO_STREAM, STREAM_EXISTS};
use super::checkpoint_record::{headers, record};
use super::message::StoredMessage;
use super::open::open_error;
use super::options::StreamOptions;
use super::stream::{BrokenRule, Names, StreamInfo, broken_among};
use crate::id::{GroupName, Revision};
use crate::key::Key;
use crate::store::nats::OpenError;

/// How the checkpoints of a group are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckpointOptions {
    max_bytes: Option<u64>,
}

impl CheckpointOptions {
    /// The most bytes that all checkpoints of the group may take; no limit unless set, but the
    /// account's. When they are full, saves that need more space are refused, and nothing else stops.
    /// Without a limit they can fill the disk or the account, and then no lease is renewed.
    #[must_use]
    pub fn max_bytes(mut self, max: u64) -> Self {
        self.max_bytes = Some(max);
        self
    }
}

/// Room for a record's headers: the server counts them in with the value.
const HEADER_ROOM: usize = 16 * 1024;

/// Making a stream with several replicas needs an election.
const CREATE_TIMEOUT: Duration = Duration::from_secs(10);

impl Names {
    /// The stream of the checkpoints.
    pub(super) fn checkpoints(group: &GroupName) -> String {
        format!("KV_divider_state_{group}")
    }

    /// Where they are written: the wire form of a key follows.
    pub(super) fn checkpoint_subjects(group: &GroupName) -> String {
        format!("$KV.divider_state_{group}.")
    }
}

impl NatsAccount {
    /// Makes the checkpoints of a group: a stream `KV_divider_state_<group>` beside its log, with the
    /// replicas and the placement of `stream`. Returns whether it is new; one that exists is not
    /// changed. It takes the right to publish to `$JS.API.STREAM.CREATE.KV_divider_state_<group>`.
    ///
    /// # Errors
    /// [`OpenError::Rules`] if there is such a stream with other settings, [`OpenError::NoJetStream`],
    /// [`OpenError::Denied`], [`OpenError::Timeout`], [`OpenError::Store`].
    ///
    /// # Cancel safety
    /// Dropped before it is done, the checkpoints may or may not be there.
    pub async fn create_checkpoints(
        &self,
        group: &GroupName,
        stream: &StreamOptions,
        options: &CheckpointOptions,
    ) -> Result<bool, OpenError> {
        let api = self.api(Some(group));
        let is_new = match find(&api, group).await {
            Ok(_) => false,
            Err(ApiError::Refused(refusal)) if refusal.err_code == NO_STREAM => {
                create(&api, group, stream, options)
                    .await
                    .map_err(|error| open_error(&api, error))?
            }
            Err(error) => return Err(open_error(&api, error)),
        };
        let found = find(&api, group).await.map_err(|error| open_error(&api, error))?;
        let broken = broken_among(rules(group), &found.config);
        if broken.is_empty() {
            return Ok(is_new);
        }
        Err(OpenError::Rules { stream: Names::checkpoints(group), broken })
    }

    /// Which settings of the checkpoints of a group are not as they have to be; `None` if the group has
    /// no checkpoints.
    ///
    /// # Errors
    /// [`OpenError::NoJetStream`], [`OpenError::Denied`], [`OpenError::Timeout`],
    /// [`OpenError::Store`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn inspect_checkpoints(
        &self,
        group: &GroupName,
    ) -> Result<Option<Vec<BrokenRule>>, OpenError> {
        let api = self.api(Some(group));
        match find(&api, group).await {
            Ok(found) => Ok(Some(broken_among(rules(group), &found.config))),
            Err(ApiError::Refused(refusal)) if refusal.err_code == NO_STREAM => Ok(None),
            Err(error) => Err(open_error(&api, error)),
        }
    }
}

async fn find(api: &Api, group: &GroupName) -> Result<StreamInfo, ApiError> {
    api.request(&format!("STREAM.INFO.{}", Names::checkpoints(group)), &()).await
}

/// Makes the stream; `false`: somebody else was quicker.
async fn create(
    api: &Api,
    group: &GroupName,
    stream: &StreamOptions,
    options: &CheckpointOptions,
) -> Result<bool, ApiError> {
    let mut config = json!({
        "name": Names::checkpoints(group),
        "description": "Divider: the saved state of the keys of one group",
        "num_replicas": stream.replicas,
        "max_bytes": options.max_bytes.map_or(-1, |max| i64::try_from(max).unwrap_or(i64::MAX)),
        "max_msg_size": MAX_CHECKPOINT + HEADER_ROOM,
        "deny_delete": true,
        // Nothing here sends message ids; the window costs memory.
        "duplicate_window": 2_000_000_000u64,
    });
    let fields = config.as_object_mut().expect("it is written as an object above");
    fields.extend(rules(group).into_iter().map(|(setting, needed)| (setting.into(), needed)));
    if let Some(placement) = stream.placement() {
        fields.insert("placement".into(), placement);
    }
    let api = api.within(api.timeout.max(CREATE_TIMEOUT));
    let subject = format!("STREAM.CREATE.{}", Names::checkpoints(group));
    match api.request::<Value>(&subject, &config).await {
        Ok(_) => Ok(true),
        Err(ApiError::Refused(refusal)) if refusal.err_code == STREAM_EXISTS => Ok(false),
        Err(error) => Err(error),
    }
}

/// What checkpoints rest on, as the server names it.
fn rules(group: &GroupName) -> Vec<(&'static str, Value)> {
    vec![
        ("subjects", json!([format!("{}>", Names::checkpoint_subjects(group))])),
        ("subject_transform", Value::Null),
        ("retention", json!("limits")),
        ("storage", json!("file")),
        ("discard", json!("new")),
        ("max_msgs_per_subject", json!(1)),
        ("max_msgs", json!(-1)),
        ("max_age", json!(0)),
        ("allow_msg_ttl", json!(true)),
        // A marker of an expiry would have no token.
        ("subject_delete_marker_ttl", json!(0)),
        ("allow_rollup_hdrs", json!(false)),
        ("no_ack", json!(false)),
        ("sealed", json!(false)),
        ("persist_mode", json!("")),
        ("mirror", Value::Null),
        ("sources", Value::Null),
    ]
}

impl NatsStore {
    /// Finds the stream of the checkpoints, or makes it if this store may; once.
    async fn find_checkpoints(&self) -> Result<(), StoreError> {
        let inner = &self.inner;
        inner.checkpoints.get_or_try_init(|| self.find_or_create_checkpoints()).await.copied()
    }

    async fn find_or_create_checkpoints(&self) -> Result<(), StoreError> {
        let (api, group) = (&self.inner.api, &self.inner.group);
        let found = match (find(api, group).await, &self.inner.create) {
            (Err(ApiError::Refused(refusal)), Some(stream)) if refusal.err_code == NO_STREAM => {
                let made = create(api, group, stream, &CheckpointOptions::default()).await;
                made.map_err(|error| self.checkpoint_error(error))?;
                find(api, group).await
            }
            (found, _) => found,
        };
        let found = found.map_err(|error| self.checkpoint_error(error))?;
        let broken = broken_among(rules(group), &found.config);
        if broken.is_empty() {
            return Ok(());
        }
        let stream = Names::checkpoints(group);
        let broken: Vec<_> = broken.iter().map(ToString::to_string).collect();
        let what = format!("the stream {stream} has other settings: {}", broken.join("; "));
        Err(StoreError::NoCheckpoints { what })
    }

    fn checkpoint_error(&self, error: ApiError) -> StoreError {
        match error {
            ApiError::Refused(refusal) if refusal.err_code == NO_STREAM => {
                let group = &self.inner.group;
                let what = format!("make them with `divider init -g {group} --checkpoints`");
                StoreError::NoCheckpoints { what }
            }
            error => self.inner.api.store_error(error),
        }
    }

    async fn read_checkpoint(&self, key: Key) -> Result<Option<CheckpointRecord>, StoreError> {
        self.find_checkpoints().await?;
        let group = &self.inner.group;
        let subject = format!("{}{}", Names::checkpoint_subjects(group), key.wire());
        let what = format!("STREAM.MSG.GET.{}", Names::checkpoints(group));
        let wanted = json!({"last_by_subj": subject});
        match self.inner.api.request::<StoredMessage>(&what, &wanted).await {
            Ok(found) => {
                let revision = Revision(found.sequence());
                let (headers, payload) = found.into_parts()?;
                Ok(Some(record(revision, &headers, payload)))
            }
            Err(ApiError::Refused(refusal)) if refusal.err_code == NO_MESSAGE => Ok(None),
            Err(error) => Err(self.checkpoint_error(error)),
        }
    }

    async fn write_checkpoint(&self, write: CheckpointWrite) -> Outcome {
        let api = &self.inner.api;
        if let Err(error) = self.find_checkpoints().await {
            return Outcome::Refused(error);
        }
        // The client would keep the write until the connection is back, and send it then, late.
        if tokio::time::timeout(api.timeout, api.connection.up()).await.is_err() {
            return Outcome::Refused(api.connection.unreachable());
        }
        let subjects = Names::checkpoint_subjects(&self.inner.group);
        let subject = format!("{}{subjects}{}", self.inner.below, write.key.wire());
        let headers = headers(&write);
        let payload = write.content.and_then(|content| content.value).unwrap_or_default();
        match api.publish::<Ack>(&subject, headers, payload).await {
            Ok(ack) => Outcome::Acked(Revision(ack.seq)),
            Err(ApiError::Refused(refusal)) if refusal.err_code == TOO_MANY => {
                Outcome::Refused(StoreError::Unreachable { what: refusal.to_string() })
            }
            Err(ApiError::Refused(refusal)) => refused(&refusal, &subject),
            Err(ApiError::Store(error @ StoreError::Denied { .. })) => Outcome::Refused(error),
            Err(error) => Outcome::Unknown(api.store_error(error)),
        }
    }
}

/// The acknowledgement of a write.
#[derive(Deserialize)]
struct Ack {
    seq: u64,
}

/// The checkpoints of a group, on the connection of its store.
#[derive(Debug)]
pub(super) struct NatsCheckpoints(pub(super) NatsStore);

impl Checkpoints for NatsCheckpoints {
    fn request_timeout(&self) -> Duration {
        self.0.inner.api.timeout
    }

    fn max_value(&self) -> usize {
        let most = self.0.inner.api.connection.client.server_info().max_payload;
        MAX_CHECKPOINT.min(most.saturating_sub(HEADER_ROOM))
    }

    fn read(&self, key: &Key) -> BoxFuture<'static, Result<Option<CheckpointRecord>, StoreError>> {
        let (this, key) = (self.0.clone(), key.clone());
        Box::pin(async move { this.read_checkpoint(key).await })
    }

    fn write(&self, write: CheckpointWrite) -> BoxFuture<'static, Outcome> {
        let this = self.0.clone();
        Box::pin(async move { this.write_checkpoint(write).await })
    }
}
