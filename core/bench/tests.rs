//! What events cost the server, counted exactly.

use std::time::Duration;

use super::{Fleet, Tenants, Traffic};

const LEASE: Duration = Duration::from_secs(6);

/// A settled group.
fn fleet(nodes: u32, keys: u32) -> Fleet {
    let mut fleet = Fleet::new(LEASE);
    fleet.announce(0..keys, keys);
    fleet.cost(|fleet| fleet.join(0..nodes));
    assert_eq!(fleet.running(), u64::from(keys));
    fleet
}

fn messages(traffic: Traffic) -> u64 {
    traffic.messages_in + traffic.messages_out
}

#[test]
fn an_announced_key_costs_two_writes_and_their_deliveries_however_many_keys_there_are() {
    for (nodes, keys) in [(3, 10), (3, 1_000), (20, 10), (20, 1_000)] {
        let cost = fleet(nodes, keys).cost(|fleet| fleet.announce(keys..keys + 1, 1));
        assert_eq!(cost.traffic.written, 2, "{nodes} nodes, {keys} keys");
        assert_eq!(cost.traffic.messages_in, 2);
        assert_eq!(cost.traffic.messages_out, 2 + 2 * u64::from(nodes));
        assert_eq!((cost.starts, cost.stops), (1, 0));
    }
}

#[test]
fn a_cold_start_writes_each_claim_once() {
    let mut fleet = Fleet::new(LEASE);
    fleet.announce(0..2_000, 2_000);
    let cost = fleet.cost(|fleet| fleet.join(0..25));
    assert_eq!(cost.starts, 2_000);
    // Member records: one for joining, and one when a generation is finished or joins settle.
    assert!(cost.traffic.written <= 2_000 + 25 * 3, "{cost:?}");
    assert_eq!(fleet.spread(), (80, 80));
}

#[test]
fn a_join_costs_a_snapshot_and_a_write_for_each_key_that_moves() {
    let mut fleet = fleet(9, 1_000);
    let cost = fleet.cost(|fleet| fleet.join(9..10));
    assert_eq!((cost.starts, cost.stops), (100, 100));
    // Every donor finishes the generation, and the new node joins and settles.
    let (snapshot, members) = (2_000 + 10, 9 + 4);
    assert!(cost.traffic.written <= 100 + members, "{cost:?}");
    assert!(cost.traffic.messages_out <= snapshot + (100 + members) * 12 + 30, "{cost:?}");
}

#[test]
fn a_leave_costs_a_write_for_each_key_that_moves() {
    let mut fleet = fleet(10, 1_000);
    let cost = fleet.cost(|fleet| fleet.leave(0));
    assert_eq!((cost.starts, cost.stops), (100, 100));
    assert!(cost.traffic.written <= 100 + 12, "{cost:?}");
}

#[test]
fn a_change_of_affinity_costs_one_write() {
    let mut fleet = fleet(10, 1_000);
    let cost = fleet.cost(|fleet| fleet.set_affinity(0, 7));
    assert_eq!((cost.traffic.written, cost.starts, cost.stops), (1, 0, 0));
    assert_eq!(messages(cost.traffic), 2 + 10);
}

#[test]
fn idling_costs_the_same_however_many_keys_there_are() {
    let upkeep = |nodes, keys| messages(fleet(nodes, keys).upkeep(30)) / 30;
    for nodes in [3, 16, 40] {
        let (few, many) = (upkeep(nodes, 100), upkeep(nodes, 1_000));
        assert!(few.abs_diff(many) <= 2, "{nodes} nodes: {few} and {many}");
        // A renewal, its acknowledgement, its delivery to every node, and a read of the audit with its
        // answer. The state of the log is read every 30 s.
        let nodes = u64::from(nodes);
        let bound = nodes * (nodes + 4) + nodes / 8;
        assert!(many <= bound, "{nodes} nodes: {many} messages, at most {bound}");
    }
}

#[test]
fn a_group_of_many_prefixes_is_planned_as_it_grows() {
    let mut tenants = Tenants::new(3_000, 30);
    tenants.catch_up();
    assert_eq!(tenants.unowned(), 0);
    tenants.join();
    tenants.announce();
    assert_eq!(tenants.unowned(), 1);
    // The new node takes every key too, and all nodes give it some.
    assert!((3..=4).contains(&tenants.rebalance()));
    tenants.leave();
    assert_eq!(tenants.unowned(), 101);
}
