//! A fingerprint of a run.

/// A hash of everything that happened, in order. Two runs of a seed have the same one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trace(u64);

impl Trace {
    pub(super) fn note(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    pub(super) fn note_text(&mut self, text: &str) {
        self.note(xxhash_rust::xxh3::xxh3_64(text.as_bytes()));
    }
}
