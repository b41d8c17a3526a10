//! Opening a group: everything that can be wrong is found here, before a node depends on it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::super::{Outcome, Store, StoreError, Write};
use super::batch::Batcher;
use super::error::OpenError;
use super::link::Link;
use super::options::PostgresOptions;
use super::queue::Queue;
use super::schema::Schema;
use super::server::Server;
use super::sweep::Sweeper;
use super::{Inner, PostgresStore};
use crate::backoff::Backoff;
use crate::id::{GroupName, Revision};
use divider_core::wire::{GroupRecord, PROTOCOL, RecordName};

/// Opening a group takes a few requests, and at least this much time is given to them. Creating its
/// schema may wait for another who creates it.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);

impl PostgresOptions {
    /// Connects to a server and opens the group.
    ///
    /// The address is a URL, `postgres://user:password@host:port/database?…`; several hosts are
    /// separated by commas, and the one that accepts writes is used. `sslmode` is `disable`,
    /// `prefer` (the default: TLS where the server has it, without verification), or `require`,
    /// `verify-ca` and `verify-full`, all of which verify the certificate and the host name.
    /// `sslrootcert`, `sslcert` and `sslkey` name files.
    ///
    /// The store has two connections, three with a history or checkpoints, on a thread of their
    /// own. It makes them again when they are lost. The thread ends when the store and everything
    /// made of it is dropped.
    ///
    /// # Errors
    /// Any [`OpenError`].
    ///
    /// # Cancel safety
    /// Cancel safe: a connection that is half made is closed. With
    /// [`create_if_missing`](Self::create_if_missing) the group may have been created.
    pub async fn connect(
        &self,
        url: impl AsRef<str>,
        group: GroupName,
    ) -> Result<PostgresStore, OpenError> {
        let begun = Instant::now();
        let mut waits = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        let mut is_told = false;
        let server = Server::new(self, url.as_ref(), group.as_str())?;
        loop {
            let error = match self.open_on(&server, &group).await {
                Ok(store) => return Ok(store),
                Err(error) => error,
            };
            let Some(longest) = self.wait.filter(|_| error.may_pass()) else { return Err(error) };
            let wait = waits.next(getrandom::u32().unwrap_or(0));
            if begun.elapsed() + wait >= longest {
                return Err(OpenError::NotThere { waited: longest, source: Box::new(error) });
            }
            if !std::mem::replace(&mut is_told, true) {
                let error = crate::report::chain(&error).to_string();
                tracing::warn!(error, ?longest, "waiting for the store");
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn open_on(
        &self,
        server: &Server,
        group: &GroupName,
    ) -> Result<PostgresStore, OpenError> {
        let after = OPEN_TIMEOUT.max(self.request_timeout * 4);
        let prepared = tokio::time::timeout(after, self.prepare(server, group)).await;
        prepared.map_err(|_| {
            let what = "open the group".to_owned();
            OpenError::Store(StoreError::Timeout { what, after })
        })??;
        let store = self.store(server, group.clone());
        store.check_group_record(self.create).await?;
        Ok(store)
    }

    /// Checks the server, the schema and the group, and creates what is missing.
    async fn prepare(&self, server: &Server, group: &GroupName) -> Result<(), OpenError> {
        let live = server.connect().await?;
        let client = live.client();
        server.check_version(client).await?;
        if self.create {
            server.create_schema(client).await?;
        }
        server.check_schema(client).await?;
        if server.has_group(client, group).await? {
            return Ok(());
        }
        if !self.create {
            return Err(OpenError::NoGroup { group: group.to_string() });
        }
        server.create_group(client, group, self.max_bytes).await
    }

    fn store(&self, server: &Server, group: GroupName) -> PostgresStore {
        let Server { thread, connector, schema, .. } = server.clone();
        let changed = watch::Sender::new(());
        let channel = self.notify.then(|| channel(&schema, &group));
        let listen = channel.as_ref().map(|channel| format!("LISTEN \"{channel}\""));
        let queue = Arc::new(Queue::default());
        let batcher = Batcher {
            queue: Arc::clone(&queue),
            link: Link::new(connector.clone(), None, None),
            group: group.clone(),
            schema: schema.clone(),
            request_timeout: self.request_timeout,
            channel,
            changed: changed.clone(),
            sweeper: Sweeper::new(self),
        };
        thread.runtime.spawn(batcher.run());
        let reader = Link::new(connector.clone(), listen, Some(changed.clone()));
        PostgresStore {
            inner: Arc::new(Inner {
                group,
                schema,
                queue,
                reader,
                others: OnceLock::new(),
                connector,
                changed,
                poll_interval: self.poll(),
                thread,
            }),
        }
    }
}

/// The channel of a group's notifications: at most 63 bytes.
fn channel(schema: &Schema, group: &GroupName) -> String {
    let name = format!("{}.{group}", schema.name());
    if name.len() <= 63 {
        return name;
    }
    let digest = xxhash_rust::xxh3::xxh3_64(name.as_bytes());
    format!("divider.{digest:016x}")
}

impl PostgresStore {
    /// Checks the protocol, and writes the record where it is missing and we may create groups.
    async fn check_group_record(&self, create: bool) -> Result<(), OpenError> {
        let name = RecordName::Group.to_string();
        let read = async || Ok::<_, OpenError>(self.read(&name).await?.and_then(|r| r.value));
        let mut value = read().await?;
        if value.is_none() && create {
            let record = GroupRecord::default().encode();
            let write = Write::put(name.clone(), record, Some(Revision::NONE));
            match self.write(write).await {
                Outcome::Acked(_) => return Ok(()),
                Outcome::Refused(error) => return Err(error.into()),
                // Somebody wrote it, or may have: the read shows it.
                Outcome::Conflict | Outcome::Unknown(_) => value = read().await?,
            }
        }
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
