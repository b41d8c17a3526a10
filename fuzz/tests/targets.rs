//! Every target on its corpus, on the conformance vectors, and on random bytes.

use std::fs;
use std::path::Path;

use divider_fuzz::{TARGETS, keys, names, records, typed};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn what_was_found_once_holds_still() {
    for (name, target) in TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let files = fs::read_dir(corpus).expect("every target has a corpus");
        let inputs: Vec<_> = files.map(|file| file.expect("it is listed").path()).collect();
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for input in inputs {
            target(&fs::read(input).expect("it can be read"));
        }
    }
}

/// Parts of what is legal, and what is not, in any order.
fn nearly(parts: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => proptest::sample::select(parts).prop_map(|part| part.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec(part, 0..24).prop_map(|parts| parts.concat())
}

const KEYS: &[&str] = &["a", ".", "=", "=2E", "=41", "=c3", "\0", "/", " ", "ü", "*", "%"];
const NAMES: &[&str] = &[
    "key.",
    "claim.",
    "lease.",
    "member.",
    "stops.",
    "retry.",
    "control.",
    "group",
    "rebalance",
    "w1",
    "=20",
];
const RECORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    "null",
    "\"v\":1",
    "\"v\":2",
    "\"node\":\"w1\"",
    "\"session\":\"0123456789abcdef0123456789abcdef\"",
    "\"token\":4611686018427387904",
    "\"token\":1",
    "\"cooling_down\":",
    "\"for_ms\":1",
    "\"beat\":1",
    "\"lease_ms\":6000",
    "\"state\":\"live\"",
    "\"mode\":\"drain\"",
    "\"protocol\":1",
    "\"x\":1e308",
    "\"plan\":[1,1]",
    "\"joined\":1",
    "\"affinity\":1",
    "\"count\":1",
    "\"oldest\":[]",
];
const TYPED: &[&str] =
    &["1", "9999999999", "ms", "s", "m", "h", "d", "*", "?", "a", "\n", "GiB", " "];

proptest! {
    #[test]
    fn a_key_has_one_wire_form_and_back(data in nearly(KEYS)) {
        keys(&data);
    }

    #[test]
    fn a_name_is_what_it_says(data in nearly(NAMES)) {
        names(&data);
    }

    #[test]
    fn a_record_is_read_again_as_it_was(data in nearly(RECORDS)) {
        records(&data);
    }

    #[test]
    fn what_is_typed_is_understood_or_refused(data in nearly(TYPED)) {
        typed(&data);
    }
}
