//! Opening a group by an address, whichever backend the address names.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Store;
use crate::id::GroupName;

/// A kind of server that keeps groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// NATS `JetStream`: `nats://`, `tls://`, `ws://`, `wss://`, or an address without a scheme.
    Nats,
    /// PostgreSQL: `postgres://`, `postgresql://`.
    Postgres,
    /// Redis: `redis://`, `rediss://`.
    Redis,
}

/// How to open a group by an address, for programs whose users choose the backend.
///
/// Each backend has more options of its own, in its module.
///
/// ```no_run
/// # use divider::GroupName;
/// # use divider::store::StoreOptions;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let url = std::env::var("STORE_URL")?;
/// let store = StoreOptions::default().connect(&url, GroupName::new("orders")?).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[cfg_attr(
    not(any(feature = "nats", feature = "postgres", feature = "redis")),
    allow(dead_code, reason = "no backend that is compiled reads them")
)]
pub struct StoreOptions {
    create: bool,
    wait: Option<Duration>,
    request_timeout: Duration,
    ignore_discovered: bool,
}

/// Why a group could not be opened by its address. Nothing was changed, except that with
/// [`create_if_missing`](StoreOptions::create_if_missing) the group may have been created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No backend has this scheme. Correct the address.
    #[error(
        "no backend has this scheme, use one of nats, tls, ws, wss, postgres, postgresql, redis, \
         rediss: {found}"
    )]
    UnknownScheme {
        /// The scheme of the address.
        found: String,
    },
    /// The program was built without this backend. Build it with the cargo feature.
    #[error("this build has no backend {backend}, build it with the cargo feature `{}`", .backend.feature())]
    NotCompiled {
        /// The backend that the address names.
        backend: Backend,
    },
    /// There is no such group. Create it once, with `divider init` or with `create_if_missing`.
    #[error("the group does not exist, make it with `divider init` or create_if_missing: {group}")]
    NoGroup {
        /// The group's name.
        group: String,
    },
    /// The backend's own error, such as `store::nats::OpenError`.
    #[error(transparent)]
    Backend(Box<dyn Error + Send + Sync>),
}

impl Backend {
    /// The backend that an address names by its scheme. Of several addresses, the first one counts.
    ///
    /// # Errors
    /// [`ConnectError::UnknownScheme`].
    pub fn of(urls: &str) -> Result<Self, ConnectError> {
        let Some((scheme, _)) = urls.trim().split_once("://") else { return Ok(Self::Nats) };
        match scheme.to_ascii_lowercase().as_str() {
            "nats" | "tls" | "ws" | "wss" => Ok(Self::Nats),
            "postgres" | "postgresql" => Ok(Self::Postgres),
            "redis" | "rediss" => Ok(Self::Redis),
            _ => Err(ConnectError::UnknownScheme { found: scheme.to_owned() }),
        }
    }

    /// The cargo feature that compiles it.
    pub const fn feature(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nats => "NATS",
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
        })
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            create: false,
            wait: None,
            request_timeout: Duration::from_secs(2),
            ignore_discovered: false,
        }
    }
}

#[cfg_attr(
    not(any(feature = "nats", feature = "postgres", feature = "redis")),
    allow(clippy::unused_async, reason = "no backend that is compiled waits")
)]
impl StoreOptions {
    /// Creates the group if it does not exist, with the backend's default settings.
    #[must_use]
    pub fn create_if_missing(mut self) -> Self {
        self.create = true;
        self
    }

    /// How long to wait for a server that is not ready when a group is opened. Unless set, there is
    /// one attempt.
    #[must_use]
    pub fn wait_for_server(mut self, longest: Duration) -> Self {
        self.wait = Some(longest);
        self
    }

    /// How long to wait for the answer to one request, and for one attempt to connect: 2 s unless
    /// set.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Connects only to the given addresses, where a backend's servers tell clients of other ones.
    #[must_use]
    pub fn ignore_discovered_servers(mut self) -> Self {
        self.ignore_discovered = true;
        self
    }

    /// Connects to a server and opens the group.
    ///
    /// # Errors
    /// Any [`ConnectError`].
    ///
    /// # Cancel safety
    /// Cancel safe: a connection that is half made is closed. With
    /// [`create_if_missing`](Self::create_if_missing) the group may have been created.
    pub async fn connect(
        &self,
        urls: &str,
        group: GroupName,
    ) -> Result<Arc<dyn Store>, ConnectError> {
        match Backend::of(urls)? {
            #[cfg(feature = "nats")]
            Backend::Nats => Ok(Arc::new(self.nats().connect(urls, group).await?)),
            #[cfg(feature = "postgres")]
            Backend::Postgres => match self.postgres().connect(urls, group.clone()).await {
                Ok(store) => Ok(Arc::new(store)),
                Err(error) => Err(ConnectError::of_postgres(error, &group)),
            },
            #[cfg(feature = "redis")]
            Backend::Redis => Ok(Arc::new(self.redis().connect(urls, group).await?)),
            #[allow(unreachable_patterns, reason = "the features decide which ones are left")]
            backend => {
                // Used by the arms above, which may all be missing.
                drop(group);
                Err(ConnectError::NotCompiled { backend })
            }
        }
    }

    /// The groups that the user can see on a server, sorted by name.
    ///
    /// # Errors
    /// Any [`ConnectError`] but [`NoGroup`](ConnectError::NoGroup).
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn groups(&self, urls: &str) -> Result<Vec<GroupName>, ConnectError> {
        match Backend::of(urls)? {
            #[cfg(feature = "nats")]
            Backend::Nats => Ok(self.nats().account(urls).await?.groups().await?),
            #[cfg(feature = "postgres")]
            Backend::Postgres => Ok(self.postgres().groups(urls).await?),
            #[cfg(feature = "redis")]
            Backend::Redis => Ok(self.redis().groups(urls).await?),
            #[allow(unreachable_patterns, reason = "the features decide which ones are left")]
            backend => Err(ConnectError::NotCompiled { backend }),
        }
    }

    /// Deletes a group for good, with its keys, claims, history and checkpoints. Its nodes stop all
    /// work when they notice it, at the latest when their leases end.
    ///
    /// # Errors
    /// Any [`ConnectError`].
    ///
    /// # Cancel safety
    /// If it is dropped before it is done, the group may be there or not.
    pub async fn delete(&self, urls: &str, group: &GroupName) -> Result<(), ConnectError> {
        match Backend::of(urls)? {
            #[cfg(feature = "nats")]
            Backend::Nats => Ok(self.nats().account(urls).await?.delete(group).await?),
            #[cfg(feature = "postgres")]
            Backend::Postgres => {
                let deleted = self.postgres().delete(urls, group).await;
                deleted.map_err(|error| ConnectError::of_postgres(error, group))
            }
            #[cfg(feature = "redis")]
            Backend::Redis => Ok(self.redis().delete(urls, group).await?),
            #[allow(unreachable_patterns, reason = "the features decide which ones are left")]
            backend => {
                let _ = group;
                Err(ConnectError::NotCompiled { backend })
            }
        }
    }
}

/// The error of a backend, as one of any backend.
macro_rules! from_open_error {
    ($feature:literal, $backend:ident) => {
        #[cfg(feature = $feature)]
        impl From<super::$backend::OpenError> for ConnectError {
            fn from(error: super::$backend::OpenError) -> Self {
                match error {
                    super::$backend::OpenError::NoGroup { group } => Self::NoGroup { group },
                    error => Self::Backend(Box::new(error)),
                }
            }
        }
    };
}

from_open_error!("nats", nats);
from_open_error!("postgres", postgres);
from_open_error!("redis", redis);

#[cfg(feature = "nats")]
mod nats {
    use super::super::nats::{NatsOptions, NatsStore, StreamOptions};
    use super::StoreOptions;

    impl StoreOptions {
        pub(super) fn nats(&self) -> NatsOptions {
            let mut options = NatsStore::options()
                .request_timeout(self.request_timeout)
                .connect_timeout(self.request_timeout);
            if let Some(longest) = self.wait {
                options = options.wait_for_server(longest);
            }
            if self.ignore_discovered {
                options = options.ignore_discovered_servers();
            }
            if self.create {
                options = options.create_if_missing(StreamOptions::default());
            }
            options
        }
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::super::postgres::{OpenError, PostgresOptions, PostgresStore};
    use super::{ConnectError, StoreOptions};
    use crate::id::GroupName;

    impl ConnectError {
        /// The error of an operation on one group. A database without the schema has no group.
        pub(super) fn of_postgres(error: OpenError, group: &GroupName) -> Self {
            match error {
                OpenError::NoSchema { .. } => Self::NoGroup { group: group.to_string() },
                error => error.into(),
            }
        }
    }

    impl StoreOptions {
        pub(super) fn postgres(&self) -> PostgresOptions {
            let mut options = PostgresStore::options()
                .request_timeout(self.request_timeout)
                .connect_timeout(self.request_timeout);
            if let Some(longest) = self.wait {
                options = options.wait_for_server(longest);
            }
            if self.create {
                options = options.create_if_missing();
            }
            options
        }
    }
}

#[cfg(feature = "redis")]
mod redis {
    use super::super::redis::{RedisOptions, RedisStore};
    use super::StoreOptions;

    impl StoreOptions {
        pub(super) fn redis(&self) -> RedisOptions {
            let mut options = RedisStore::options().request_timeout(self.request_timeout);
            if let Some(longest) = self.wait {
                options = options.wait_for_server(longest);
            }
            if self.create {
                options = options.create_if_missing();
            }
            options
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_of_an_address_names_its_backend() {
        let check = |urls: &str, want: Backend| {
            assert_eq!(Backend::of(urls).expect("known"), want, "{urls}");
        };
        check("127.0.0.1:4222", Backend::Nats);
        check("nats://a:4222,tls://b", Backend::Nats);
        check("wss://a", Backend::Nats);
        check("postgres://me:secret@a,b/db", Backend::Postgres);
        check("PostgreSQL://a/db?sslmode=require", Backend::Postgres);
        check("redis://a", Backend::Redis);
        check("rediss://a:6380/1", Backend::Redis);
        let error = Backend::of("mysql://me:secret@a").expect_err("no such backend");
        let text = error.to_string();
        assert!(text.contains("mysql") && !text.contains("secret"), "{text}");
    }

    #[tokio::test]
    async fn a_backend_that_was_not_compiled_names_its_feature() {
        let group = GroupName::new("g").expect("legal");
        let backends = [
            ("postgres://a", "postgres", cfg!(feature = "postgres")),
            ("redis://a", "redis", cfg!(feature = "redis")),
        ];
        for (url, feature, is_compiled) in backends {
            if is_compiled {
                continue;
            }
            let error = StoreOptions::default().connect(url, group.clone()).await.map(drop);
            let text = error.expect_err("not compiled").to_string();
            assert!(text.contains(&format!("`{feature}`")), "{text}");
        }
    }
}
