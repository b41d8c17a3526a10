//! The records of a group's log: their names and their JSON.
//!
//! These types are the wire's own; `core` converts them. Unknown fields of a record that one node
//! rewrites on behalf of another (control, group) are kept.

mod claim;
mod control;
mod group;
mod lease;
mod manifest;
mod member;
mod name;
mod plain;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use claim::ReadClaim;
pub use claim::{ClaimRecord, CoolDown, MAX_COOL_DOWNS, Owner};
pub use control::{ControlRecord, DEFAULT_PARALLEL, Mode, OnDeadline};
pub use group::{Freeze, GroupRecord, PROTOCOL, RebalanceRecord};
pub use lease::{LEASE_LEN, LeaseRecord, LeaseState};
pub use manifest::{ManifestRecord, Part};
pub use member::{MAX_STOPS, MemberRecord, MemberState, OldestStop, StopsRecord};
pub use name::{Named, RecordName};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::{InvalidId, InvalidKey};

/// The version of every record that this version writes and reads.
pub const RECORD_VERSION: u32 = 1;

/// A record whose value cannot be read; it is counted and shown, and changes nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Not JSON, or not of the record's form.
    #[error("not a record of its kind: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by a newer version.
    #[error("a record of another version, this one reads 1: {found}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// A field beyond what it may be.
    #[error("a field is out of its bounds: {field}")]
    OutOfBounds {
        /// The field.
        field: &'static str,
    },
    /// A node id or session that is none.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// A key that is none.
    #[error(transparent)]
    Key(#[from] InvalidKey),
}

/// Reads a JSON object, and no list of its values, which serde takes for one. What does not fit this
/// version's form and says that it is of another is just that.
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
