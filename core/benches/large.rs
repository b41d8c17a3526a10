//! The cost of single events for one node of a large group with many prefixes, in ms: `cargo bench -p
//! divider-core --features testing --bench large -- NODES KEYS`.
//!
//! No event may take so long that it delays a heartbeat.

use std::time::Instant;

use divider_core::bench::Tenants;

fn main() {
    let numbers: Vec<u32> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let (nodes, keys) = match numbers[..] {
        [nodes, keys, ..] => (nodes, keys),
        _ => (1_000, 1_000_000),
    };
    let mut tenants = Tenants::new(keys, nodes);
    timed("the view is complete", || tenants.catch_up());
    timed("a node with a new prefix joins", || tenants.join());
    timed("one more", || tenants.join());
    timed("a node says that it is balanced", || tenants.balanced());
    timed("what has no owner is counted", || _ = tenants.unowned());
    timed("a key is announced", || tenants.announce());
    timed("moves of all nodes are worked out", || _ = tenants.rebalance());
    timed("a key moves", || tenants.move_a_key());
    timed("a node says that it is balanced", || tenants.balanced());
    timed("a node leaves", || tenants.leave());
    eprintln!("{} keys without an owner", tenants.unowned());
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn timed(what: &str, event: impl FnOnce()) {
    let start = Instant::now();
    event();
    eprintln!("{what}: {:.3} ms", start.elapsed().as_secs_f64() * 1000.0);
}
