//! Weighted rendezvous scores in integers.

/// The hash of a key, by which orphans are ordered and pairs are scored.
pub(crate) fn key_hash(key: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key.as_bytes())
}

/// The hash of a node's id.
pub(crate) fn node_hash(node: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(node.as_bytes(), 1)
}

/// How well a node suits a key; the highest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Score(u128);

/// affinity / -ln(u) in integers, u drawn from the pair's hash.
pub(crate) fn score(node: u64, key: u64, affinity: u32) -> Score {
    let _ = (node, key, affinity);
    Score(0)
}
