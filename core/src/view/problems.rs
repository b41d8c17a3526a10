//! Unreadable records. All are counted. The first ones are kept with their reason.

use std::collections::BTreeMap;

use crate::id::Revision;

/// The highest number of problems that are kept with their reason.
const SHOWN: usize = 256;

/// One unreadable record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub revision: Revision,
    pub why: String,
}

/// The unreadable records by name.
#[derive(Debug, Default)]
pub struct Problems {
    shown: BTreeMap<String, Problem>,
    /// Problems from before the current snapshot. If the snapshot shows one again, it is not
    /// counted twice.
    before: BTreeMap<String, Problem>,
    found: u64,
}

impl Problems {
    /// Begins a snapshot. Problems that it does not show are gone.
    pub fn begin_snapshot(&mut self) {
        self.before.append(&mut self.shown);
    }

    /// Ends the snapshot.
    pub fn end_snapshot(&mut self) {
        self.before.clear();
    }

    /// Adds a problem.
    pub fn add(&mut self, name: &str, revision: Revision, why: String) {
        let known = self.before.get(name).is_some_and(|problem| problem.revision == revision);
        self.found += u64::from(!known);
        if self.shown.len() < SHOWN || self.shown.contains_key(name) {
            self.shown.insert(name.to_owned(), Problem { revision, why });
        }
    }

    /// Removes a problem: its record was written again, or deleted.
    pub fn clear(&mut self, name: &str) {
        if !self.shown.is_empty() {
            self.shown.remove(name);
        }
    }

    /// The revision of the record of this name, if it is unreadable.
    pub fn revision(&self, name: &str) -> Option<Revision> {
        self.shown.get(name).map(|problem| problem.revision)
    }

    /// The total number of problems found.
    pub fn found(&self) -> u64 {
        self.found
    }

    /// The current problems by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Problem)> {
        self.shown.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_ends_missing_problems_and_counts_none_twice() {
        let mut problems = Problems::default();
        problems.add("key.a=2e", Revision(1), "no wire form".into());
        problems.add("pin.a", Revision(2), "unknown kind".into());
        problems.begin_snapshot();
        problems.add("pin.a", Revision(2), "unknown kind".into());
        problems.add("pin.b", Revision(3), "unknown kind".into());
        problems.end_snapshot();
        let names: Vec<_> = problems.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, problems.found()), (vec!["pin.a", "pin.b"], 3));
    }

    #[test]
    fn all_problems_are_counted_and_the_first_are_kept() {
        let mut problems = Problems::default();
        let name = |at: usize| format!("member.{at}");
        for at in 0..SHOWN + 10 {
            problems.add(&name(at), Revision(1), "garbage".into());
        }
        assert_eq!((problems.found(), problems.iter().count()), (266, SHOWN));
        problems.add(&name(0), Revision(2), "garbage again".into());
        problems.add(&name(SHOWN), Revision(2), "garbage again".into());
        assert_eq!(problems.revision(&name(0)), Some(Revision(2)), "it is shown as it is now");
        assert_eq!(problems.revision(&name(SHOWN)), None);
        problems.clear(&name(0));
        problems.add(&name(SHOWN), Revision(3), "garbage again".into());
        assert_eq!(problems.revision(&name(0)), None);
        assert_eq!(problems.revision(&name(SHOWN)), Some(Revision(3)), "there is room again");
        assert_eq!(problems.found(), 269);
    }
}
