//! How to open a group, and how to create one.

use std::time::Duration;

use divider_core::wire::{GroupRecord, PROTOCOL, RecordName};
use tokio::time::Instant;

use super::super::{Outcome, Store, StoreError, Write};
use super::address;
use super::error::OpenError;
use super::link::{Link, Setup};
use super::{RedisStore, thread};
use crate::backoff::Backoff;
use crate::id::{GroupName, Revision};

/// How to open a group on a Redis server; begins with [`RedisStore::options`].
///
/// ```no_run
/// # use divider::{GroupName, RedisStore};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::options()
///     .create_if_missing()
///     .connect("redis://127.0.0.1:6379", GroupName::new("orders")?)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RedisOptions {
    create: bool,
    request_timeout: Duration,
    wait: Option<Duration>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self { create: false, request_timeout: Duration::from_secs(2), wait: None }
    }
}

impl RedisOptions {
    /// Creates the group where there is none. Without it, opening a group that does not exist fails,
    /// since a group that was lost, or mistyped, should not come to life by itself.
    #[must_use]
    pub fn create_if_missing(mut self) -> Self {
        self.create = true;
        self
    }

    /// How long the answer to a request is waited for, and how long an attempt to connect may take:
    /// 2 s unless set, a third of the shortest default lease. With several servers, each gets this
    /// time.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long a server is waited for that cannot be reached or loads its data, when a group is
    /// opened; unless set, not at all. A connection that was made once comes back by itself.
    #[must_use]
    pub fn wait_for_server(mut self, longest: Duration) -> Self {
        self.wait = Some(longest);
        self
    }

    /// Opens the group, at one or more addresses with commas between them.
    ///
    /// # Errors
    /// Any [`OpenError`].
    ///
    /// # Cancel safety
    /// Dropped before it is done, a group that was to be created may exist or not.
    pub async fn connect(
        self,
        urls: impl AsRef<str>,
        group: GroupName,
    ) -> Result<RedisStore, OpenError> {
        let store = RedisStore { link: self.link(urls.as_ref(), group.clone())?, group };
        self.wait_until_open(&store).await?;
        store.check_group_record(self.create).await?;
        Ok(store)
    }

    /// A link to these servers, which has no connection yet.
    pub(super) fn link(&self, urls: &str, group: GroupName) -> Result<Link, OpenError> {
        let invalid = |source: redis::RedisError| OpenError::Address {
            servers: address::without_credentials(urls),
            source: source.into(),
        };
        let servers = address::parse(urls).map_err(invalid)?;
        address::prepare_tls(&servers)?;
        let system = |error: std::io::Error| StoreError::Other { what: error.to_string() };
        let (runtime, stop) = thread::start().map_err(system)?;
        let timeout = self.request_timeout;
        Ok(Link::new(Setup { group, urls: urls.to_owned(), servers, timeout, runtime, stop }))
    }

    async fn wait_until_open(&self, store: &RedisStore) -> Result<(), OpenError> {
        let begun = Instant::now();
        let mut waits = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        loop {
            let opened = if self.create {
                store.link.create().await
            } else {
                store.link.live().await.map(drop)
            };
            let Err(error) = opened else { return Ok(()) };
            let may_pass =
                matches!(error, StoreError::Unreachable { .. } | StoreError::Timeout { .. });
            let Some(longest) = self.wait.filter(|_| may_pass) else { return Err(error.into()) };
            let wait = waits.next(getrandom::u32().unwrap_or(0));
            if begun.elapsed() + wait >= longest {
                let source = Box::new(error.into());
                return Err(OpenError::NotThere { waited: longest, source });
            }
            tokio::time::sleep(wait).await;
        }
    }
}

impl RedisStore {
    /// Looks at the protocol, and writes the record where it is missing and groups may be created.
    async fn check_group_record(&self, create: bool) -> Result<(), OpenError> {
        let name = RecordName::Group.to_string();
        if create {
            let record = GroupRecord::default().encode();
            match self.write(Write::put(name.clone(), record, Some(Revision::NONE))).await {
                Outcome::Acked(_) => return Ok(()),
                // Somebody wrote it, or may have: the read tells.
                Outcome::Conflict | Outcome::Unknown(_) => {}
                Outcome::Refused(error) => return Err(error.into()),
            }
        }
        let record = self.read(&name).await?;
        let Some(value) = record.and_then(|record| record.value) else { return Ok(()) };
        let record = GroupRecord::decode(&value)
            .map_err(|source| OpenError::GroupRecord { group: self.group.to_string(), source })?;
        if record.protocol == PROTOCOL {
            return Ok(());
        }
        Err(OpenError::Protocol { found: record.protocol, spoken: PROTOCOL })
    }
}
