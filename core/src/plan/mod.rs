//! Where keys go: pure functions over counts and hashes.
//!
//! Nothing here knows a view, a clock or a node's name: a candidate is its place in a list that is
//! sorted by node id, so that every node hands in the same list and gets the same answer.

mod fill;
mod flow;
mod place;
mod rebalance;
mod score;
mod shared;
#[cfg(test)]
mod vectors;

pub use fill::{Stream, Vessel, cmp_next};
pub use place::{Candidate, Placer};
pub use rebalance::{Quota, quotas};
pub use score::{key_hash, node_hash, score};
pub use shared::{Holding, SharedPlacer, shared_quotas, shares};
