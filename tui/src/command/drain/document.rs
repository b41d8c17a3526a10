//! What programs are told of a drain.

use serde::Serialize;

use super::left::LeftKey;

pub(super) const SCHEMA: &str = "divider.drain.v1";

/// `divider.drain.v1`
#[derive(Serialize)]
pub(super) struct Document<'a> {
    pub(super) schema: &'static str,
    pub(super) group: &'a str,
    pub(super) drain_id: Option<&'a str>,
    pub(super) outcome: &'static str,
    pub(super) nodes: Vec<NodeRow>,
    pub(super) left: &'a [LeftKey],
}

#[derive(Serialize)]
pub(super) struct NodeRow {
    pub(super) node: String,
    pub(super) outcome: &'static str,
    /// How many keys it had; null where it is not drained.
    pub(super) keys: Option<u64>,
    pub(super) took_ms: Option<u64>,
}
