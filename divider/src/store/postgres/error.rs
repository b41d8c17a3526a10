//! What went wrong, from the words of the server and the client.

use std::error::Error;
use std::time::Duration;

use tokio_postgres::error::{Severity, SqlState};

use super::super::{Outcome, StoreError};
use divider_core::wire::Malformed;

/// Why a [`PostgresStore`](super::PostgresStore) could not be opened. Nothing was changed, except
/// that with `create_if_missing` the schema and the group may have been created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address or an option cannot be used. Correct it.
    #[error("invalid address or option: {what}")]
    Invalid {
        /// The part, and what was found.
        what: String,
    },
    /// No server could be reached, or none let us in. Check the address, the user and TLS.
    #[error("cannot connect to {server} (check the address, the user and TLS)")]
    Connect {
        /// Where it was tried, without the user.
        server: String,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server was not ready in the time that was given with
    /// [`wait_for_server`](super::PostgresOptions::wait_for_server). Start it, or wait longer.
    #[error("no server became ready within {waited:?}, start it or wait longer")]
    NotThere {
        /// How long the store waited.
        waited: Duration,
        /// The error of the last attempt.
        source: Box<OpenError>,
    },
    /// The server is older than 14. Use a newer one.
    #[error("PostgreSQL is too old, use 14 or newer: {found}")]
    ServerTooOld {
        /// The version of the server.
        found: String,
    },
    /// The server is a standby, or its database accepts no writes. Connect to the primary.
    #[error("the server accepts no writes, connect to the primary: {what}")]
    ReadOnly {
        /// What the server said.
        what: String,
    },
    /// The database has no such schema, or it has no tables of this library. Create it once, with
    /// `divider init` or with `create_if_missing`.
    #[error(
        "the database has no schema {schema:?} with the tables of this library, create it with \
         `divider init` or create_if_missing"
    )]
    NoSchema {
        /// The schema's name.
        schema: String,
    },
    /// The schema is of another version of this library.
    #[error(
        "the schema {schema:?} has version {found} and this build needs {needed}: if it is older, run \
         `divider init` with a user that owns it; if it is newer, use a newer build"
    )]
    SchemaVersion {
        /// The schema's name.
        schema: String,
        /// The version found.
        found: i32,
        /// The version that this build needs.
        needed: i32,
    },
    /// There is no such group. Create it once, with `divider init` or with `create_if_missing`.
    #[error("the group does not exist, make it with `divider init` or create_if_missing: {group}")]
    NoGroup {
        /// The group's name.
        group: String,
    },
    /// The group uses another protocol version. Use a build of this library that supports it.
    #[error(
        "the group uses another protocol version, this build supports {spoken}: use a build for {found}"
    )]
    Protocol {
        /// The protocol of the group record.
        found: u32,
        /// The one protocol that this build speaks.
        spoken: u32,
    },
    /// The group record cannot be read. Look at it, and delete or correct it.
    #[error("the group record cannot be read, correct or delete it: {group}")]
    GroupRecord {
        /// The group's name.
        group: String,
        /// What is wrong with it.
        source: Malformed,
    },
    /// The user lacks a right. Grant it: `postgres-roles.sql` lists the rights of each role.
    #[error("permission denied, the user needs this right: {what}")]
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

impl OpenError {
    /// Whether it may be otherwise in a while, though nobody corrects anything here.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Connect { source, .. } => match source.downcast_ref::<tokio_postgres::Error>() {
                // The server said no. It may be starting, ending or full.
                Some(error) => error.code().is_none_or(|code| {
                    code.code().starts_with("57P") || code.code().starts_with("53")
                }),
                None => true,
            },
            Self::ReadOnly { .. } => true,
            Self::Store(error) => {
                matches!(error, StoreError::Unreachable { .. } | StoreError::Timeout { .. })
            }
            _ => false,
        }
    }
}

/// Why a statement has no result.
#[derive(Debug, Clone)]
pub(super) enum Failed {
    /// It did not reach the server.
    NotSent(StoreError),
    /// The server carried nothing of it out.
    Refused(StoreError),
    /// It may have been carried out, or may be later.
    Unknown(StoreError),
}

impl Failed {
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::NotSent(error) | Self::Refused(error) | Self::Unknown(error) => error,
        }
    }

    /// The outcome of each write that was in the statement.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::NotSent(error) | Self::Refused(error) => Outcome::Refused(error.clone()),
            Self::Unknown(error) => Outcome::Unknown(error.clone()),
        }
    }

    /// Whether another connection may do better.
    pub(super) fn is_unreachable(&self) -> bool {
        match self {
            Self::NotSent(error) | Self::Refused(error) | Self::Unknown(error) => {
                matches!(error, StoreError::Unreachable { .. })
            }
        }
    }

    /// What the client's error says of a statement that was sent.
    pub(super) fn of(error: &tokio_postgres::Error, group: &str) -> Self {
        let Some(db) = error.as_db_error() else {
            return Self::Unknown(StoreError::Unreachable { what: words(error) });
        };
        let what = store_error(error, group);
        // A server that ends the connection may have committed before it.
        let ends = matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
        if ends || db.code().code().starts_with("08") {
            Self::Unknown(what)
        } else {
            Self::Refused(what)
        }
    }
}

/// The error of the store that a code of the server stands for.
pub(super) fn store_error(error: &tokio_postgres::Error, group: &str) -> StoreError {
    let what = words(error);
    let Some(code) = error.code() else { return StoreError::Unreachable { what } };
    match code {
        &SqlState::INSUFFICIENT_PRIVILEGE => StoreError::Denied { what },
        &SqlState::INVALID_SCHEMA_NAME
        | &SqlState::UNDEFINED_TABLE
        | &SqlState::UNDEFINED_FUNCTION => StoreError::NoGroup { group: group.to_owned() },
        &SqlState::DISK_FULL => StoreError::Full { what },
        &SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE => {
            StoreError::Timeout { what, after: Duration::ZERO }
        }
        &SqlState::READ_ONLY_SQL_TRANSACTION | &SqlState::TOO_MANY_CONNECTIONS => {
            StoreError::Unreachable { what }
        }
        code if matches!(code.code().get(..3), Some("57P")) || code.code().starts_with("08") => {
            StoreError::Unreachable { what }
        }
        _ => StoreError::Other { what },
    }
}

/// The error with its causes, in one line.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => {
            let detail = db.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
            let hint = db.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{}{detail}{hint} [{}]", db.message(), db.code().code())
        }
        None => crate::report::chain(error).to_string(),
    }
}
