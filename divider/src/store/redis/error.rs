//! Why something failed, and whether it may have happened all the same.

use std::time::Duration;

use divider_core::wire::Malformed;
use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::super::StoreError;

/// Why a [`RedisStore`](super::RedisStore) could not be opened. Nothing was changed, except that with
/// `create_if_missing` the group may have been created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address is not one of Redis.
    #[error(
        "not an address of Redis (expected redis://host:port or rediss://host:port): {servers}"
    )]
    Address {
        /// The address, without credentials.
        servers: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No server was ready in the time that was given with
    /// [`wait_for_server`](super::RedisOptions::wait_for_server). Start it, or wait longer.
    #[error("no server became ready within {waited:?}, start it or wait longer")]
    NotThere {
        /// How long it was waited for.
        waited: Duration,
        /// What the last attempt ended with.
        source: Box<OpenError>,
    },
    /// There is no such group. Create it once, with `divider init` or with `create_if_missing`.
    #[error("the group does not exist, make it with `divider init` or create_if_missing: {group}")]
    NoGroup {
        /// The group's name.
        group: String,
    },
    /// The group uses another protocol version. Use the version of this library that supports it.
    #[error(
        "the group uses another protocol version, this build supports {spoken}: use a build for {found}"
    )]
    Protocol {
        /// The protocol of the group record.
        found: u32,
        /// The one protocol that this version speaks.
        spoken: u32,
    },
    /// The group record cannot be read. Correct it, or delete it.
    #[error("the group record cannot be read, correct or delete it: {group}")]
    GroupRecord {
        /// The group's name.
        group: String,
        /// What is wrong with it.
        source: Malformed,
    },
    /// The user was not let in, or lacks a right. `docs/redis.md` lists the rights of a node.
    #[error("permission denied: {what}")]
    Denied {
        /// The server's text.
        what: String,
    },
    /// The store failed in another way.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Denied { what } => Self::Denied { what },
            StoreError::NoGroup { group } => Self::NoGroup { group },
            other => Self::Store(other),
        }
    }
}

/// What became of a request without the answer that was asked for.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// It was not carried out, and never will be.
    Refused(StoreError),
    /// It may have been carried out, or may be later.
    Unknown(StoreError),
}

impl Failure {
    pub(super) fn into_error(self) -> StoreError {
        let (Self::Refused(error) | Self::Unknown(error)) = self;
        error
    }
}

/// Whether a connection is of further use after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    Kept,
    /// It is broken, or its server takes no writes now.
    Useless,
}

/// What the error of a request means.
pub(super) fn of_request(error: &RedisError, group: &str) -> (Failure, Connection) {
    use Connection::{Kept, Useless};
    let what = text(error);
    let unreachable = |what| StoreError::Unreachable { what };
    let ErrorKind::Server(kind) = error.kind() else {
        return match (error.kind(), error.code()) {
            // It may have been replaced: another server may take writes.
            (ErrorKind::Extension, Some(code @ "NOREPLICAS")) => {
                (of_code(code, what, group), Useless)
            }
            (ErrorKind::Extension, Some(code)) => (of_code(code, what, group), Kept),
            (ErrorKind::AuthenticationFailed, _) => {
                (Failure::Refused(StoreError::Denied { what }), Useless)
            }
            _ => (Failure::Unknown(unreachable(what)), Useless),
        };
    };
    match kind {
        // Nothing was carried out: another server is the primary, or none is ready.
        ServerErrorKind::ReadOnly
        | ServerErrorKind::Moved
        | ServerErrorKind::Ask
        | ServerErrorKind::ClusterDown
        | ServerErrorKind::MasterDown
        | ServerErrorKind::TryAgain
        | ServerErrorKind::BusyLoading => (Failure::Refused(unreachable(what)), Useless),
        ServerErrorKind::NoPerm => (Failure::Refused(StoreError::Denied { what }), Kept),
        _ => (of_text(what), Kept),
    }
}

/// Errors of the scripts, and those that the client has no kind for.
fn of_code(code: &str, what: String, group: &str) -> Failure {
    match code {
        "NOGROUP" => Failure::Refused(StoreError::NoGroup { group: group.to_owned() }),
        "DAMAGED" => {
            let advice = "set maxmemory-policy noeviction, delete the keys of the group and create it \
                          again";
            let what = format!("the server has lost a part of the group, {advice}: {what}");
            Failure::Refused(StoreError::Other { what })
        }
        "OOM" | "MISCONF" => Failure::Refused(StoreError::Full { what }),
        "NOAUTH" | "WRONGPASS" => Failure::Refused(StoreError::Denied { what }),
        "BUSY" | "NOREPLICAS" | "UNBLOCKED" => Failure::Refused(StoreError::Unreachable { what }),
        _ => of_text(what),
    }
}

/// A script passes on the errors of its commands as text. It may have made changes before.
fn of_text(what: String) -> Failure {
    let has = |words: &str| what.contains(words);
    if has("NOPERM") || has("no permissions") || has("can't run this command") || has("ACL failure")
    {
        // The right to a command is checked where the script calls it.
        return Failure::Unknown(StoreError::Denied { what });
    }
    if has("unauthenticated") {
        return Failure::Refused(StoreError::Denied { what });
    }
    if has("READONLY") {
        return Failure::Refused(StoreError::Unreachable { what });
    }
    if has("OOM") {
        return Failure::Refused(StoreError::Full { what });
    }
    Failure::Unknown(StoreError::Other { what })
}

/// The error in the server's words.
fn text(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}
