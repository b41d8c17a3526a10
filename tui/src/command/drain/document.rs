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
    /// How many keys it had; null where it has some left, and where it was empty before it was watched.
    pub(super) keys: Option<u64>,
    /// How long it took; null likewise.
    pub(super) took_ms: Option<u64>,
    /// How many keys were freed at the deadline and have no owner; null where it has some left.
    pub(super) freed: Option<u64>,
    /// How many keys were taken over, their stops not confirmed; null where it has some left.
    pub(super) taken_over: Option<u64>,
    /// How many stops were confirmed; null where it has some left, or not all of it was seen.
    pub(super) confirmed: Option<u64>,
    /// Whether a part of it was not seen; null where it has some left.
    pub(super) unseen: Option<bool>,
}
