//! The records of a group's log: their names and their JSON.
//!
//! These types are only for the wire; other modules convert them. Unknown fields of `control` and
//! `group` are kept, because one node rewrites them for another.

mod claim;
mod control;
mod group;
mod history;
mod lease;
mod manifest;
mod member;
mod name;
mod plain;
mod retry;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use claim::ReadClaim;
pub use claim::{ClaimRecord, CoolDown, Failed, MAX_COOL_DOWNS, MAX_REASON, Owner, Quarantine};
pub use control::{ControlRecord, DEFAULT_PARALLEL, KeyMove, Mode, OnDeadline};
pub use group::{Freeze, GroupRecord, PROTOCOL, RebalanceRecord};
pub use history::{HistoryEntry, HistoryKind};
pub use lease::{LEASE_LEN, LeaseRecord, LeaseState};
pub use manifest::{ManifestRecord, Part};
pub use member::{LONGEST_AWAY_MS, MAX_STOPS, MemberRecord, MemberState, OldestStop, StopsRecord};
pub use name::{Named, RecordName};
pub use retry::{RETRY_TTL, RetryRecord};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::{InvalidId, InvalidKey};

/// The version of all records that this build writes and reads.
pub const RECORD_VERSION: u32 = 1;

/// A value that cannot be decoded. It counts as a problem and changes nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Not JSON, or not of the record's form.
    #[error("malformed record: {0}")]
    Json(#[from] serde_json::Error),
    /// The record has another version.
    #[error("written in format {found}; this divider reads format 1")]
    Version {
        /// The version in the record.
        found: u32,
    },
    /// A field is out of range.
    #[error("field out of range: {field}")]
    OutOfBounds {
        /// The field.
        field: &'static str,
    },
    /// An invalid node id or session.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// An invalid key.
    #[error(transparent)]
    Key(#[from] InvalidKey),
}

/// Decodes a JSON object. A list of its values, which serde accepts too, is refused. If the value does
/// not have this version's form and names another version, the error is that version.
fn from_json<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Result<T, Malformed> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    if value.trim_ascii_start().first() != Some(&b'{') {
        return Err(Malformed::Json(serde::de::Error::custom("expected a JSON object")));
    }
    serde_json::from_slice(value).map_err(|error| match serde_json::from_slice(value) {
        Ok(Version { v }) if v != RECORD_VERSION => Malformed::Version { found: v },
        _ => error.into(),
    })
}

fn check_version(found: u32) -> Result<(), Malformed> {
    if found == RECORD_VERSION { Ok(()) } else { Err(Malformed::Version { found }) }
}

fn to_json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("records have text keys and no failing parts").into()
}
