//! The texts of the keys, one after the other. So a key costs only its text, and no allocation.

/// The position of a key's text: eight bytes, two of them for its length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text(u64);

const LEN_BITS: u32 = 16;

/// The smallest number of unused bytes that makes compaction worth its copy.
const DEAD_AT_LEAST: usize = 4096;

/// The texts of all keys in one buffer.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    /// The number of bytes that no key uses any more.
    dead: usize,
}

impl Text {
    fn new(start: usize, len: usize) -> Self {
        debug_assert!(len < 1 << LEN_BITS, "a key has at most 512 bytes");
        Self((start as u64) << LEN_BITS | len as u64)
    }

    fn range(self) -> std::ops::Range<usize> {
        let number = |bits: u64| usize::try_from(bits).expect("it was one");
        let start = number(self.0 >> LEN_BITS);
        start..start + number(self.0 & ((1 << LEN_BITS) - 1))
    }
}

impl Texts {
    pub(super) fn get(&self, text: Text) -> &str {
        &self.all[text.range()]
    }

    pub(super) fn add(&mut self, text: &str) -> Text {
        let start = self.all.len();
        self.all.push_str(text);
        Text::new(start, text.len())
    }

    /// Removes a text. Its bytes stay until the owner compacts, see [`is_sparse`](Self::is_sparse).
    pub(super) fn remove(&mut self, text: Text) {
        self.dead += text.range().len();
    }

    /// Whether most bytes are unused. Then the owner should compact with [`keep`](Self::keep). That
    /// copies at most one byte for each removed byte.
    pub(super) fn is_sparse(&self) -> bool {
        self.dead >= DEAD_AT_LEAST && self.dead * 2 > self.all.len()
    }

    /// Keeps only these texts, and updates their positions.
    pub(super) fn keep<'a>(&mut self, live: impl Iterator<Item = &'a mut Text>) {
        let mut kept = String::with_capacity(self.all.len() - self.dead);
        for text in live {
            let start = kept.len();
            kept.push_str(&self.all[text.range()]);
            *text = Text::new(start, text.range().len());
        }
        *self = Self { all: kept, dead: 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text of 100 bytes.
    fn text(number: usize) -> String {
        format!("{number:0100}")
    }

    #[test]
    fn compaction_removes_unused_bytes_and_keeps_the_texts() {
        let mut texts = Texts::default();
        let mut all: Vec<Text> = (0..100).map(|number| texts.add(&text(number))).collect();
        for (number, dead) in all.drain(..51).enumerate() {
            assert!(!texts.is_sparse(), "{number} of a hundred are dead");
            texts.remove(dead);
        }
        assert!(texts.is_sparse());
        texts.keep(all.iter_mut());
        assert_eq!((texts.all.len(), texts.dead), (4_900, 0));
        for (kept, number) in all.iter().zip(51..) {
            assert_eq!(texts.get(*kept), text(number));
        }
    }

    #[test]
    fn few_unused_bytes_are_not_compacted() {
        for (len, sparse) in [(DEAD_AT_LEAST - 1, false), (DEAD_AT_LEAST, true)] {
            let mut texts = Texts::default();
            let dead = texts.add(&"x".repeat(len));
            texts.remove(dead);
            assert_eq!(texts.is_sparse(), sparse, "{len}");
        }
    }
}
