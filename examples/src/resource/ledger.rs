use std::collections::HashMap;

use super::{Doing, Entry};

/// What was written to each key, and the rule that guards it: no token below the highest seen.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By key, the first write with the highest token.
    highest: HashMap<String, Entry>,
    clashes: Vec<Clash>,
    taken: u64,
    refused: u64,
}

/// Two who cannot both be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clash {
    /// Two sessions wrote with one token.
    SameToken(Entry, Entry),
    /// The one who began later had the lower token.
    LaterIsLower(Entry, Entry),
}

impl Ledger {
    /// Takes a write, or says for which higher token it is refused.
    pub fn take(&mut self, entry: Entry) -> Option<u64> {
        let Some(highest) = self.highest.get_mut(&entry.key) else {
            self.taken += 1;
            self.highest.insert(entry.key.clone(), entry);
            return None;
        };
        if entry.token < highest.token {
            self.refused += 1;
            // Writes arrive late and in any order; when they were sent says who began first.
            if entry.doing == Doing::Start && entry.at_ns > highest.at_ns {
                self.clashes.push(Clash::LaterIsLower(highest.clone(), entry));
            }
            return Some(highest.token);
        }
        self.taken += 1;
        if entry.token > highest.token {
            *highest = entry;
        } else if entry.session != highest.session {
            self.clashes.push(Clash::SameToken(highest.clone(), entry));
        }
        None
    }

    /// How many writes were taken.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// How many writes were refused.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// What must never happen, whatever the store loses.
    pub fn clashes(&self) -> &[Clash] {
        &self.clashes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes like `a 10 start 5`: the session, the moment, what for, the token.
    fn ledger(script: &[&str]) -> (Ledger, Vec<Option<u64>>) {
        let mut ledger = Ledger::default();
        let entry = |line: &&str| {
            let words: Vec<&str> = line.split(' ').collect();
            Entry {
                key: "k".into(),
                node: "n".into(),
                session: words[0].into(),
                at_ns: words[1].parse().unwrap(),
                doing: serde_json::from_str(&format!("\"{}\"", words[2])).unwrap(),
                token: words[3].parse().unwrap(),
            }
        };
        let answers = script.iter().map(|line| ledger.take(entry(line))).collect();
        (ledger, answers)
    }

    #[test]
    fn older_tokens_are_refused() {
        let script = ["a 1 start 5", "a 2 work 5", "b 9 start 6", "a 3 work 5", "b 10 stop 6"];
        let (ledger, answers) = ledger(&script);
        assert_eq!(answers, [None, None, None, Some(6), None]);
        assert_eq!((ledger.taken(), ledger.refused()), (4, 1));
        assert_eq!(ledger.clashes(), []);
    }

    #[test]
    fn a_start_that_arrives_late_is_no_clash_and_one_that_is_late_is() {
        let check = |script: &[&str], clashes: usize| {
            assert_eq!(ledger(script).0.clashes().len(), clashes, "{script:?}");
        };
        check(&["b 9 start 6", "a 3 start 5"], 0);
        check(&["a 3 start 6", "b 9 start 5"], 1);
        check(&["a 3 start 6", "b 9 work 6"], 1);
        check(&["a 3 start 6", "a 9 start 6"], 0);
    }
}
