//! `manifest.<part>`: the records of one part of the names that were current at a revision. They
//! distinguish current records from superseded ones that a crash of the store shows again.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Malformed, check_version, from_json, to_json};
use crate::id::Revision;

/// The finest division: 2^20 parts.
const MAX_BITS: u8 = 20;

/// The digits of a list of revisions: five bits each, and one bit that says that more digits follow.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A part of all names: those whose hash begins with certain bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    bits: u8,
    index: u32,
}

impl Part {
    /// The part that the hash is in, of 2^`bits` parts. More than 20 bits count as 20.
    pub fn of(hash: u64, bits: u8) -> Self {
        let bits = bits.min(MAX_BITS);
        let index = hash.checked_shr(64 - u32::from(bits)).unwrap_or(0);
        Self { bits, index: u32::try_from(index).unwrap_or(0) }
    }

    /// Whether the hash is in this part.
    pub fn covers(self, hash: u64) -> bool {
        Self::of(hash, self.bits) == self
    }

    /// The number of bits: the names are divided into 2^`bits` parts.
    pub fn bits(self) -> u8 {
        self.bits
    }

    /// The half of this part that the hash is in. The finest part is returned as it is.
    #[must_use]
    pub fn half(self, hash: u64) -> Self {
        Self::of(hash, self.bits + 1)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.bits, self.index)
    }
}

impl FromStr for Part {
    type Err = ();

    /// Parses the canonical form of a part.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (bits, index) = text.split_once('-').ok_or(())?;
        let part =
            Self { bits: bits.parse().map_err(|_| ())?, index: index.parse().map_err(|_| ())? };
        let legal = part.bits <= MAX_BITS && u64::from(part.index) < 1 << part.bits;
        (legal && part.to_string() == text).then_some(part).ok_or(())
    }
}

/// The value of a manifest: the revisions of the current key and member records of one part. All other
/// records of the part at or below `upto` are superseded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManifestRecord {
    /// The manifest describes revisions up to this one.
    pub upto: Revision,
    /// The revisions of the current records, ascending.
    pub live: Vec<Revision>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Form {
    v: u32,
    upto: u64,
    #[serde(default)]
    live: String,
}

impl ManifestRecord {
    /// Whether the record at this revision, in this part, is superseded.
    pub fn is_superseded(&self, revision: Revision) -> bool {
        revision <= self.upto && self.live.binary_search(&revision).is_err()
    }

    /// Decodes the value of a manifest.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let form: Form = from_json(value)?;
        check_version(form.v)?;
        let out = Malformed::OutOfBounds { field: "live" };
        let upto = Revision(form.upto);
        let live = read_list(&form.live).filter(|live| live.last() <= Some(&upto));
        Ok(Self { upto, live: live.ok_or(out)? })
    }

    /// Encodes this manifest.
    pub fn encode(&self) -> Bytes {
        to_json(&Form { v: super::RECORD_VERSION, upto: self.upto.0, live: write_list(&self.live) })
    }
}

/// Encodes each revision as its distance from the one before, lowest bits first.
fn write_list(revisions: &[Revision]) -> String {
    let mut text = String::with_capacity(revisions.len() * 2);
    let mut before = 0;
    for revision in revisions {
        let mut rest = revision.0 - before;
        before = revision.0;
        while rest >= 32 {
            text.push(digit(rest % 32 + 32));
            rest /= 32;
        }
        text.push(digit(rest));
    }
    text
}

fn digit(value: u64) -> char {
    DIGITS[usize::try_from(value).expect("six bits")].into()
}

fn value_of(digit: u8) -> Option<u64> {
    let (first, before) = match digit {
        b'A'..=b'Z' => (b'A', 0),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        b'-' => (b'-', 62),
        b'_' => (b'_', 63),
        _ => return None,
    };
    Some(u64::from(digit - first) + before)
}

fn read_list(text: &str) -> Option<Vec<Revision>> {
    let mut revisions = Vec::new();
    let (mut before, mut number, mut shift) = (0_u64, 0_u64, 0_u32);
    for byte in text.bytes() {
        let value = value_of(byte)?;
        let low = (value % 32).checked_shl(shift).filter(|low| low >> shift == value % 32)?;
        number |= low;
        shift += 5;
        if value < 32 {
            // Revisions are distinct, and the highest digit is not 0.
            let padded = value == 0 && shift > 5;
            before = before.checked_add(number).filter(|_| number > 0 && !padded)?;
            revisions.push(Revision(before));
            (number, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(revisions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_part_covers_hashes_with_its_first_bits() {
        let check = |hash: u64, bits: u8, want: &str| {
            let part = Part::of(hash, bits);
            assert_eq!((part.to_string().as_str(), want.parse()), (want, Ok(part)));
            assert!(part.covers(hash));
        };
        check(0, 0, "0-0");
        check(u64::MAX, 0, "0-0");
        check(u64::MAX, 3, "3-7");
        check(0x8000_0000_0000_0000, 1, "1-1");
        check(u64::MAX, 20, "20-1048575");
        for wrong in ["", "0", "0-1", "3-8", "3-07", "21-0", "-1-0", "3--1", "+3-1", "3-7-1"] {
            assert_eq!(wrong.parse::<Part>(), Err(()), "{wrong}");
        }
        assert!(!Part::of(0, 4).covers(u64::MAX));
        assert_eq!(Part::of(u64::MAX, 3).half(u64::MAX).to_string(), "4-15");
        assert_eq!(Part::of(u64::MAX, 20).half(u64::MAX).to_string(), "20-1048575");
    }

    #[test]
    fn a_list_has_one_encoding() {
        let check = |text: &str, want: Option<&[u64]>| {
            let read = read_list(text);
            let want = want.map(|w| w.iter().copied().map(Revision).collect::<Vec<_>>());
            assert_eq!(read, want, "{text}");
            if let Some(read) = read {
                assert_eq!(write_list(&read), text);
            }
        };
        check("", Some(&[]));
        check("B", Some(&[1]));
        check("BB", Some(&[1, 2]));
        check("gB", Some(&[32]));
        check("_fB", Some(&[1023, 1024]));
        check("A", None);
        check("g", None);
        check("gA", None);
        check("B!", None);
        check("____________P", Some(&[u64::MAX]));
        check("____________f", None);
        check("____________PB", None);
    }

    proptest! {
        #[test]
        fn a_list_survives_a_round_trip(mut live: Vec<u64>, above: u32) {
            live.retain(|revision| (1..u64::MAX / 2).contains(revision));
            live.sort_unstable();
            live.dedup();
            let live: Vec<_> = live.into_iter().map(Revision).collect();
            let upto = Revision(live.last().map_or(0, |r| r.0) + u64::from(above));
            let record = ManifestRecord { upto, live };
            let read = ManifestRecord::decode(&record.encode());
            prop_assert_eq!(&read.expect("it is of this form"), &record);
            for revision in &record.live {
                prop_assert!(!record.is_superseded(*revision));
            }
            prop_assert!(!record.is_superseded(Revision(upto.0 + 1)));
        }
    }
}
