//! A fast path for claims in exactly the form in which divider writes them, without a JSON parser.
//! Every node reads every claim, and this takes a tenth of the time. A value that differs in any byte
//! goes to the JSON parser.

use std::io::Write;

use crate::id::{Session, Token, is_node_id};

/// A claim without nodes that are cooling down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plain<'a> {
    pub(super) node: &'a str,
    pub(super) session: Session,
    pub(super) token: Token,
}

const HEX: &[u8; 16] = b"0123456789abcdef";
const NODE: &str = r#"{"v":1,"node":""#;
const SESSION: &str = r#"","session":""#;
const TOKEN: &str = r#"","token":"#;

impl<'a> Plain<'a> {
    /// Decodes a value. `None` if it is not exactly of this form; it may still be a valid claim.
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let rest = value.strip_prefix(NODE.as_bytes())?;
        let length = rest.iter().position(|&byte| byte == b'"')?;
        let (node, rest) = rest.split_at(length);
        if !is_node_id(node) {
            return None;
        }
        let (session, rest) = rest.strip_prefix(SESSION.as_bytes())?.split_at_checked(32)?;
        let digits = rest.strip_prefix(TOKEN.as_bytes())?.strip_suffix(b"}")?;
        let token = number(digits).filter(|token| *token <= Token::MAX.0)?;
        Some(Self {
            node: std::str::from_utf8(node).ok()?,
            session: std::str::from_utf8(session).ok()?.parse().ok()?,
            token: Token(token),
        })
    }

    /// Encodes the claim.
    pub(super) fn write(self) -> Vec<u8> {
        let mut value = Vec::with_capacity(128);
        for part in [NODE, self.node, SESSION] {
            value.extend_from_slice(part.as_bytes());
        }
        let bytes = self.session.to_bits().to_be_bytes();
        let digit = |at: usize| HEX[usize::from(bytes[at / 2] >> (4 * (1 - at % 2)) & 0xf)];
        value.extend_from_slice(&std::array::from_fn::<u8, 32, _>(digit));
        value.extend_from_slice(TOKEN.as_bytes());
        // A write to a vector cannot fail.
        let _ = write!(value, "{}}}", self.token);
        value
    }
}

/// Parses a JSON number: no leading zeros.
fn number(digits: &[u8]) -> Option<u64> {
    let led_by_zero = digits.len() > 1 && digits[0] == b'0';
    // A number of 20 digits is above every token, and 19 digits fit into 64 bits.
    if digits.is_empty() || digits.len() > 19 || led_by_zero {
        return None;
    }
    let all = digits.iter().all(u8::is_ascii_digit);
    all.then(|| digits.iter().fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::super::claim::ReadClaim;
    use super::*;
    use proptest::prelude::*;

    fn check(value: &[u8]) -> bool {
        let Some(plain) = Plain::read(value) else { return false };
        let read = ReadClaim::of_json(value).expect("it is JSON of this form");
        let (node, session) = read.owner.expect("it has an owner");
        assert_eq!((node.as_str(), session, read.token), (plain.node, plain.session, plain.token));
        assert!(read.cooling_down.is_empty());
        true
    }

    proptest! {
        #[test]
        fn written_claims_agree_with_the_json_parser(
            node in "[A-Za-z0-9_-]{1,64}",
            bits: u128,
            token in 0..=Token::MAX.0,
        ) {
            let session = Session::from_bits(bits);
            let plain = Plain { node: &node, session, token: Token(token) };
            let value = plain.write();
            prop_assert!(check(&value));
            prop_assert_eq!(Plain::read(&value), Some(plain));
        }

        #[test]
        fn altered_claims_agree_with_the_json_parser(
            node in "[A-Za-z0-9_.-]{1,66}",
            bits: u128,
            token: u64,
            at: prop::sample::Index,
            byte: u8,
        ) {
            let session = Session::from_bits(bits);
            let mut value = Plain { node: &node, session, token: Token(token) }.write();
            let at = at.index(value.len());
            value[at] = byte;
            check(&value);
            value.truncate(at);
            prop_assert!(!check(&value));
        }
    }

    #[test]
    fn other_forms_go_to_the_json_parser() {
        let session = "0123456789abcdef0123456789abcdef";
        let value =
            |token: &str| format!(r#"{{"v":1,"node":"n","session":"{session}","token":{token}}}"#);
        assert!(check(value("7").as_bytes()));
        assert!(check(value("0").as_bytes()));
        for token in ["07", "-1", "1.0", "1e3", "", " 7", r#"7,"more":1"#] {
            assert!(!check(value(token).as_bytes()), "{token:?}");
        }
    }
}
