use std::fmt;

use super::hold::Hold;
use crate::journal::Entry;

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// Two processes held a key at the same time.
    Overlap {
        /// The one that began earlier.
        first: Hold,
        /// The one that began before the other ended.
        second: Hold,
        /// For how long both did.
        for_ns: u64,
    },
    /// A process started a key that it had not stopped.
    StartedTwice(Hold),
    /// A later holder's token was not higher.
    TokenFell {
        /// The earlier holder.
        first: Hold,
        /// The later holder.
        second: Hold,
    },
    /// A process stopped a key that it had not started.
    StoppedUnstarted(Entry),
    /// The first line of a process that was frozen for more than a lease was of something else than
    /// its end.
    WokeUnaware(Entry),
}

impl Broken {
    /// The two holds that it is about, the one that began earlier first, if it is about two.
    pub fn pair(&self) -> Option<(&Hold, &Hold)> {
        match self {
            Self::Overlap { first, second, .. } | Self::TokenFell { first, second } => {
                Some((first, second))
            }
            Self::StartedTwice(_) | Self::StoppedUnstarted(_) | Self::WokeUnaware(_) => None,
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap { first, second, for_ns } => write!(
                f,
                "{} was held by {} and {} at once for {for_ns} ns (tokens {} and {})",
                first.key, first.node, second.node, first.token, second.token
            ),
            Self::StartedTwice(hold) => {
                write!(f, "{} started {} without having stopped it", hold.node, hold.key)
            }
            Self::TokenFell { first, second } => write!(
                f,
                "the token of {} fell from {} ({}) to {} ({})",
                first.key, first.token, first.node, second.token, second.node
            ),
            Self::StoppedUnstarted(entry) => {
                write!(f, "{} stopped {:?}, which it had not started", entry.node, entry.key)
            }
            Self::WokeUnaware(entry) => {
                write!(f, "{} woke and went on with {:?} {:?}", entry.node, entry.event, entry.key)
            }
        }
    }
}

/// Each hold that began before an earlier one of another run had ended, of holds in the order of
/// their starts.
pub(super) fn overlaps(holds: &[Hold]) -> Vec<Broken> {
    let mut found = Vec::new();
    for (index, first) in holds.iter().enumerate() {
        let later = holds[index + 1..].iter();
        for second in later.take_while(|second| second.from_ns < first.until_ns) {
            let for_ns = first.until_ns.min(second.until_ns) - second.from_ns;
            if second.run != first.run && for_ns > 0 {
                let (first, second) = (first.clone(), second.clone());
                found.push(Broken::Overlap { first, second, for_ns });
            }
        }
    }
    found
}

/// Each hold whose token is not above that of the one before it.
pub(super) fn fallen_tokens(holds: &[Hold]) -> Vec<Broken> {
    let fell = |pair: &&[Hold]| pair[1].token <= pair[0].token;
    let pairs = holds.windows(2).filter(fell);
    pairs.map(|it| Broken::TokenFell { first: it[0].clone(), second: it[1].clone() }).collect()
}
