//! A server with groups, of whichever backend.

use std::sync::Arc;

use divider::GroupName;
use divider::store::nats::{NatsAccount, StreamOptions};
use divider::store::{Backend, ConnectError, Store, StoreOptions};

use crate::exit::{Exit, Failure};

/// The server that the address names.
#[derive(Debug, Clone)]
pub(crate) enum Server {
    /// An account of a NATS server, on one connection.
    Nats(Box<NatsAccount>),
    /// Any other backend. Each operation makes a connection of its own.
    Other {
        /// Which one.
        backend: Backend,
        /// Where it is, with its secrets.
        urls: Secret,
        /// How to connect.
        options: StoreOptions,
    },
}

/// An address that is not shown.
#[derive(Clone)]
pub(crate) struct Secret(pub(super) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&super::redacted(&self.0))
    }
}

impl Secret {
    /// The address, to connect with it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl Server {
    /// Which backend it is.
    pub(crate) fn backend(&self) -> Backend {
        match self {
            Self::Nats(_) => Backend::Nats,
            Self::Other { backend, .. } => *backend,
        }
    }

    /// Opens a group.
    pub(crate) async fn open(&self, group: GroupName) -> Result<Arc<dyn Store>, ConnectError> {
        match self {
            Self::Nats(account) => Ok(Arc::new(account.open(group).await?)),
            Self::Other { urls, options, .. } => options.connect(urls.reveal(), group).await,
        }
    }

    /// Opens a group, or creates it with the given settings, which only NATS has.
    pub(crate) async fn open_or_create(
        &self,
        group: GroupName,
        stream: StreamOptions,
    ) -> Result<Arc<dyn Store>, ConnectError> {
        match self {
            Self::Nats(account) => Ok(Arc::new(account.open_or_create(group, stream).await?)),
            Self::Other { urls, options, .. } => {
                options.clone().create_if_missing().connect(urls.reveal(), group).await
            }
        }
    }

    /// The groups that the user can see there.
    pub(crate) async fn groups(&self) -> Result<Vec<GroupName>, ConnectError> {
        match self {
            Self::Nats(account) => Ok(account.groups().await?),
            Self::Other { urls, options, .. } => options.groups(urls.reveal()).await,
        }
    }

    /// Deletes a group for good.
    pub(crate) async fn delete(&self, group: &GroupName) -> Result<(), ConnectError> {
        match self {
            Self::Nats(account) => Ok(account.delete(group).await?),
            Self::Other { urls, options, .. } => options.delete(urls.reveal(), group).await,
        }
    }

    /// The account, for what only NATS has.
    pub(crate) fn nats(&self) -> Option<&NatsAccount> {
        match self {
            Self::Nats(account) => Some(account),
            Self::Other { .. } => None,
        }
    }

    /// The account, or an error that names what only NATS has.
    pub(crate) fn only_nats(&self, what: &str) -> Result<&NatsAccount, Failure> {
        self.nats().ok_or_else(|| {
            let words = format!("{what} needs NATS, and this server is {}", self.backend());
            Failure::new(Exit::Usage, words)
        })
    }
}
