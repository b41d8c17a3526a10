//! Records that no node understands, and their removal.
//!
//! A server stores whatever is published below a group's subjects. A name that is none of the
//! protocol makes no key exist; and a subject with a wildcard in it (`divider.<group>.key.a.*`) is not
//! even mapped to a record's name, so that no watch shows it.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::header::HeaderMap;
use serde::Deserialize;
use serde_json::json;

use super::super::{StoreError, Write};
use super::account::NatsAccount;
use super::api::{Api, ApiError, NO_MESSAGE, Refusal};
use super::message::{StoredMessage, headers};
use super::server_clock::ServerClock;
use super::stream::Names;
use crate::id::{GroupName, Revision};
use divider_core::wire::RecordName;

/// A message in a group's stream that is no record of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stray {
    /// The subject that it is stored under.
    pub subject: String,
    /// Its place in the log.
    pub revision: Revision,
}

/// For how long the tombstone of one is kept.
const TOMBSTONE_TTL: Duration = Duration::from_mins(1);

#[derive(Deserialize)]
struct Subjects {
    state: State,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    subjects: HashMap<String, u64>,
}

impl NatsAccount {
    /// The announcements that the server stored under the subject that they were published to, in
    /// place of the record that they were to be: no node and no watch sees them. It takes the rights
    /// of a viewer.
    ///
    /// # Errors
    /// [`StoreError`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn strays(&self, group: &GroupName) -> Result<Vec<Stray>, StoreError> {
        let (api, names) = (self.api(Some(group)), Names::new(group));
        let wanted = json!({"subjects_filter": format!("{}>", names.announce)});
        let info = api.request(&format!("STREAM.INFO.{}", names.stream), &wanted).await;
        let info: Subjects = info.map_err(|error| api.store_error(error))?;
        let mut strays = Vec::new();
        // Only whether it is a tombstone counts here.
        let clock = ServerClock::default();
        for subject in info.state.subjects.into_keys() {
            // A wildcard in it stands for itself, too.
            if let Some(message) = newest(&api, &names, &subject).await? {
                let (subject, revision) = (message.subject().to_owned(), message.sequence());
                let is_deleted = message.record(&subject, &clock)?.value.is_none();
                if !is_deleted {
                    strays.push(Stray { subject, revision: Revision(revision) });
                }
            }
        }
        strays.sort_by(|a, b| a.subject.cmp(&b.subject));
        strays.dedup();
        Ok(strays)
    }

    /// The same of a record's name in the bucket, as [`Problem`](crate::snapshot::Problem) has it.
    pub fn stray_of(&self, group: &GroupName, name: &str, revision: Revision) -> Stray {
        let subject = format!("{}{name}", Names::new(group).records);
        Stray { subject, revision }
    }

    /// Removes one, as long as it is the newest of its subject: writes a tombstone over it that goes
    /// by itself. It takes the right to publish to its subject.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] where its subject is outside of the group, or is that of a key, a claim
    /// or another record that nodes go by; [`StoreError::Other`] where it was written again meanwhile.
    ///
    /// # Cancel safety
    /// Dropped before it is done, it may or may not have been removed.
    pub async fn remove_stray(&self, group: &GroupName, stray: &Stray) -> Result<(), StoreError> {
        let names = Names::new(group);
        if !is_removable(&names, &stray.subject) {
            let what = format!("this record may not be removed: {}", stray.subject);
            return Err(StoreError::Invalid { what });
        }
        let api = self.api(Some(group));
        let expected = Some(stray.revision);
        let write = Write::delete(String::new(), expected).with_ttl(TOMBSTONE_TTL);
        let subject = format!("{}{}", self.options.records_prefix(), stray.subject);
        publish(&api, subject, headers(&write)).await
    }
}

/// Whether nobody goes by what is stored under a subject of a group; what an operator wanted of a node
/// may be wanted no more.
fn is_removable(names: &Names, subject: &str) -> bool {
    if subject.starts_with(names.announce.as_str()) {
        return true;
    }
    let Some(name) = subject.strip_prefix(names.records.as_str()) else { return false };
    match RecordName::parse(name) {
        Ok(
            RecordName::Control(_)
            | RecordName::Stops(_)
            | RecordName::Retry(_)
            | RecordName::Rebalance,
        )
        | Err(_) => true,
        Ok(_) => false,
    }
}

async fn newest(
    api: &Api,
    names: &Names,
    subject: &str,
) -> Result<Option<StoredMessage>, StoreError> {
    let wanted = json!({"last_by_subj": subject});
    match api.request(&format!("STREAM.MSG.GET.{}", names.stream), &wanted).await {
        Ok(message) => Ok(Some(message)),
        Err(ApiError::Refused(refusal)) if refusal.err_code == NO_MESSAGE => Ok(None),
        Err(error) => Err(api.store_error(error)),
    }
}

/// Publishes a message without a body, and waits until the stream has it.
async fn publish(api: &Api, subject: String, headers: HeaderMap) -> Result<(), StoreError> {
    #[derive(Deserialize)]
    struct Ack {
        error: Option<Refusal>,
    }
    let request = async_nats::Request::new().headers(headers).timeout(Some(api.timeout));
    let since = api.connection.denial_count();
    let answer = tokio::select! {
        answer = api.connection.client.send_request(subject.clone(), request) => answer,
        what = api.connection.denied(&subject, since) => return Err(StoreError::Denied { what }),
    };
    let message = answer.map_err(|error| api.request_error(&subject, error.kind(), &error));
    let message = message.map_err(|error| api.store_error(error))?;
    let ack: Ack = serde_json::from_slice(&message.payload)
        .map_err(|error| StoreError::Other { what: format!("unreadable reply: {error}") })?;
    ack.error.map_or(Ok(()), |refusal| Err(api.store_error(ApiError::Refused(refusal))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_node_goes_by_may_be_removed() {
        let names = Names::new(&GroupName::new("g").expect("legal"));
        let check = |subject: &str, may: bool| {
            assert_eq!(is_removable(&names, subject), may, "{subject}");
        };
        check("$KV.divider_g.key.user:42", true);
        check("$KV.divider_g.key.user=3A42", false);
        check("$KV.divider_g.claim.a=41", true);
        check("$KV.divider_g.claim.aA", false);
        check("$KV.divider_g.lease.w1", false);
        check("$KV.divider_g.member.w1", false);
        check("$KV.divider_g.group", false);
        check("$KV.divider_g.pin.w1", true);
        check("$KV.divider_g.control.w1", true);
        check("$KV.divider_g.stops.w1", true);
        check("$KV.divider_g.rebalance", true);
        check("divider.g.key.a.*", true);
        check("divider.other.key.a.*", false);
        check("$KV.divider_other.key.user:42", false);
        check("orders", false);
    }
}
