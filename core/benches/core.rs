//! The time of the core's work: `cargo bench -p divider-core --features testing --bench core`.
//!
//! Placing is listed next to hashing the same pairs, and a change in a large view next to the same
//! change in a small view. Compare the ratios, because machines differ.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use divider_core::bench::{Folded, Placing};
use divider_core::wire::{ClaimRecord, RecordName};

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// Keys and nodes.
const PLACED: [(u32, u32); 3] = [(10_000, 100), (100_000, 100), (1, 1_000)];

#[divan::bench(args = PLACED, sample_count = 20)]
fn place(bencher: Bencher<'_, '_>, (keys, nodes): (u32, u32)) {
    let placing = Placing::new(keys, nodes);
    bencher.counter(ItemsCount::new(keys)).bench_local(|| black_box(&placing).place());
}

#[divan::bench(args = PLACED, sample_count = 20)]
fn hash_the_same_pairs(bencher: Bencher<'_, '_>, (keys, nodes): (u32, u32)) {
    let placing = Placing::new(keys, nodes);
    bencher.counter(ItemsCount::new(keys)).bench_local(|| black_box(&placing).hash());
}

#[divan::bench(args = [1_000, 100_000, 1_000_000])]
fn one_claim_moves_in_a_view_of(bencher: Bencher<'_, '_>, keys: u32) {
    let mut folded = Folded::new(keys);
    bencher.bench_local(|| folded.move_a_key());
}

const CLAIM: &[u8] = br#"{"v":1,"node":"node-1","session":"0123456789abcdef0123456789abcdef","token":1764000000000000}"#;

#[divan::bench]
fn read_a_claim(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| ClaimRecord::decode(black_box(CLAIM)));
}

#[divan::bench]
fn write_a_claim(bencher: Bencher<'_, '_>) {
    let claim = ClaimRecord::decode(CLAIM).expect("legal");
    bencher.bench_local(|| black_box(&claim).encode());
}

#[divan::bench]
fn read_a_name(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| RecordName::parse(black_box("claim./process/me/1234")));
}
