//! Texts that are not ids or keys: what was found, what was expected.

use crate::key::Key;

/// A group name, node id or session that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidId {
    /// Nothing was given.
    #[error("{what} is empty: expected 1 to 64 of {}", legal(.what))]
    Empty {
        /// Which kind of name.
        what: &'static str,
    },
    /// Longer than [`MAX_ID`](crate::id::MAX_ID).
    #[error("{what} is too long, at most 64 bytes: {len}")]
    TooLong {
        /// Which kind of name.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
    },
    /// It could not stand in a NATS subject.
    #[error("{what} has a character that is not one of {}: {found:?} in {id:?}", legal(.what))]
    BadCharacter {
        /// Which kind of name.
        what: &'static str,
        /// The first such character.
        found: char,
        /// The whole text.
        id: String,
    },
    /// A dot that does not stand between two other characters.
    #[error(
        "{what} has a dot at an end or next to another, expected none or one between two: {id:?}"
    )]
    BadDot {
        /// Which kind of name.
        what: &'static str,
        /// The whole text.
        id: String,
    },
    /// Not 32 lower-case hexadecimal digits.
    #[error("session is not 32 lower-case hexadecimal digits: {id:?}")]
    BadSession {
        /// The text, cut at 64 characters.
        id: String,
    },
}

/// What that kind of name is made of.
fn legal(what: &str) -> &'static str {
    if what == "node id" { "A-Z a-z 0-9 _ - ." } else { "A-Z a-z 0-9 _ -" }
}

/// A text that is not a key, or a wire form that is not the canonical one of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// Nothing was given.
    #[error("key is empty: expected any text of 1 to 512 bytes on the wire")]
    Empty,
    /// Longer than [`MAX_KEY`](crate::key::MAX_KEY) once encoded.
    #[error("key is too long, at most 512 bytes on the wire: {len} bytes, starting {start:?}")]
    TooLong {
        /// Its length on the wire in bytes.
        len: usize,
        /// How it starts.
        start: String,
    },
    /// Another text stands for the same key; taking this one too would make it two keys.
    #[error("key is not in its canonical wire form: {wire:?}{}", meant(wire))]
    NotCanonical {
        /// The text, cut at 64 characters.
        wire: String,
    },
}

/// What a wire form should have been, if it is not cut.
fn meant(wire: &str) -> String {
    let meant = Key::meant_by(wire).filter(|_| wire.chars().count() < CUT);
    meant.map_or_else(String::new, |key| format!(", it should be {}", key.wire()))
}

/// So many characters are kept of a text that is no key.
const CUT: usize = 64;
