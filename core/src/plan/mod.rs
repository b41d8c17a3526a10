//! Where keys go: pure functions of counts and hashes.
//!
//! These functions know no view, clock or node id. A candidate is an index in a list that is sorted by
//! node id. Every node passes the same list and gets the same result.

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
