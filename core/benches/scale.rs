//! The cost of a large group for the server, event by event, from real cores in virtual time: `cargo
//! bench -p divider-core --features testing --bench scale -- NODES KEYS`.
//!
//! `docs/scale.md` has the results for the largest groups. The memory is that of all nodes together:
//! about 11 MB for each 100 000 keys on each node.

use std::time::Duration;

use divider_core::bench::{Cost, Fleet, Traffic};

fn main() {
    let numbers: Vec<u32> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let (nodes, keys) = match numbers[..] {
        [nodes, keys, ..] => (nodes, keys),
        _ => (100, 10_000),
    };
    eprintln!("{nodes} nodes, {keys} keys");
    let mut fleet = Fleet::new(Duration::from_secs(6));
    let mut tell = |what: &str, event: &mut dyn FnMut(&mut Fleet)| {
        let cost = fleet.cost(event);
        line(what, cost);
    };
    tell("all nodes start together, no keys", &mut |fleet| fleet.join(0..nodes));
    tell("all keys are announced and started", &mut |fleet| fleet.announce(0..keys, 1_000));
    tell("one key more", &mut |fleet| fleet.announce(keys..keys + 1, 1));
    tell("one node joins", &mut |fleet| fleet.join(nodes..nodes + 1));
    tell("one node leaves", &mut |fleet| fleet.leave(1));
    tell("one node crashes", &mut |fleet| fleet.crash(2));
    tell("one affinity changes", &mut |fleet| fleet.set_affinity(3, 50));
    tell("one node reads everything anew", &mut |fleet| fleet.break_watches(3));
    let upkeep = fleet.upkeep(10);
    let tenth = |n: u64| n / 10;
    let upkeep = Traffic {
        written: tenth(upkeep.written),
        messages_in: tenth(upkeep.messages_in),
        bytes_in: tenth(upkeep.bytes_in),
        messages_out: tenth(upkeep.messages_out),
        bytes_out: tenth(upkeep.bytes_out),
    };
    print("one heartbeat of all", upkeep, 0, 0);
    let running = fleet.running();
    eprintln!("{running} keys run, {:?} on a node", fleet.spread());
    assert_eq!(running, u64::from(keys) + 1, "a key does not run, or twice");
}

fn line(what: &str, cost: Cost) {
    print(what, cost.traffic, cost.starts, cost.stops);
}

fn print(what: &str, traffic: Traffic, starts: u64, stops: u64) {
    let Traffic { written, messages_in, bytes_in, messages_out, bytes_out, .. } = traffic;
    eprintln!(
        "| {what} | {written} | {messages_in} | {bytes_in} | {messages_out} | {bytes_out} | {starts} | {stops} |"
    );
}
