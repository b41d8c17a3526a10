//! Opening a group: everything that can be wrong is found here, before a node depends on it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::super::{Outcome, Store, StoreError, Write};
use super::api::{Api, ApiError, NO_JETSTREAM, NO_STREAM, STREAM_EXISTS};
use super::connect::Connection;
use super::error::OpenError;
use super::leaked::LeakedConsumers;
use super::options::{DEFAULT_PREFIX, NatsOptions, StreamOptions};
use super::patience::Patience;
use super::publisher::Publisher;
use super::requests::RequestConnection;
use super::rules::Rules;
use super::server_clock::ServerClock;
use super::stream::{Names, StreamInfo};
use super::subjects::Subjects;
use super::version::Version;
use super::{Inner, NatsStore};
use crate::id::{GroupName, Revision};
use divider_core::wire::{GroupRecord, PROTOCOL, RecordName};

/// Making a stream with several replicas needs an election.
const CREATE_TIMEOUT: Duration = Duration::from_secs(10);

impl NatsOptions {
    /// Opens the group as soon as the server is ready, if that comes in time.
    pub(super) async fn open_with(
        &self,
        connection: &Connection,
        group: GroupName,
        mut patience: Patience,
    ) -> Result<NatsStore, OpenError> {
        loop {
            match self.open_on(connection.clone(), group.clone()).await {
                Ok(store) => return Ok(store),
                Err(error) => patience.after(error).await?,
            }
        }
    }

    async fn open_on(
        &self,
        connection: Connection,
        group: GroupName,
    ) -> Result<NatsStore, OpenError> {
        check_version(&connection)?;
        let names = Names::new(&group);
        let api = self.api(connection, Some(&group));
        let stream = self.find_or_create(&api, &names).await?;
        let broken = names.broken_rules(&stream.config);
        if broken.iter().any(|rule| !rule.is_harmless) {
            return Err(OpenError::Rules { stream: names.stream, broken });
        }
        let rules = Rules::default();
        rules.look(&names.stream, broken);
        let publisher = Publisher::new(api.clone(), self.subjects(&names)).await?;
        let store = NatsStore {
            inner: Arc::new(Inner {
                group,
                names,
                api,
                publisher,
                leaked: LeakedConsumers::default(),
                clock: ServerClock::default(),
                rules,
                requests: RequestConnection::default(),
                below: self.records_prefix(),
                create: self.create.clone(),
                checkpoints: OnceCell::new(),
                messages: OnceCell::new(),
            }),
        };
        store.check_group_record(self.create.is_some()).await?;
        Ok(store)
    }

    /// Asks the API about a group, or about none in particular.
    pub(super) fn api(&self, connection: Connection, group: Option<&GroupName>) -> Api {
        Api {
            connection,
            prefix: self.prefix.as_str().into(),
            timeout: self.request_timeout,
            group: group.map_or("", GroupName::as_str).into(),
        }
    }

    /// Where records are written. As other clients do: below a foreign prefix the server maps `$KV`
    /// subjects, too.
    fn subjects(&self, names: &Names) -> Subjects {
        let below = self.records_prefix();
        let announce = below.is_empty().then(|| names.announce.clone());
        Subjects { records: below + &names.records, announce }
    }

    /// What stands before the subjects of records: nothing, or a foreign prefix with a dot.
    pub(super) fn records_prefix(&self) -> String {
        match self.prefix.as_str() {
            DEFAULT_PREFIX => String::new(),
            prefix => format!("{prefix}."),
        }
    }

    async fn find_or_create(&self, api: &Api, names: &Names) -> Result<StreamInfo, OpenError> {
        let info = format!("STREAM.INFO.{}", names.stream);
        let found = match (api.request(&info, &()).await, &self.create) {
            (Err(ApiError::Refused(refusal)), Some(options)) if refusal.err_code == NO_STREAM => {
                match create(api, names, options).await {
                    // Somebody else was quicker; the rules will tell.
                    Err(ApiError::Refused(refusal)) if refusal.err_code == STREAM_EXISTS => {
                        api.request(&info, &()).await
                    }
                    made => made,
                }
            }
            (found, _) => found,
        };
        found.map_err(|error| open_error(api, error))
    }
}

async fn create(api: &Api, names: &Names, options: &StreamOptions) -> Result<StreamInfo, ApiError> {
    let api = Api { timeout: api.timeout.max(CREATE_TIMEOUT), ..api.clone() };
    api.request(&format!("STREAM.CREATE.{}", names.stream), &names.config(options)).await
}

pub(super) fn open_error(api: &Api, error: ApiError) -> OpenError {
    let no_jetstream =
        |what: String| OpenError::NoJetStream { prefix: api.prefix.to_string(), what };
    match error {
        ApiError::NoResponders => no_jetstream("no responders".into()),
        ApiError::Refused(refusal) if NO_JETSTREAM.contains(&refusal.err_code) => {
            no_jetstream(refusal.to_string())
        }
        ApiError::Refused(refusal) if refusal.err_code == NO_STREAM => {
            OpenError::NoGroup { group: api.group.to_string() }
        }
        error => api.store_error(error).into(),
    }
}

fn check_version(connection: &Connection) -> Result<(), OpenError> {
    let Some(info) = connection.client.try_server_info() else {
        let what = "the client that was handed in has not connected yet, connect it first or set \
                    wait_for_server";
        return Err(OpenError::Store(StoreError::Unreachable { what: what.into() }));
    };
    let found = info.version;
    if Version::is_enough(&found) {
        return Ok(());
    }
    Err(OpenError::ServerTooOld { found, needed: Version::NEEDED.to_string() })
}

impl NatsStore {
    /// Looks at the protocol, and writes the record where it is missing and we may make groups.
    async fn check_group_record(&self, create: bool) -> Result<(), OpenError> {
        let name = RecordName::Group.to_string();
        if create {
            let write =
                Write::put(name.clone(), GroupRecord::default().encode(), Some(Revision::NONE));
            match self.write(write).await {
                Outcome::Acked(_) => return Ok(()),
                // Somebody wrote it, or may have: the read tells.
                Outcome::Conflict | Outcome::Unknown(_) => {}
                Outcome::Refused(error) => return Err(error.into()),
            }
        }
        let value = match self.read(&name).await {
            Ok(record) => record.and_then(|record| record.value),
            // An announcer need not have the right to read. A node sees the record in its watch.
            Err(error @ (StoreError::Denied { .. } | StoreError::Timeout { .. })) => {
                tracing::debug!(%error, "the group's protocol was not checked");
                None
            }
            Err(error) => return Err(error.into()),
        };
        let Some(value) = value else { return Ok(()) };
        let record = GroupRecord::decode(&value).map_err(|source| OpenError::GroupRecord {
            group: self.inner.group.to_string(),
            source,
        })?;
        if record.protocol == PROTOCOL {
            return Ok(());
        }
        Err(OpenError::Protocol { found: record.protocol, spoken: PROTOCOL })
    }
}
