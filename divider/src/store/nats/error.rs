//! Why a group could not be opened on a NATS server.

use std::fmt;
use std::time::Duration;

use super::super::StoreError;
use super::stream::BrokenRule;
use divider_core::wire::Malformed;

/// Why a [`NatsStore`](super::NatsStore) could not be opened. Nothing was changed, except that with
/// `create_if_missing` the group may have been made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No server could be reached, or none let us in. Check the address, the credentials and TLS.
    #[error("cannot connect to {servers} (check the address, the credentials and TLS)")]
    Connect {
        /// Where it was tried, without credentials.
        servers: String,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server was not there, or not ready, in the time that was given with
    /// [`wait_for_server`](super::NatsOptions::wait_for_server). Start it, or wait longer.
    #[error("no server became ready within {waited:?}, start it or wait longer")]
    NotThere {
        /// How long it was waited for.
        waited: Duration,
        /// What the last attempt ended with.
        source: Box<OpenError>,
    },
    /// The server lacks what this needs. Use a newer one: the latest is best.
    #[error("nats-server is too old, install a newer one: found {found}, needed {needed}")]
    ServerTooOld {
        /// What the server says of itself.
        found: String,
        /// The oldest version that will do.
        needed: String,
    },
    /// Nothing answers for `JetStream`. Turn it on in the server (`jetstream {}` or `-js`) and for
    /// the account, and check the domain or prefix if one was given.
    #[error(
        "no JetStream answers at {prefix}, turn it on in the server and for the account: {what}"
    )]
    NoJetStream {
        /// The API prefix that was asked.
        prefix: String,
        /// What the server said.
        what: String,
    },
    /// There is no such group. Make it once, with `divider init` or with `create_if_missing`.
    #[error("the group does not exist, make it with `divider init` or create_if_missing: {group}")]
    NoGroup {
        /// The group's name.
        group: String,
    },
    /// The group's stream is not configured as the protocol needs it. Nothing is changed by itself,
    /// since another program may own it: edit the stream, or delete it and create the group again.
    #[error("the stream {stream} has settings that the protocol forbids: edit it, or delete it and create the group again: {}", Rules(.broken))]
    Rules {
        /// The stream.
        stream: String,
        /// Every rule that is broken.
        broken: Vec<BrokenRule>,
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
    /// The group record cannot be read. Look at it, and delete or correct it.
    #[error("the group record cannot be read, correct or delete it: {group}")]
    GroupRecord {
        /// The group's name.
        group: String,
        /// What is wrong with it.
        source: Malformed,
    },
    /// The user lacks a right. Give it: `nats-users.conf` lists the rights of each role.
    #[error("permission denied, the user needs this right: {what}")]
    Denied {
        /// The server's words, which name the subject.
        what: String,
    },
    /// No answer in time; with a client of your own this may be a missing right, too.
    #[error("no answer within {after:?}: {what}")]
    Timeout {
        /// What was asked, and the rights that it takes.
        what: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The store failed in another way.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Denied { what } => Self::Denied { what },
            StoreError::Timeout { what, after } => Self::Timeout { what, after },
            StoreError::NoGroup { group } => Self::NoGroup { group },
            other => Self::Store(other),
        }
    }
}

struct Rules<'a>(&'a [BrokenRule]);

impl fmt::Display for Rules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, rule) in self.0.iter().enumerate() {
            let gap = if at == 0 { "" } else { "; " };
            write!(f, "{gap}{rule}")?;
        }
        Ok(())
    }
}
