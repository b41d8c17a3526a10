//! What has to hold of everything that somebody else may have written, whatever it is.
//!
//! A target takes bytes and panics where something does not hold. `tests/` tries each on its corpus
//! and on random bytes, in every `cargo test`. `fuzz/run` looks for input that reaches new code, for
//! as long as one likes, with libFuzzer. That works on stable Rust: the compiler's coverage pass needs
//! no nightly, only a sanitizer would, and code without `unsafe` has little to show to one.

mod keys;
mod records;
mod typed;

pub use keys::{keys, names};
pub use records::records;
pub use typed::typed;

/// A target: panics where something does not hold of these bytes.
pub type Target = fn(&[u8]);

/// All targets by name; the name is that of the corpus, too.
pub const TARGETS: [(&str, Target); 4] =
    [("keys", keys), ("names", names), ("records", records), ("typed", typed)];

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(of, _)| *of == name).map(|(_, target)| *target)
}
