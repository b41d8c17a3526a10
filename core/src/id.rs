//! Ids and numbers as types of their own, parsed once where they enter.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::InvalidId;

/// The longest group name or node id, in bytes.
pub const MAX_ID: usize = 64;

fn check_id(what: &'static str, text: &str, is_legal: fn(char) -> bool) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty { what });
    }
    if text.len() > MAX_ID {
        return Err(InvalidId::TooLong { what, len: text.len() });
    }
    if let Some(found) = text.chars().find(|c| !is_legal(*c)) {
        return Err(InvalidId::BadCharacter { what, found, id: text.to_owned() });
    }
    if text.split('.').any(str::is_empty) {
        return Err(InvalidId::BadDot { what, id: text.to_owned() });
    }
    Ok(())
}

/// Whether the character may stand in a group name, which is one token of a NATS subject.
fn is_in_group_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// Whether the character may stand in a node id. Host names have dots; on the wire a dot divides two
/// tokens, as in a key.
fn is_in_node_id(c: char) -> bool {
    is_in_group_name(c) || c == '.'
}

/// Whether [`NodeId::new`] accepts this text. Every node checks the owner in every claim with it.
pub fn is_node_id(text: &[u8]) -> bool {
    let mut after_dot = true;
    for &byte in text {
        let dot = byte == b'.';
        if dot && after_dot || !is_in_node_id(char::from(byte)) {
            return false;
        }
        after_dot = dot;
    }
    !after_dot && text.len() <= MAX_ID
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $of:literal, $is_legal:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            #[doc = concat!("Parses it: 1 to [`MAX_ID`] bytes ", $of, ".")]
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidId> {
                check_id($what, text.as_ref(), $is_legal)?;
                Ok(Self(text.as_ref().into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// The name of a group: a set of nodes that share one set of keys.
    GroupName, "group name", "of `A-Z a-z 0-9 _ -`", is_in_group_name
}

name_type! {
    /// The id of a node: one running process of a group.
    ///
    /// A host name is a valid id, such as `worker-1.internal`. If it is longer than [`MAX_ID`], use its
    /// first label.
    NodeId, "node id", "of `A-Z a-z 0-9 _ -`, with single dots between them", is_in_node_id
}

/// One incarnation of a node: 128 random bits. A session is never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session(u128);

impl Session {
    /// Makes a session from random bits. They must come from a source of randomness.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The 128 bits.
    pub const fn to_bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0 >> 96)
    }
}

impl FromStr for Session {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let bits = text.as_bytes().try_into().ok().and_then(bits_of);
        bits.map(Self).ok_or_else(|| InvalidId::BadSession { id: text.chars().take(64).collect() })
    }
}

/// The number of 32 lower-case hexadecimal digits. Every node reads a session in every claim, so a
/// table is used and all digits are checked together.
fn bits_of(digits: &[u8; 32]) -> Option<u128> {
    let mut wrong = 0;
    let pair = |at: usize| {
        let [high, low] =
            [digits[2 * at], digits[2 * at + 1]].map(|byte| DIGITS[usize::from(byte)]);
        wrong |= high | low;
        high << 4 | low & 0xf
    };
    let bits = u128::from_be_bytes(std::array::from_fn(pair));
    (wrong <= 0xf).then_some(bits)
}

/// The value of each byte as a hexadecimal digit; 255 for other bytes.
const DIGITS: [u8; 256] = {
    let mut digits = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

/// The fencing token of one run of a key.
///
/// It rises with every start of the key. It also rises when the bucket is lost and created again,
/// if the wall clocks are right. Pass it to the systems that the work writes to, and let them
/// refuse a lower one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Token(pub u64);

impl Token {
    /// The highest valid token. A record with a higher one is malformed.
    pub const MAX: Self = Self(1 << 62);

    /// The token for a signed SQL column (`bigint`). Records have no token above [`MAX`](Self::MAX),
    /// which fits into 63 bits, so the order of tokens stays the same.
    ///
    /// ```
    /// # use divider_core::id::Token;
    /// // update feed set position = $1, token = $2 where id = $3 and token <= $2
    /// assert_eq!(Token(1_700_000_000_000_000).as_i64(), 1_700_000_000_000_000);
    /// ```
    pub fn as_i64(self) -> i64 {
        // Only a token that no record can have exceeds 63 bits. It stays the highest.
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

/// A position in a group's log. 0 means "no record".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl Revision {
    /// Before every record. A compare-and-set expects it where the name has no record.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn errors_of_ids_name_the_cause() {
        let check = |text: &str, want: &str| {
            assert_eq!(NodeId::new(text).expect_err(text).to_string(), want);
        };
        check("", "node id is empty: expected 1 to 64 of A-Z a-z 0-9 _ - .");
        check(
            "a$b",
            "node id has a character that is not one of A-Z a-z 0-9 _ - .: '$' in \"a$b\"",
        );
        let dot = "node id has a dot at its start, at its end or after another dot";
        for text in [".a", "a.", "a..b", "."] {
            check(text, &format!("{dot}: {text:?}"));
        }
        check(&"x".repeat(65), "node id is too long, at most 64 bytes: 65");
        for legal in ["w-1_A", "worker-1.shop.internal", &"x".repeat(64)] {
            assert_eq!(NodeId::new(legal).expect("legal").as_str(), legal);
        }
        let group = GroupName::new("a.b").expect_err("it is one token of a subject").to_string();
        assert_eq!(
            group,
            "group name has a character that is not one of A-Z a-z 0-9 _ -: '.' in \"a.b\""
        );
    }

    proptest! {
        #[test]
        fn both_checks_of_a_node_id_agree(text in "[a-c._$]{0,6}|[a.]{60,66}") {
            prop_assert_eq!(is_node_id(text.as_bytes()), NodeId::new(&text).is_ok());
        }
    }

    #[test]
    fn names_are_found_by_their_text() {
        let ids = BTreeSet::from([NodeId::new("w1").expect("legal")]);
        assert!(ids.contains("w1") && !ids.contains("w2"));
    }

    #[test]
    fn a_token_fits_into_a_signed_column_in_its_order() {
        assert_eq!(Token::MAX.as_i64(), 1 << 62);
        assert_eq!(Token(u64::MAX).as_i64(), i64::MAX);
        assert!(Token(1).as_i64() < Token(2).as_i64());
    }

    #[test]
    fn only_the_canonical_text_of_a_session_is_parsed() {
        let session = Session::from_bits(0xab);
        assert_eq!(session.to_string().parse::<Session>().expect("its own text"), session);
        for odd in
            ["", "ab", "000000000000000000000000000000AB", "+00000000000000000000000000000ab"]
        {
            assert!(odd.parse::<Session>().is_err(), "{odd}");
        }
    }
}
