//! A group as large as it may be, and the memory that it takes.

use divider::store::nats::NatsStore;
use divider::store::{Outcome, Store, Write};
use divider::{Key, NodeId, Revision, Session, Token};
use divider_core::wire::{
    ClaimRecord, LeaseRecord, LeaseState, MemberRecord, MemberState, Owner, RecordName,
};
use futures_util::{StreamExt, stream};

use crate::bed::Bed;
use crate::terminal::{Start, Terminal};

const NODES: u32 = 1000;
const KEYS: u32 = 100_000;

/// The most it may take: with all libraries and the program itself, in bytes.
const MOST: u64 = 60_000_000;

fn node(at: u32) -> NodeId {
    NodeId::new(format!("node-{at:04}")).expect("legal")
}

fn key(at: u32) -> Key {
    Key::new(format!("eu.tenant-{at:06}.orders")).expect("legal")
}

fn session(at: u32) -> Session {
    Session::from_bits(u128::from(at) + 1)
}

/// A member on paper: it takes part in no protocol.
fn member(at: u32) -> MemberRecord {
    MemberRecord {
        session: session(at),
        joined: Revision(1),
        lease_ms: 300_000,
        affinity: 100,
        prefixes: Vec::new(),
        state: MemberState::Active,
        away_ms: 0,
        previous: None,
        balanced: Revision(1),
        settled: Revision(1),
        manual: false,
        rollout: 0,
        rollout_over: false,
        plan: (1, 1),
        labels: [("zone".to_owned(), format!("eu-{}", at % 3))].into(),
        host: format!("ip-10-0-{}-{}", at / 250, at % 250),
        build: "orders-svc 4.2.1".to_owned(),
    }
}

fn lease(at: u32) -> LeaseRecord {
    LeaseRecord {
        session: session(at),
        beat: 1,
        lease_ms: 300_000,
        state: LeaseState::Live,
        held: u64::from(KEYS / NODES),
        stopping: 0,
        seen: Revision(7),
        by: None,
    }
}

fn claim(at: u32) -> Write {
    let owner = Owner { node: node(at % NODES), session: session(at % NODES) };
    let token = Token(1_787_486_000_000_000 + u64::from(at));
    let claim = ClaimRecord::new(Some(owner), token);
    write(&RecordName::Claim(key(at)), claim.encode())
}

fn write(name: &RecordName, value: bytes::Bytes) -> Write {
    Write::put(name.to_string(), value, None)
}

/// Writes all of them, many at a time.
async fn write_all(store: &NatsStore, writes: impl Iterator<Item = Write>) {
    let mut writes = stream::iter(writes.map(|write| store.write(write))).buffer_unordered(2000);
    while let Some(outcome) = writes.next().await {
        assert!(matches!(outcome, Outcome::Acked(_)), "{outcome:?}");
    }
}

/// The most memory that a process had at once, in bytes.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it is said");
    let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
    kilobytes * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_nodes_and_a_hundred_thousand_keys_take_little_memory() {
    let bed = Bed::start().await;
    let group = bed.group().await;
    group.announce_all((0..KEYS).map(key)).await.expect("announced");
    let store = bed.store().await;
    let members = (0..NODES).map(|at| write(&RecordName::Member(node(at)), member(at).encode()));
    let leases = (0..NODES).map(|at| write(&RecordName::Lease(node(at)), lease(at).encode()));
    write_all(&store, members.chain(leases).chain((0..KEYS).map(claim))).await;
    let url = bed.server.url();
    let mut terminal = Terminal::start(&Start { url: &url, args: &[], env: &[] });
    terminal.until("1 000 ready").await;
    terminal.until("100 000 running").await;
    terminal.press("2/tenant-0999\r");
    terminal.until("eu.tenant-099900.orders").await;
    terminal.press("\u{1b}");
    // The selection stays where it was.
    terminal.until("eu.tenant-099899.orders").await;
    terminal.press("gg");
    terminal.until("eu.tenant-000000.orders").await;
    terminal.press("A");
    terminal.press("1");
    terminal.until("node-0000").await;
    let peak = peak(terminal.pid());
    eprintln!("at its peak it had {peak} bytes");
    assert!(peak < MOST, "{peak} bytes");
    terminal.press("q");
    assert_eq!(terminal.exit_code().await, 0);
}
