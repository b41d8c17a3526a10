//! Names and numbers with a meaning of their own, parsed once where they enter.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::InvalidId;

/// The longest group name or node id, in bytes.
pub const MAX_ID: usize = 64;

fn check_id(what: &'static str, text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty { what });
    }
    if text.len() > MAX_ID {
        return Err(InvalidId::TooLong { what, len: text.len() });
    }
    match text.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '_' && *c != '-') {
        Some(found) => Err(InvalidId::BadCharacter { what, found, id: text.to_owned() }),
        None => Ok(()),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses it: 1 to [`MAX_ID`] of `A-Z a-z 0-9 _ -`.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidId> {
                check_id($what, text.as_ref())?;
                Ok(Self(text.as_ref().into()))
            }

            /// The text of it.
            pub fn as_str(&self) -> &str {
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
    GroupName, "group name"
}

name_type! {
    /// The name of a node: one running [`Divider`](crate::Divider) in a group.
    NodeId, "node id"
}

/// One incarnation of a node: 128 random bits, used once and never again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session(u128);

impl Session {
    /// A session of these bits; they have to come from a source of randomness.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    pub(crate) const fn to_bits(self) -> u128 {
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

/// What 32 lower-case hexadecimal digits stand for. Every node reads a session in every claim, so the
/// digits are looked up, and judged all at once.
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

/// What each byte is worth as a digit; 255 where it is none.
const DIGITS: [u8; 256] = {
    let mut digits = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

/// The fencing token of one assignment.
///
/// It grows with every change of a key's owner, also when the bucket is lost and made again (as far
/// as wall clocks do). Pass it to whatever the work writes to, and have that refuse a lower one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Token(pub u64);

impl Token {
    /// The highest token that is taken for one; a record with a higher one is malformed.
    pub const MAX: Self = Self(1 << 62);
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

/// A position in a group's log; 0 stands for "no record".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl Revision {
    /// Before every record: what a compare-and-set expects of a subject without one.
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
    use super::*;

    #[test]
    fn ids_say_what_is_wrong_with_them() {
        let check = |text: &str, want: &str| {
            assert_eq!(NodeId::new(text).expect_err(text).to_string(), want);
        };
        check("", "node id is empty: expected 1 to 64 of A-Z a-z 0-9 _ -");
        check("a.b", "node id has a character that is not one of A-Z a-z 0-9 _ -: '.' in \"a.b\"");
        check(&"x".repeat(65), "node id is too long, at most 64 bytes: 65");
        assert_eq!(NodeId::new("w-1_A").expect("legal").as_str(), "w-1_A");
    }

    #[test]
    fn a_session_is_read_back_from_its_text_and_from_no_other() {
        let session = Session::from_bits(0xab);
        assert_eq!(session.to_string().parse::<Session>().expect("its own text"), session);
        for odd in
            ["", "ab", "000000000000000000000000000000AB", "+00000000000000000000000000000ab"]
        {
            assert!(odd.parse::<Session>().is_err(), "{odd}");
        }
    }
}
