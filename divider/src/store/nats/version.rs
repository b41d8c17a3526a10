//! Versions of nats-server.

use std::fmt;

/// A version of nats-server, as `2.11.11`; what follows a dash is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u64, u64, u64);

impl Version {
    /// The first that is trusted: times to live of single messages, compare-and-set that is
    /// serialised on several replicas, and the fixes to both up to here.
    pub(super) const NEEDED: Self = Self(2, 11, 11);

    /// Whether what a server says of itself is new enough.
    pub(super) fn is_enough(text: &str) -> bool {
        Self::parse(text).is_some_and(|version| version >= Self::NEEDED)
    }

    /// Reads what a server says of itself.
    fn parse(text: &str) -> Option<Self> {
        let numbers = text.trim_start_matches('v').split(['-', '+']).next()?;
        let mut parts = numbers.split('.').map(|part| part.parse().ok());
        Some(Self(parts.next()??, parts.next()??, parts.next()??))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_told_from_new_ones() {
        let check = |text: &str, enough: bool| {
            assert_eq!(Version::is_enough(text), enough, "{text}");
        };
        check("2.9.10", false);
        check("2.10.26", false);
        check("2.11.9", false);
        check("2.11.11", true);
        check("2.11.12-RC.1", true);
        check("2.12.0", true);
        check("v2.15.1", true);
        check("10.0.0", true);
        check("", false);
        check("2.15", false);
    }
}
