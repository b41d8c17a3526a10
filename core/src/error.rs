//! Errors of ids and keys: what was found, and what is valid.

use crate::key::Key;

/// A text that is not a group name, node id or session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidId {
    /// The text is empty.
    #[error("{what} is empty: expected 1 to 64 of {}", legal(.what))]
    Empty {
        /// The kind of name.
        what: &'static str,
    },
    /// The text is longer than [`MAX_ID`](crate::id::MAX_ID).
    #[error("{what} is too long, at most 64 bytes: {len}")]
    TooLong {
        /// The kind of name.
        what: &'static str,
        /// The length in bytes.
        len: usize,
    },
    /// A character is not legal in this kind of name.
    #[error("{what} has a character that is not one of {}: {found:?} in {id:?}", legal(.what))]
    BadCharacter {
        /// The kind of name.
        what: &'static str,
        /// The first such character.
        found: char,
        /// The whole text.
        id: String,
    },
    /// A dot that does not stand between two other characters.
    #[error("{what} has a dot at its start, at its end or after another dot: {id:?}")]
    BadDot {
        /// The kind of name.
        what: &'static str,
        /// The whole text.
        id: String,
    },
    /// Not 32 lower-case hexadecimal digits.
    #[error("invalid session, expected 32 lower-case hexadecimal digits: {id:?}")]
    BadSession {
        /// The text, cut at 64 characters.
        id: String,
    },
}

/// The legal characters of a kind of name.
fn legal(what: &str) -> &'static str {
    if what == "node id" { "A-Z a-z 0-9 _ - ." } else { "A-Z a-z 0-9 _ -" }
}

/// A text that is not a key, or not the canonical wire form of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// The text is empty.
    #[error("key is empty: expected any text of 1 to 512 bytes on the wire")]
    Empty,
    /// The wire form is longer than [`MAX_KEY`](crate::key::MAX_KEY).
    #[error("key is too long, at most 512 bytes on the wire: {len} bytes, starting {start:?}")]
    TooLong {
        /// The length of the wire form in bytes.
        len: usize,
        /// The beginning of the text.
        start: String,
    },
    /// The text is not the canonical wire form of its key. Accepting it would make two keys of one.
    #[error("key is not in its canonical wire form: {wire:?}{}", meant(wire))]
    NotCanonical {
        /// The text, cut at 64 characters.
        wire: String,
    },
}

/// The canonical wire form for the error message, unless the text was cut.
fn meant(wire: &str) -> String {
    let meant = Key::meant_by(wire).filter(|_| wire.chars().count() < CUT);
    meant.map_or_else(String::new, |key| format!(", it should be {}", key.wire()))
}

/// How many characters of an invalid text are kept.
const CUT: usize = 64;
