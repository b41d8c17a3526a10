//! What the journals of all workers prove together: who held which key when.
//!
//! A worker holds a key from the line with which it starts to the line it writes before it confirms
//! the stop. A process that was killed holds nothing from its end. One that was frozen holds nothing
//! from the freeze to its first line after waking, if that line says that it knows: `fenced` or
//! `lost`.

use std::collections::BTreeMap;
use std::fmt;

use crate::journal::{Entry, What};

/// One process: its journal, and what was done to it from outside.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Its journal.
    pub entries: Vec<Entry>,
    /// The moment after which it certainly was no more, if it is over.
    pub ended_ns: Option<u64>,
    /// Each freeze of more than a lease, from the moment when it certainly was stopped to the one
    /// when it was allowed to go on.
    pub frozen_ns: Vec<(u64, u64)>,
}

/// A time during which a process held a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The key.
    pub key: String,
    /// The node.
    pub node: String,
    /// Which of the runs it was.
    pub run: usize,
    /// The fencing token.
    pub token: u64,
    /// Its start.
    pub from_ns: u64,
    /// Its end; `u64::MAX` while it lasts.
    pub until_ns: u64,
}

impl Hold {
    fn is_at(&self, at_ns: u64) -> bool {
        self.from_ns <= at_ns && at_ns < self.until_ns
    }
}

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

/// All that was held by whom and when.
#[derive(Debug, Default)]
pub struct History {
    /// By key, in the order of their starts.
    holds: BTreeMap<String, Vec<Hold>>,
    broken: Vec<Broken>,
    woke_after_ns: Vec<u64>,
}

impl History {
    /// Reads the runs and checks every rule.
    pub fn new(runs: &[Run]) -> Self {
        let mut history = Self::default();
        for (index, run) in runs.iter().enumerate() {
            history.read_run(index, run);
        }
        for holds in history.holds.values_mut() {
            holds.sort_by_key(|hold| hold.from_ns);
            history.broken.extend(overlaps(holds));
            history.broken.extend(fallen_tokens(holds));
        }
        history
    }

    /// Every rule that was broken, worst first within a key.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// How long each frozen process needed from its waking to its first line.
    pub fn woke_after_ns(&self) -> &[u64] {
        &self.woke_after_ns
    }

    /// The holds of a key in the order of their starts.
    pub fn holds(&self, key: &str) -> &[Hold] {
        self.holds.get(key).map_or(&[], Vec::as_slice)
    }

    /// Which node held each key at that moment; a key without a holder is left out.
    pub fn owners(&self, at_ns: u64) -> BTreeMap<&str, &str> {
        let all = self.holds.values().flatten();
        let now = all.filter(|hold| hold.is_at(at_ns));
        now.map(|hold| (hold.key.as_str(), hold.node.as_str())).collect()
    }

    /// How many keys each node held at that moment.
    pub fn counts(&self, at_ns: u64) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for node in self.owners(at_ns).into_values() {
            *counts.entry(node).or_default() += 1;
        }
        counts
    }

    /// The keys that nobody held at that moment, of those given.
    pub fn orphans<'k>(&self, keys: &'k [String], at_ns: u64) -> Vec<&'k str> {
        let owners = self.owners(at_ns);
        keys.iter().map(String::as_str).filter(|key| !owners.contains_key(key)).collect()
    }

    /// What moved in a span of time.
    pub fn moves(&self, from_ns: u64, until_ns: u64) -> Moves {
        let before = self.owners(from_ns);
        let mut moves = Moves::default();
        for holds in self.holds.values() {
            let begun = holds.iter().filter(|hold| (from_ns..until_ns).contains(&hold.from_ns));
            let begun: Vec<&Hold> = begun.collect();
            let Some(last) = begun.last() else { continue };
            moves.starts += begun.len() as u64;
            moves.keys += u64::from(before.get(last.key.as_str()) != Some(&last.node.as_str()));
            moves.more_than_once += u64::from(begun.len() > 1);
            moves.last_start_ns = moves.last_start_ns.max(Some(last.from_ns));
        }
        moves
    }

    /// The longest time within the span in which a key of those given had no holder.
    pub fn longest_gap_ns(&self, keys: &[String], from_ns: u64, until_ns: u64) -> u64 {
        let gap = |key: &String| longest_gap_ns(self.holds(key), from_ns, until_ns);
        keys.iter().map(gap).max().unwrap_or(0)
    }

    fn read_run(&mut self, run: usize, of: &Run) {
        let mut open: BTreeMap<&str, Hold> = BTreeMap::new();
        let mut naps = of.frozen_ns.iter().copied().peekable();
        // Threads may write in another order than they read the clock in.
        let mut entries: Vec<&Entry> = of.entries.iter().collect();
        entries.sort_by_key(|entry| entry.at_ns);
        for entry in entries {
            // A line from before the nap ended was written before it began.
            if let Some((asleep, awake)) = naps.next_if(|&(_, awake)| awake <= entry.at_ns) {
                self.wake(entry, awake);
                self.close(std::mem::take(&mut open), asleep);
            }
            self.read_entry(run, entry, &mut open);
        }
        let end = naps.next().map(|(asleep, _)| asleep).or(of.ended_ns);
        self.close(open, end.unwrap_or(u64::MAX));
    }

    fn wake(&mut self, first: &Entry, awake_ns: u64) {
        self.woke_after_ns.push(first.at_ns - awake_ns);
        if !matches!(first.event, What::Fenced | What::Lost) {
            self.broken.push(Broken::WokeUnaware(first.clone()));
        }
    }

    fn read_entry<'e>(&mut self, run: usize, entry: &'e Entry, open: &mut BTreeMap<&'e str, Hold>) {
        let Some(key) = entry.key.as_deref() else { return };
        match entry.event {
            What::Start => {
                let hold = Hold {
                    key: key.to_owned(),
                    node: entry.node.clone(),
                    run,
                    token: entry.token.unwrap_or(0),
                    from_ns: entry.at_ns,
                    until_ns: u64::MAX,
                };
                if let Some(unstopped) = open.insert(key, hold) {
                    self.broken.push(Broken::StartedTwice(unstopped.clone()));
                    self.keep(unstopped, entry.at_ns);
                }
            }
            What::Stopped => match open.remove(key) {
                Some(hold) => self.keep(hold, entry.at_ns),
                // After a nap its holds were closed where the nap began.
                None if self.was_held(run, key, entry.token) => {}
                None => self.broken.push(Broken::StoppedUnstarted(entry.clone())),
            },
            _ => {}
        }
    }

    fn was_held(&self, run: usize, key: &str, token: Option<u64>) -> bool {
        self.holds(key).iter().any(|hold| hold.run == run && Some(hold.token) == token)
    }

    fn close(&mut self, open: BTreeMap<&str, Hold>, at_ns: u64) {
        for hold in open.into_values() {
            self.keep(hold, at_ns);
        }
    }

    fn keep(&mut self, mut hold: Hold, until_ns: u64) {
        hold.until_ns = until_ns;
        self.holds.entry(hold.key.clone()).or_default().push(hold);
    }
}

/// What moved in a span of time.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Moves {
    /// Keys whose last start was on another node than the one that held them at first.
    pub keys: u64,
    /// All starts.
    pub starts: u64,
    /// Keys that were started more than once.
    pub more_than_once: u64,
    /// The last start.
    pub last_start_ns: Option<u64>,
}

/// Each hold that began before an earlier one of another run had ended.
fn overlaps(holds: &[Hold]) -> Vec<Broken> {
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

fn fallen_tokens(holds: &[Hold]) -> Vec<Broken> {
    let fell = |pair: &&[Hold]| pair[1].token <= pair[0].token;
    let pairs = holds.windows(2).filter(fell);
    pairs.map(|it| Broken::TokenFell { first: it[0].clone(), second: it[1].clone() }).collect()
}

fn longest_gap_ns(holds: &[Hold], from_ns: u64, until_ns: u64) -> u64 {
    let (mut held_to, mut longest) = (from_ns, 0);
    for hold in holds.iter().filter(|hold| hold.until_ns > from_ns && hold.from_ns < until_ns) {
        longest = longest.max(hold.from_ns.saturating_sub(held_to));
        held_to = held_to.max(hold.until_ns);
    }
    longest.max(until_ns.saturating_sub(held_to))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run from lines like `10 start k 1`: the moment, the event, the key, the token.
    fn run(node: &str, script: &str) -> Run {
        let entries = script.lines().map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let event = serde_json::from_str(&format!("\"{}\"", words[1])).unwrap();
            Entry {
                at_ns: words[0].parse().unwrap(),
                node: node.to_owned(),
                event,
                key: words.get(2).map(|&key| key.to_owned()),
                token: words.get(3).map(|token| token.parse().unwrap()),
                session: None,
                reason: None,
            }
        });
        Run { entries: entries.collect(), ..Run::default() }
    }

    fn check(runs: &[Run], expected: &[&str]) {
        let history = History::new(runs);
        let broken: Vec<String> = history.broken().iter().map(ToString::to_string).collect();
        assert_eq!(broken, expected);
    }

    #[test]
    fn a_clean_hand_over_breaks_nothing() {
        let giver = run("a", "1 joined\n10 start k 1\n20 stop k 1\n30 stopped k 1\n99 left");
        check(&[giver, run("b", "30 start k 2")], &[]);
    }

    #[test]
    fn two_holders_at_once_are_found() {
        let giver = run("a", "10 start k 1\n20 stop k 1\n30 stopped k 1");
        let early = run("b", "29 start k 2\n40 stopped k 2");
        check(&[giver, early], &["k was held by a and b at once for 1 ns (tokens 1 and 2)"]);
    }

    #[test]
    fn two_runs_of_one_node_are_two_holders() {
        let runs = [run("a", "10 start k 1"), run("a", "20 start k 2\n30 stopped k 2")];
        check(&runs, &["k was held by a and a at once for 10 ns (tokens 1 and 2)"]);
    }

    #[test]
    fn a_hold_within_a_longer_one_and_one_after_it_are_both_found() {
        let long = run("a", "10 start k 1\n90 stopped k 1");
        let short = run("b", "20 start k 2\n30 stopped k 2\n40 start k 3\n50 stopped k 3");
        assert_eq!(History::new(&[long, short]).broken().len(), 2);
    }

    #[test]
    fn a_killed_process_holds_until_it_is_gone() {
        let mut killed = run("a", "10 start k 1");
        killed.ended_ns = Some(20);
        check(&[killed.clone(), run("b", "20 start k 2")], &[]);
        let early = run("b", "19 start k 2");
        check(&[killed, early], &["k was held by a and b at once for 1 ns (tokens 1 and 2)"]);
    }

    #[test]
    fn a_frozen_process_holds_nothing_if_its_first_line_says_so() {
        let heir = run("b", "50 start k 2");
        let mut aware = run("a", "10 start k 1\n105 fenced\n106 lost k 1\n107 stopped k 1");
        aware.frozen_ns = vec![(20, 100)];
        check(&[aware.clone(), heir.clone()], &[]);
        assert_eq!(History::new(&[aware]).woke_after_ns(), [5]);
        let mut unaware = run("a", "10 start k 1\n105 stop k 1\n106 stopped k 1");
        unaware.frozen_ns = vec![(20, 100)];
        check(&[unaware, heir], &["a woke and went on with Stop Some(\"k\")"]);
    }

    #[test]
    fn a_process_that_never_wakes_holds_until_its_freeze() {
        let mut asleep = run("a", "10 start k 1");
        asleep.frozen_ns = vec![(20, 100)];
        asleep.ended_ns = Some(100);
        check(&[asleep, run("b", "50 start k 2")], &[]);
    }

    #[test]
    fn a_token_that_does_not_rise_is_found() {
        let runs = [run("a", "10 start k 5\n20 stopped k 5"), run("b", "30 start k 5")];
        check(&runs, &["the token of k fell from 5 (a) to 5 (b)"]);
    }

    #[test]
    fn starts_and_stops_of_one_process_alternate() {
        let twice = run("a", "10 start k 1\n20 start k 2");
        check(&[twice], &["a started k without having stopped it"]);
        let stray = run("a", "10 stopped k 1");
        check(&[stray], &["a stopped Some(\"k\"), which it had not started"]);
    }

    #[test]
    fn owners_orphans_and_gaps_are_those_of_the_moment() {
        let runs =
            [run("a", "10 start k 1\n20 stopped k 1\n15 start l 1"), run("b", "30 start k 2")];
        let history = History::new(&runs);
        let keys = ["k".to_owned(), "l".to_owned(), "m".to_owned()];
        assert_eq!(history.owners(19).len(), 2);
        assert_eq!(history.orphans(&keys, 25), ["k", "m"]);
        assert_eq!(history.counts(35), BTreeMap::from([("a", 1), ("b", 1)]));
        assert_eq!(history.longest_gap_ns(&keys[..1], 12, 50), 10);
        assert_eq!(history.longest_gap_ns(&keys[..1], 0, 50), 10);
        assert_eq!(history.longest_gap_ns(&keys, 0, 50), 50);
    }

    #[test]
    fn moves_count_keys_that_changed_their_node() {
        let runs = [
            run("a", "10 start k 1\n10 start l 1\n20 stopped k 1\n21 stopped l 1\n25 start l 2"),
            run("b", "30 start k 2\n31 stopped k 2\n32 start k 3\n60 start m 1"),
        ];
        let moves = History::new(&runs).moves(15, 50);
        let expected = Moves { keys: 1, starts: 3, more_than_once: 1, last_start_ns: Some(32) };
        assert_eq!(moves, expected);
    }
}
