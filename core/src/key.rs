//! Keys, the units of work, and their wire form.

use std::borrow::{Borrow, Cow};
use std::fmt::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::InvalidKey;

/// The longest wire form of a key, in bytes.
pub const MAX_KEY: usize = 512;

/// A key: the unit of work that exactly one node owns. Any UTF-8 text of at least one byte.
///
/// On the wire a key is the same text if that is a legal name in a NATS key-value bucket
/// (`/process/me/1234` and `orders.eu.17` stay as they are). Every other byte becomes `=XX`.
///
/// ```
/// # use divider_core::key::Key;
/// assert_eq!(Key::new("/process/me/1234")?.wire(), "/process/me/1234");
/// assert_eq!(Key::new("a b")?.wire(), "a=20b");
/// # Ok::<(), divider_core::error::InvalidKey>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// Parses a key. The text must not be empty, and its wire form has at most [`MAX_KEY`] bytes.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidKey> {
        let text = text.as_ref();
        if text.is_empty() {
            return Err(InvalidKey::Empty);
        }
        let len = wire_len(text);
        if len > MAX_KEY {
            return Err(InvalidKey::TooLong { len, start: text.chars().take(32).collect() });
        }
        Ok(Self(text.into()))
    }

    /// The key as the application writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The wire form: the key in the bucket and in the announce subject.
    pub fn wire(&self) -> String {
        Wire(&self.0).to_string()
    }

    /// Parses the wire form. Only the canonical form is accepted: another form would be a second name
    /// of the key.
    pub fn from_wire(wire: &str) -> Result<Self, InvalidKey> {
        read_wire(wire).map(|text| Self::of_known(&text))
    }

    /// The key that a malformed wire form probably means: bytes that are not escaped stand for
    /// themselves. `None` if the text cannot be a key.
    pub fn meant_by(wire: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(wire.len());
        let mut rest = wire.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            let hex = |at: usize| after.get(at).and_then(|b| hex_digit(b.to_ascii_uppercase()));
            if let (b'=', Some(high), Some(low)) = (byte, hex(0), hex(1)) {
                bytes.push(high << 4 | low);
                rest = &after[2..];
            } else {
                bytes.push(byte);
                rest = after;
            }
        }
        Self::new(String::from_utf8(bytes).ok()?).ok()
    }

    /// Creates the key of a text that was checked before.
    pub fn of_known(text: &str) -> Self {
        debug_assert!(Self::new(text).is_ok(), "not a key's text: {text:?}");
        Self(text.into())
    }
}

/// Serialized as text.
impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Deserialized from text. Fails if the text is not a key.
impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Maps by key can be read with a text.
impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Formats the wire form of a key's text.
pub struct Wire<'a>(pub &'a str);

impl fmt::Display for Wire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.as_bytes();
        if all_plain(bytes) {
            return f.write_str(self.0);
        }
        for (at, &byte) in bytes.iter().enumerate() {
            if is_plain(bytes, at) {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "={byte:02X}")?;
            }
        }
        Ok(())
    }
}

/// Parses the text of a key from its wire form. It is not copied if both are the same.
pub fn read_wire(wire: &str) -> Result<Cow<'_, str>, InvalidKey> {
    if !wire.is_empty() && wire.len() <= MAX_KEY && all_plain(wire.as_bytes()) {
        return Ok(Cow::Borrowed(wire));
    }
    let not_canonical = || InvalidKey::NotCanonical { wire: wire.chars().take(64).collect() };
    let mut bytes = Vec::with_capacity(wire.len());
    let mut rest = wire.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let high = rest.next().and_then(hex_digit).ok_or_else(not_canonical)?;
            let low = rest.next().and_then(hex_digit).ok_or_else(not_canonical)?;
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| not_canonical())?;
    let key = Key::new(&text)?;
    if key.wire() == wire { Ok(Cow::Owned(text)) } else { Err(not_canonical()) }
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

fn hex_digit(byte: u8) -> Option<u8> {
    HEX.iter().position(|&h| h == byte).and_then(|at| u8::try_from(at).ok())
}

/// Whether every byte stands for itself. All nodes check every key in every record with this.
fn all_plain(bytes: &[u8]) -> bool {
    let mut after_dot = !bytes.is_empty();
    for &byte in bytes {
        let dot = byte == b'.';
        if dot && after_dot || !dot && !is_plain_byte(byte) {
            return false;
        }
        after_dot = dot;
    }
    !after_dot
}

/// Whether the byte at `at` stands for itself. A dot does only between two other characters.
fn is_plain(bytes: &[u8], at: usize) -> bool {
    match bytes[at] {
        b'.' => at > 0 && at + 1 < bytes.len() && bytes[at - 1] != b'.',
        byte => is_plain_byte(byte),
    }
}

fn is_plain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'/' | b'_')
}

fn wire_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    (0..bytes.len()).map(|at| if is_plain(bytes, at) { 1 } else { 3 }).sum()
}

impl FromStr for Key {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        Self::new(text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn legal_keys_are_their_own_wire_form() {
        let check = |text: &str, wire: &str| {
            assert_eq!(Key::new(text).expect(text).wire(), wire);
            assert_eq!(Key::from_wire(wire).expect(wire).as_str(), text);
        };
        check("/process/me/1234", "/process/me/1234");
        check("process.me.1234", "process.me.1234");
        check("a=b", "a=3Db");
        check("a b*c>d", "a=20b=2Ac=3Ed");
        check(".a..b.", "=2Ea.=2Eb=2E");
        check(".", "=2E");
        check("ü", "=C3=BC");
    }

    #[test]
    fn invalid_and_non_canonical_wire_forms_are_refused() {
        for wire in ["", "a=2", "a=2e", "a=41", "=FF", ".a", "a.", "a..b", "a b", "=2", "=", "a*"] {
            assert!(Key::from_wire(wire).is_err(), "{wire}");
        }
        assert!(Key::new("").is_err());
        assert!(Key::new("x".repeat(512)).is_ok());
        assert!(Key::new("x".repeat(513)).is_err());
        assert!(Key::new(" ".repeat(171)).is_err());
    }

    #[test]
    fn the_intended_key_of_a_malformed_wire_form_is_found() {
        let check = |wire: &str, meant: Option<&str>| {
            assert_eq!(Key::meant_by(wire).map(|key| key.wire()).as_deref(), meant, "{wire}");
        };
        check("user:42", Some("user=3A42"));
        check("a.*", Some("a.=2A"));
        check("a=2e", Some("a=2E"));
        check("a=41", Some("aA"));
        check("a=2", Some("a=3D2"));
        check("a b=20c", Some("a=20b=20c"));
        check("ü=3a", Some("=C3=BC=3A"));
        check("=FF", None);
        check("", None);
        check(&":".repeat(171), None);
        let error = Key::from_wire("user:42").expect_err("it is not encoded").to_string();
        assert_eq!(
            error,
            "key is not in its canonical wire form: \"user:42\", it should be user=3A42"
        );
    }

    #[test]
    fn a_key_is_its_text_in_json_and_in_a_map() {
        let key = Key::new("a b").expect("a key");
        assert_eq!(serde_json::to_string(&key).expect("a text"), "\"a b\"");
        assert_eq!(serde_json::from_str::<Key>("\"a\\u0020b\"").expect("its text"), key);
        let error = serde_json::from_str::<Key>("\"\"").expect_err("no key").to_string();
        assert!(error.starts_with("key is empty"), "{error}");
        let states = HashMap::from([(key, 1)]);
        assert_eq!(states.get("a b"), Some(&1));
    }

    proptest! {
        #[test]
        fn every_key_survives_its_wire_form(text in "\\PC{1,40}|[.=a*> ]{1,12}") {
            let key = Key::new(&text).expect("short and not empty");
            let wire = key.wire();
            prop_assert_eq!(wire.len(), wire_len(&text));
            prop_assert!(wire.bytes().all(|b| b.is_ascii_alphanumeric() || b"-/_=.".contains(&b)));
            prop_assert!(wire.split('.').all(|token| !token.is_empty()));
            prop_assert_eq!(Key::from_wire(&wire).expect("its own wire form"), key);
        }

        #[test]
        fn different_wire_forms_are_different_keys(wire in "[.=aF2E0*\u{e9}]{0,12}") {
            if let Ok(key) = Key::from_wire(&wire) {
                prop_assert_eq!(key.wire(), wire);
            }
        }
    }
}
