//! The consumer behind a watch: ephemeral, but named, so that permissions can name it.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Filter, StoreError};
use super::NatsStore;
use super::api::{Api, ApiError, NO_CONSUMER, NO_MESSAGE};
use super::message::StoredMessage;
use super::stream::{StreamInfo, unix_ns};

/// How often the server says that it is there while there is nothing else to say.
pub(super) const IDLE_HEARTBEAT: Duration = Duration::from_secs(1);

/// After how long without its watcher the server forgets a consumer.
const INACTIVE_THRESHOLD: Duration = Duration::from_secs(30);

/// How long a server that has much to do may take to make a consumer.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A name that no other consumer has.
pub(super) fn new_name() -> Result<String, StoreError> {
    let random = getrandom::u64()
        .map_err(|error| StoreError::Other { what: format!("no random numbers: {error}") })?;
    Ok(format!("divider-{random:016x}"))
}

impl NatsStore {
    /// The subject of the stream that holds what the filter names, and perhaps more.
    ///
    /// A consumer of several subjects costs the server (2.15.1) a look at every subject that there is for
    /// each record that it does not want, if that is the stream's last: six nodes that came back to
    /// 2 000 keys kept it busy for seconds, and a million keys did not come up. So a watch of several
    /// names gets everything, and leaves out here what it does not want. Its filter is `>` and not that
    /// of all records, of which each is looked up where the consumer lags.
    pub(super) fn subject(&self, filter: &Filter) -> String {
        match &filter.names[..] {
            [only] => format!("{}{only}", self.inner.names.records),
            _ => ">".to_owned(),
        }
    }

    /// Makes the consumer; says how many messages wait for it.
    pub(super) async fn create_consumer(
        &self,
        name: &str,
        deliver: &str,
        subject: &str,
    ) -> Result<u64, StoreError> {
        let stream = &self.inner.names.stream;
        // With the filter in the subject, permissions can confine a viewer to it.
        let what = format!("CONSUMER.CREATE.{stream}.{name}.{subject}");
        let config = json!({
            "name": name,
            "filter_subject": subject,
            "deliver_subject": deliver,
            "deliver_policy": "last_per_subject",
            "ack_policy": "none",
            "replay_policy": "instant",
            "flow_control": true,
            "idle_heartbeat": nanos(IDLE_HEARTBEAT),
            "inactive_threshold": nanos(INACTIVE_THRESHOLD),
            "max_deliver": 1,
            "mem_storage": true,
            "num_replicas": 1,
        });
        let body = json!({"stream_name": stream, "config": config, "action": "create"});
        let api = self.inner.api.within(PATIENCE);
        let made: Value =
            api.request(&what, &body).await.map_err(|error| api.store_error(error))?;
        if let Some(now) = made.get("ts").and_then(Value::as_str).and_then(unix_ns) {
            self.inner.clock.set(now);
        }
        Ok(made.get("num_pending").and_then(Value::as_u64).unwrap_or(0))
    }

    /// Deletes a consumer. One that cannot be deleted now, or is not for who waits no longer, is deleted
    /// with the next watch that is opened.
    pub(super) async fn delete_consumer(&self, name: &str) {
        self.inner.leaked.add(name);
        let what = format!("CONSUMER.DELETE.{}.{name}", self.inner.names.stream);
        match self.inner.api.request::<Value>(&what, &json!({})).await {
            Ok(_) => self.inner.leaked.remove(name),
            Err(ApiError::Refused(refusal)) if refusal.err_code == NO_CONSUMER => {
                self.inner.leaked.remove(name);
            }
            Err(error) => {
                let error = self.inner.api.store_error(error);
                tracing::debug!(%error, "a consumer was not deleted");
            }
        }
    }

    /// Deletes the leaked consumers, in a task of its own.
    pub(super) fn delete_leaked(&self) {
        let names = self.inner.leaked.take();
        if !names.is_empty() {
            let store = self.clone();
            tokio::spawn(async move {
                for name in names {
                    store.delete_consumer(&name).await;
                }
            });
        }
    }

    /// The stream as the server describes it.
    pub(super) async fn stream_info(&self) -> Result<StreamInfo, StoreError> {
        self.stream_info_by(&self.inner.api).await
    }

    /// The same, from a server that has much to do.
    pub(super) async fn stream_info_at_leisure(&self) -> Result<StreamInfo, StoreError> {
        self.stream_info_by(&self.inner.api.within(PATIENCE)).await
    }

    async fn stream_info_by(&self, api: &Api) -> Result<StreamInfo, StoreError> {
        let names = &self.inner.names;
        let what = format!("STREAM.INFO.{}", names.stream);
        let info: StreamInfo =
            api.request(&what, &json!({})).await.map_err(|error| api.store_error(error))?;
        self.inner.rules.look(&names.stream, names.broken_rules(&info.config));
        Ok(info)
    }

    /// The first message of the subject above a sequence.
    pub(super) async fn newer_than(
        &self,
        subject: &str,
        sequence: u64,
    ) -> Result<Option<StoredMessage>, StoreError> {
        self.get_message(json!({"seq": sequence + 1, "next_by_subj": subject})).await
    }

    /// One message as the leader of the stream knows it.
    pub(super) async fn get_message(
        &self,
        which: Value,
    ) -> Result<Option<StoredMessage>, StoreError> {
        let what = format!("STREAM.MSG.GET.{}", self.inner.names.stream);
        match self.inner.api.request(&what, &which).await {
            Ok(found) => Ok(Some(found)),
            Err(ApiError::Refused(refusal)) if refusal.err_code == NO_MESSAGE => Ok(None),
            Err(error) => Err(self.inner.api.store_error(error)),
        }
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).expect("a constant of seconds")
}
