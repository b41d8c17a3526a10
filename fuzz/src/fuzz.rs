//! The program behind `fuzz/run`: libFuzzer on the target that the variable `FUZZ_TARGET` names.

#![no_main]

use std::sync::OnceLock;

use divider_fuzz::{TARGETS, Target, target};

/// The target of this process.
fn chosen() -> Target {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let names = TARGETS.map(|(name, _)| name).join(", ");
        target(&name).unwrap_or_else(|| panic!("FUZZ_TARGET is none of {names}: {name:?}"))
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| chosen()(data));
