use std::fmt;
use std::str::FromStr;

/// A nats-server's version, as `2.15.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number.
    pub patch: u32,
}

impl Version {
    /// The oldest that divider runs on: the first with a correct TTL a message.
    pub const OLDEST: Self = Self { major: 2, minor: 11, patch: 11 };
    /// The one that is installed when none is found.
    pub const PINNED: Self = Self { major: 2, minor: 15, patch: 1 };
}

impl FromStr for Version {
    type Err = ();

    /// Reads `2.15.1`, `v2.15.1`, `nats-server: v2.15.1` and `2.12.0-RC.1` (as 2.12.0).
    fn from_str(text: &str) -> Result<Self, ()> {
        let last = text.split_whitespace().last().ok_or(())?;
        let plain = last.trim_start_matches('v').split('-').next().ok_or(())?;
        let numbers: Vec<u32> =
            plain.split('.').map(|part| part.parse().map_err(drop)).collect::<Result<_, _>>()?;
        let [major, minor, patch] = numbers[..] else { return Err(()) };
        Ok(Self { major, minor, patch })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_server_prints_them() {
        let check = |text: &str, expected: Option<&str>| {
            let read = text.parse::<Version>().ok().map(|version| version.to_string());
            assert_eq!(read.as_deref(), expected, "{text:?}");
        };
        check("2.15.1", Some("2.15.1"));
        check("nats-server: v2.9.10\n", Some("2.9.10"));
        check("v2.12.0-RC.1", Some("2.12.0"));
        check("2.15", None);
        check("", None);
        check("two", None);
    }

    #[test]
    fn versions_compare_by_number() {
        assert!("2.9.10".parse::<Version>().unwrap() < Version::OLDEST);
        assert!(Version::OLDEST < Version::PINNED);
    }
}
