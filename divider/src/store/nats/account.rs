//! An account on a server: the groups in it, before one of them is opened.

use std::fmt;

use serde::Deserialize;
use serde_json::json;

use super::NatsStore;
use super::api::Api;
use super::connect::Connection;
use super::error::OpenError;
use super::open::open_error;
use super::options::{NatsOptions, StreamOptions};
use super::patience::Patience;
use super::stream::Names;
use super::version::Version;
use crate::id::GroupName;

/// A connection to an account of a NATS server, in which there may be any number of groups; made by
/// [`NatsOptions::account`].
///
/// Clones, and the stores that are opened on it, share one connection.
#[derive(Clone)]
pub struct NatsAccount {
    pub(super) connection: Connection,
    pub(super) options: NatsOptions,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The oldest version that will do.
    pub needed: String,
    /// Whether its version will do.
    pub is_new_enough: bool,
}

/// How much of its storage an account uses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Storage {
    /// Bytes that all its streams take now, on disk.
    pub used: u64,
    /// What the limits (`max_bytes`) of its streams add up to. It keeps further streams from being
    /// made, but no place free: a stream without a limit fills it (tried with 2.15.1).
    pub reserved: u64,
    /// The limit, if there is one; else the server's own limit counts, which no account sees.
    pub limit: Option<u64>,
}

/// What the server says about an account.
#[derive(Deserialize)]
struct AccountInfo {
    #[serde(default)]
    storage: u64,
    #[serde(default)]
    reserved_storage: u64,
    #[serde(default)]
    limits: Limits,
}

#[derive(Default, Deserialize)]
struct Limits {
    #[serde(default)]
    max_storage: i64,
}

/// Most streams are found in one page of the answer; nobody has more pages than this.
const MAX_PAGES: usize = 10_000;

#[derive(Deserialize)]
struct Page {
    total: usize,
    /// Without one it is null.
    streams: Option<Vec<String>>,
}

impl NatsAccount {
    /// The server that the connection goes to now, or went to last.
    pub fn server(&self) -> Server {
        let info = self.connection.client.server_info();
        let version = info.version;
        Server {
            name: info.server_name,
            is_new_enough: Version::is_enough(&version),
            needed: Version::NEEDED.to_string(),
            version,
        }
    }

    /// The groups in the account, sorted. It takes the right to publish to
    /// `$JS.API.STREAM.NAMES`.
    ///
    /// # Errors
    /// [`OpenError::NoJetStream`], [`OpenError::Denied`], [`OpenError::Timeout`],
    /// [`OpenError::Store`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn groups(&self) -> Result<Vec<GroupName>, OpenError> {
        let api = self.api(None);
        let mut groups = Vec::new();
        let mut offset = 0;
        for _ in 0..MAX_PAGES {
            let wanted = json!({"subject": Names::ANY_ANNOUNCE, "offset": offset});
            let page: Result<Page, _> = api.request("STREAM.NAMES", &wanted).await;
            let page = page.map_err(|error| open_error(&api, error))?;
            let names = page.streams.unwrap_or_default();
            offset += names.len();
            groups.extend(names.iter().filter_map(|name| Names::group_of(name)));
            if names.is_empty() || offset >= page.total {
                break;
            }
        }
        groups.sort_unstable();
        Ok(groups)
    }

    /// How full the account is: when it is full, or the server is, leases are not renewed any more, and
    /// all work stops. It takes the right to publish to `$JS.API.INFO`.
    ///
    /// # Errors
    /// [`OpenError::NoJetStream`], [`OpenError::Denied`], [`OpenError::Timeout`],
    /// [`OpenError::Store`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn storage(&self) -> Result<Storage, OpenError> {
        let api = self.api(None);
        let info: Result<AccountInfo, _> = api.request("INFO", &()).await;
        let info = info.map_err(|error| open_error(&api, error))?;
        Ok(Storage {
            used: info.storage,
            reserved: info.reserved_storage,
            limit: u64::try_from(info.limits.max_storage).ok().filter(|&limit| limit > 0),
        })
    }

    /// Opens a group, or makes it where that was asked for with
    /// [`create_if_missing`](NatsOptions::create_if_missing).
    ///
    /// # Errors
    /// As [`NatsOptions::open`].
    ///
    /// # Cancel safety
    /// As [`NatsOptions::connect`].
    pub async fn open(&self, group: GroupName) -> Result<NatsStore, OpenError> {
        self.open_by(&self.options, group).await
    }

    /// Opens a group, or makes it where there is none.
    ///
    /// # Errors
    /// As [`NatsOptions::open`].
    ///
    /// # Cancel safety
    /// As [`NatsOptions::connect`].
    pub async fn open_or_create(
        &self,
        group: GroupName,
        stream: StreamOptions,
    ) -> Result<NatsStore, OpenError> {
        let options = self.options.clone().create_if_missing(stream);
        self.open_by(&options, group).await
    }

    async fn open_by(
        &self,
        options: &NatsOptions,
        group: GroupName,
    ) -> Result<NatsStore, OpenError> {
        options.open_with(&self.connection, group, Patience::new(options.wait)).await
    }

    pub(super) fn api(&self, group: Option<&GroupName>) -> Api {
        self.options.api(self.connection.clone(), group)
    }
}

impl fmt::Debug for NatsAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsAccount").field("server", &self.server()).finish_non_exhaustive()
    }
}
