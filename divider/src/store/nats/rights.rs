//! Trying each right without changing anything.

use async_nats::client::RequestErrorKind;
use async_nats::header::HeaderMap;

use super::account::NatsAccount;
use super::api::Api;
use super::stream::Names;
use crate::id::GroupName;
use crate::store::StoreError;

/// What somebody may want to do with a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// See the nodes and the keys.
    Viewer,
    /// Make keys exist and stop existing.
    Announcer,
    /// Say what nodes are to do.
    Operator,
    /// Be a node.
    Worker,
    /// Send requests to the owners of keys.
    Caller,
}

/// One right that a role needs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Right {
    /// Who needs it.
    pub role: Role,
    /// What it is for, in a few words.
    pub what: &'static str,
    /// The subject that has to be published to.
    pub subject: String,
    /// Why it cannot be done; `None` where it can.
    pub refused: Option<StoreError>,
}

/// What is asked with in place of a record's own name: no node, key or consumer is called that.
const PROBE: &str = "divider-doctor";

/// A stream that the server compares its own name with, before it stores anything.
const NO_STREAM: &str = "divider-doctor-stores-nothing";

impl NatsAccount {
    /// Tries every right that somebody needs for a group, one by one. Nothing is changed by it: what
    /// is published says that it is for another stream, so that whoever may publish is refused then.
    ///
    /// A group that does not exist has no stream that answers: every right then looks given, unless
    /// the server says otherwise.
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn rights(&self, group: &GroupName) -> Vec<Right> {
        let api = self.api(Some(group));
        let mut rights = Vec::new();
        let below = self.options.records_prefix();
        let mut all = wanted(&api, group, &below);
        // Whoever has no checkpoints needs no right to them.
        if !matches!(self.inspect_checkpoints(group).await, Ok(None)) {
            all.extend(wanted_for_checkpoints(&api, group, &below));
        }
        for (role, what, subject) in all {
            let refused = probe(&api, &subject).await;
            rights.push(Right { role, what, subject, refused });
        }
        rights
    }
}

/// Every right, in the order in which they are shown.
fn wanted(api: &Api, group: &GroupName, below: &str) -> Vec<(Role, &'static str, String)> {
    use Role::{Announcer, Caller, Operator, Viewer, Worker};
    let Names { stream, records, announce } = Names::new(group);
    let (history, append) = (Names::history(group), Names::history_subject(group));
    let append = format!("{below}{append}");
    let asked = |what: &str| format!("{}.{what}", api.prefix);
    let record = |name: &str| format!("{below}{records}{name}");
    let announced = if below.is_empty() { announce + PROBE } else { record("key.divider-doctor") };
    vec![
        (Viewer, "find the group", asked(&format!("STREAM.INFO.{stream}"))),
        (Viewer, "read records", asked(&format!("STREAM.MSG.GET.{stream}"))),
        // A viewer can be confined to one filter.
        (Viewer, "watch", asked(&format!("CONSUMER.CREATE.{stream}.{PROBE}.{records}>"))),
        (Viewer, "end a watch", asked(&format!("CONSUMER.DELETE.{stream}.{PROBE}"))),
        (Viewer, "acknowledge a watch", format!("$JS.FC.{stream}.{PROBE}.0")),
        (Viewer, "find the history", asked(&format!("STREAM.INFO.{history}"))),
        (Viewer, "read the history", asked(&format!("DIRECT.GET.{history}"))),
        (Announcer, "announce and retract keys", announced),
        (Operator, "write control records", record(&format!("control.{PROBE}"))),
        (Operator, "retry keys", record(&format!("retry.{PROBE}"))),
        (Operator, "request a rebalance", record("rebalance")),
        (Operator, "freeze the group", record("group")),
        (Operator, "append to the history", append.clone()),
        (Worker, "follow the log", asked(&format!("CONSUMER.CREATE.{stream}.{PROBE}.>"))),
        (Worker, "renew its lease", record(&format!("lease.{PROBE}"))),
        (Worker, "write its member record", record(&format!("member.{PROBE}"))),
        (Worker, "claim keys", record(&format!("claim.{PROBE}"))),
        (Worker, "write manifests", record("manifest.20-0")),
        (Worker, "write its unconfirmed stops", record(&format!("stops.{PROBE}"))),
        (Worker, "complete keys", record(&format!("key.{PROBE}"))),
        (Worker, "append to the history", append),
        (Caller, "send requests to owners", format!("divider.{group}.to.{PROBE}")),
    ]
}

/// The rights to the checkpoints.
fn wanted_for_checkpoints(
    api: &Api,
    group: &GroupName,
    below: &str,
) -> [(Role, &'static str, String); 3] {
    let stream = Names::checkpoints(group);
    let record = format!("{below}{}{PROBE}", Names::checkpoint_subjects(group));
    let asked = |what: &str| format!("{}.{what}.{stream}", api.prefix);
    [
        (Role::Worker, "find the checkpoints", asked("STREAM.INFO")),
        (Role::Worker, "read checkpoints", asked("STREAM.MSG.GET")),
        (Role::Worker, "save checkpoints", record),
    ]
}

/// Publishes something that changes nothing to a subject, and says why that is not allowed.
async fn probe(api: &Api, subject: &str) -> Option<StoreError> {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Expected-Stream", NO_STREAM);
    let body = body_of(subject);
    let request =
        async_nats::Request::new().payload(body.into()).headers(headers).timeout(Some(api.timeout));
    let since = api.connection.denial_count();
    let answer = tokio::select! {
        answer = api.connection.client.send_request(subject.to_owned(), request) => answer,
        what = api.connection.denied(subject, since) => return Some(StoreError::Denied { what }),
    };
    match answer.map_err(|error| error.kind()) {
        // Whoever answers has let it pass; where nobody listens, the server has.
        Ok(_) | Err(RequestErrorKind::NoResponders) => None,
        Err(RequestErrorKind::TimedOut) => Some(api.timeout_error(subject)),
        Err(_) => Some(StoreError::Unreachable { what: subject.to_owned() }),
    }
}

/// For the API: a request that it reads and that changes nothing. The server warns in its log of those
/// that it cannot read.
fn body_of(subject: &str) -> String {
    if subject.contains(".CONSUMER.CREATE.") {
        // For another stream than its subject says.
        format!("{{\"stream_name\":\"{NO_STREAM}\",\"config\":{{\"ack_policy\":\"none\"}}}}")
    } else if subject.contains(".STREAM.MSG.GET.") || subject.contains(".DIRECT.GET.") {
        format!("{{\"last_by_subj\":\"{PROBE}\"}}")
    } else {
        String::new()
    }
}
