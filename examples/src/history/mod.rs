//! What the journals of all workers prove together: who held which key when.
//!
//! A worker holds a key from the line with which it starts to the line it writes before it confirms
//! the stop. A process that was killed holds nothing from its end. One that was frozen holds nothing
//! from the freeze to its first line after waking, if that line says that it knows: `fenced` or
//! `lost`.

mod broken;
mod hold;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::journal::{Entry, What};

pub use self::broken::Broken;
pub use self::hold::{Hold, Run};

/// All that was held by whom and when.
#[derive(Debug, Default)]
pub struct History {
    /// By key, in the order of their starts.
    holds: BTreeMap<String, Vec<Hold>>,
    runs: Vec<Reading>,
    /// Broken rules that the holds do not show, or no more.
    found: Vec<Broken>,
    broken: Vec<Broken>,
    woke_after_ns: Vec<u64>,
    starts: u64,
}

/// How far a run has been read.
#[derive(Debug, Default)]
struct Reading {
    /// The keys that it holds.
    open: BTreeSet<String>,
    /// The naps that it has woken from.
    naps: usize,
}

impl History {
    /// Reads the runs and checks every rule.
    pub fn new(runs: &[Run]) -> Self {
        let mut history = Self::default();
        for (index, run) in runs.iter().enumerate() {
            history.read(index, run);
        }
        history.judge();
        history
    }

    /// Goes on with a run: with the entries that were not read before, and all else that is known of
    /// it now. [`judge`](Self::judge) then checks.
    pub fn read(&mut self, run: usize, news: &Run) {
        if self.runs.len() <= run {
            self.runs.resize_with(run + 1, Reading::default);
        }
        // Threads may write in another order than they read the clock in.
        let mut entries: Vec<&Entry> = news.entries.iter().collect();
        entries.sort_by_key(|entry| entry.at_ns);
        for entry in entries {
            // A line from before a nap ended was written before it began.
            let unwoken = news.frozen_ns.iter().skip(self.runs[run].naps);
            let woken = unwoken.take_while(|nap| nap.1 <= entry.at_ns).count();
            for _ in 0..woken {
                let (asleep, awake) = news.frozen_ns[self.runs[run].naps];
                self.runs[run].naps += 1;
                self.wake(run, entry, awake);
                self.close_all(run, asleep);
            }
            self.read_entry(run, entry);
        }
        let asleep = news.frozen_ns.get(self.runs[run].naps).map(|nap| nap.0);
        self.hold_until(run, asleep.or(news.ended_ns).unwrap_or(u64::MAX));
    }

    /// Checks the holds for every rule.
    pub fn judge(&mut self) {
        self.broken.clone_from(&self.found);
        for holds in self.holds.values() {
            self.broken.extend(broken::overlaps(holds));
            self.broken.extend(broken::fallen_tokens(holds));
        }
    }

    /// Forgets holds that ended before the moment, but for each key's last, after they were judged:
    /// what long plays need. What was broken stays known.
    pub fn forget_before(&mut self, at_ns: u64) {
        self.judge();
        let mut kept_from = BTreeMap::new();
        for (key, holds) in &mut self.holds {
            let old = holds.iter().take_while(|hold| hold.until_ns < at_ns).count();
            holds.drain(..old.min(holds.len() - 1));
            kept_from.insert(key.as_str(), holds[0].from_ns);
        }
        let is_found_again = |broken: &Broken| {
            let pair = broken.pair();
            pair.is_some_and(|(first, _)| kept_from[first.key.as_str()] <= first.from_ns)
        };
        self.found = self.broken.iter().filter(|it| !is_found_again(it)).cloned().collect();
    }

    /// Every rule that was broken, worst first within a key.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// How long each frozen process needed from its waking to its first line.
    pub fn woke_after_ns(&self) -> &[u64] {
        &self.woke_after_ns
    }

    /// How many times a key was started, all keys together.
    pub fn starts(&self) -> u64 {
        self.starts
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

    /// The times within the span in which a key had no holder.
    pub fn gaps(&self, key: &str, from_ns: u64, until_ns: u64) -> Vec<(u64, u64)> {
        let (mut held_to, mut gaps) = (from_ns, Vec::new());
        let within = |hold: &&Hold| hold.until_ns > from_ns && hold.from_ns < until_ns;
        for hold in self.holds(key).iter().filter(within) {
            if hold.from_ns > held_to {
                gaps.push((held_to, hold.from_ns));
            }
            held_to = held_to.max(hold.until_ns);
        }
        if until_ns > held_to {
            gaps.push((held_to, until_ns));
        }
        gaps
    }

    fn wake(&mut self, run: usize, first: &Entry, awake_ns: u64) {
        self.woke_after_ns.push(first.at_ns - awake_ns);
        let knows = match first.event {
            What::Fenced | What::Lost => true,
            // Without anything to lose it may say what it does next.
            _ => self.runs[run].open.is_empty() && first.event == What::Joined,
        };
        if !knows {
            self.found.push(Broken::WokeUnaware(first.clone()));
        }
    }

    fn read_entry(&mut self, run: usize, entry: &Entry) {
        let Some(key) = entry.key.as_deref() else { return };
        match entry.event {
            What::Start => self.start(run, key, entry),
            What::Stopped if self.runs[run].open.remove(key) => self.close(run, key, entry.at_ns),
            // After a nap its holds were closed where the nap began.
            What::Stopped if !self.was_held(run, key, entry.token) => {
                self.found.push(Broken::StoppedUnstarted(entry.clone()));
            }
            _ => {}
        }
    }

    fn start(&mut self, run: usize, key: &str, entry: &Entry) {
        self.starts += 1;
        if !self.runs[run].open.insert(key.to_owned()) {
            self.close(run, key, entry.at_ns);
            let unstopped = self.last_of(run, key).expect("it is open").clone();
            self.found.push(Broken::StartedTwice(unstopped));
        }
        let hold = Hold {
            key: key.to_owned(),
            node: entry.node.clone(),
            run,
            token: entry.token.unwrap_or(0),
            from_ns: entry.at_ns,
            until_ns: u64::MAX,
        };
        let holds = self.holds.entry(hold.key.clone()).or_default();
        let place = holds.iter().rposition(|before| before.from_ns <= hold.from_ns);
        holds.insert(place.map_or(0, |before| before + 1), hold);
    }

    fn was_held(&self, run: usize, key: &str, token: Option<u64>) -> bool {
        self.holds(key).iter().any(|hold| hold.run == run && Some(hold.token) == token)
    }

    fn last_of(&mut self, run: usize, key: &str) -> Option<&mut Hold> {
        self.holds.get_mut(key)?.iter_mut().rev().find(|hold| hold.run == run)
    }

    fn close(&mut self, run: usize, key: &str, at_ns: u64) {
        if let Some(hold) = self.last_of(run, key) {
            hold.until_ns = at_ns;
        }
    }

    fn close_all(&mut self, run: usize, at_ns: u64) {
        self.hold_until(run, at_ns);
        self.runs[run].open.clear();
    }

    /// What the run holds it does so until then, as far as is known.
    fn hold_until(&mut self, run: usize, at_ns: u64) {
        let open = std::mem::take(&mut self.runs[run].open);
        for key in &open {
            self.close(run, key, at_ns);
        }
        self.runs[run].open = open;
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
