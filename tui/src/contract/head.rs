//! What every document about a group begins with.

use divider::snapshot::Snapshot;
use serde::{Deserialize, Serialize};

use crate::gone::GoneRow;

use super::{KeyRow, MoveRow, NodeRow, Summary, Viewer};

/// Which document it is, and of what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) schema: String,
    pub(crate) group: String,
    pub(crate) revision: u64,
    pub(crate) taken_at: Option<String>,
    /// Whether it is complete up to its revision.
    pub(crate) complete: bool,
}

impl Head {
    pub(crate) fn new(schema: &str, snapshot: &Snapshot, viewer: &Viewer) -> Self {
        Self {
            schema: schema.to_owned(),
            group: snapshot.group().to_string(),
            revision: snapshot.revision().0,
            taken_at: viewer.anchor.time(snapshot.taken()),
            complete: snapshot.is_complete(),
        }
    }
}

/// `divider.nodes.v1`
#[derive(Serialize)]
pub(crate) struct NodesDocument<'a> {
    #[serde(flatten)]
    pub(crate) head: Head,
    pub(crate) summary: Summary,
    pub(crate) nodes: &'a [NodeRow],
    pub(crate) gone: &'a [GoneRow],
}

/// `divider.keys.v1`
#[derive(Serialize)]
pub(crate) struct KeysDocument<'a> {
    #[serde(flatten)]
    pub(crate) head: Head,
    pub(crate) summary: Summary,
    /// How many keys were asked for; more than are here where a limit left some out.
    pub(crate) matching: u64,
    pub(crate) keys: &'a [KeyRow],
}

/// `divider.moves.v1`
#[derive(Serialize)]
pub(crate) struct MovesDocument<'a> {
    #[serde(flatten)]
    pub(crate) head: Head,
    pub(crate) moves: &'a [MoveRow],
}
