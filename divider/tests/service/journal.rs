//! What handlers did with messages, and whether that is right, judged from outside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One message that a handler began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) sequence: u64,
    pub(crate) token: u64,
}

/// In the order in which it happened in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<Entry>>>);

impl Journal {
    pub(crate) fn add(&self, key: &str, sequence: u64, token: u64) {
        let entry = Entry { key: key.to_owned(), sequence, token };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many different messages were handled.
    pub(crate) fn handled(&self) -> usize {
        let mut all: Vec<_> = self.entries().iter().map(|entry| entry.sequence).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    }
}

/// Checks a journal against what was published, by key. Returns how many messages were handled more
/// than once.
pub(crate) fn judge(
    entries: &[Entry],
    published: &BTreeMap<String, Vec<u64>>,
) -> Result<usize, String> {
    let mut repeated = 0;
    for (key, sequences) in published {
        let mut done = 0;
        let mut last: Option<&Entry> = None;
        for entry in entries.iter().filter(|entry| entry.key == *key) {
            let place = sequences.iter().position(|sequence| *sequence == entry.sequence);
            let place = place.ok_or_else(|| format!("a message of another key: {entry:?}"))?;
            if place > done {
                return Err(format!("skipped {} before {entry:?}", sequences[done]));
            }
            if let Some(last) = last {
                if entry.token < last.token {
                    return Err(format!("two at a time: {last:?} before {entry:?}"));
                }
                if entry.token == last.token && entry.sequence <= last.sequence {
                    return Err(format!("out of order: {last:?} before {entry:?}"));
                }
            }
            repeated += usize::from(place < done);
            done = done.max(place + 1);
            last = Some(entry);
        }
        if done < sequences.len() {
            return Err(format!("{key}: {} was never handled", sequences[done]));
        }
    }
    Ok(repeated)
}

#[test]
fn the_judge_sees_what_is_wrong() {
    let published = BTreeMap::from([("a".to_owned(), vec![1, 4, 9])]);
    let check = |entries: &[(u64, u64)], want: Result<usize, &str>| {
        let entry = |&(sequence, token): &(u64, u64)| Entry { key: "a".into(), sequence, token };
        let entries: Vec<_> = entries.iter().map(entry).collect();
        match (judge(&entries, &published), want) {
            (Ok(found), Ok(want)) => assert_eq!(found, want),
            (Err(found), Err(want)) => assert!(found.contains(want), "{found}"),
            (found, want) => panic!("{entries:?}: {found:?}, not {want:?}"),
        }
    };
    check(&[(1, 1), (4, 1), (9, 1)], Ok(0));
    check(&[(1, 1), (4, 1), (4, 2), (9, 2)], Ok(1));
    check(&[(1, 1), (9, 1)], Err("skipped 4"));
    check(&[(1, 1), (4, 1)], Err("9 was never"));
    check(&[(1, 1), (4, 1), (1, 1)], Err("out of order"));
    check(&[(1, 1), (1, 2), (4, 1)], Err("two at a time"));
    check(&[(2, 1)], Err("another key"));
}
