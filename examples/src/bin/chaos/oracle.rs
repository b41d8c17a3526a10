//! What must hold, judged by the workers' journals and the announcer's book.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use divider_examples::history::{Broken, History};
use divider_examples::journal::{self, now_ns};

use crate::arena::Arena;
use crate::book::{Book, Line, Stand};
use crate::disturbance::{Disturbance, undisturbed};
use crate::report::{Idle, Report, Violation};

/// How long before a violation faults and journals are told of.
const AROUND_NS: u64 = 120_000_000_000;

/// More violations than this are counted and not told.
const MOST_TOLD: usize = 10;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From the last disturbance to an owner for every key.
    pub(crate) idle: Duration,
    /// The same where a leader may have to be elected.
    pub(crate) idle_with_election: Duration,
    /// What is added where claims became unreadable: four observer's times.
    pub(crate) garbage: Duration,
    /// For which a key may have two owners when acknowledged writes were lost.
    pub(crate) lossy_overlap: Duration,
    /// How long after that this may begin: until every node has noticed.
    pub(crate) notice: Duration,
}

impl Limits {
    /// Those of nodes with this lease: an observer's time, three heartbeats and a second, and three
    /// seconds for joins to settle.
    pub(crate) fn new(lease: Duration, slack: Duration) -> Self {
        let observed = lease.mul_f64(1.01) + (lease / 20).max(Duration::from_millis(25));
        let idle = observed + lease / 2 + Duration::from_secs(1 + 3) + slack;
        let answer = (lease / 12).clamp(Duration::from_millis(50), Duration::from_secs(2));
        // Two heartbeats to notice, a stop budget to stop, and a second.
        let lossy_overlap = lease / 2 + answer + Duration::from_secs(1) + slack;
        let notice = lease * 2 + Duration::from_secs(3) + slack;
        let idle_with_election = idle + Duration::from_secs(9);
        Self { idle, idle_with_election, garbage: observed * 3, lossy_overlap, notice }
    }
}

/// What is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Amiss {
    pub(crate) what: String,
    /// A key that it is about.
    pub(crate) key: Option<String>,
}

/// Follows everything.
pub(crate) struct Oracle {
    pub(crate) history: History,
    pub(crate) limits: Limits,
    begun_ns: u64,
    disturbances: Vec<Disturbance>,
    /// Times around faults that lost acknowledged writes.
    lossy: Vec<(u64, u64)>,
    known: BTreeSet<String>,
    idle_ms: Vec<u64>,
    over_limit: u64,
    pub(crate) violations: Vec<Violation>,
}

impl Oracle {
    /// One that has seen nothing.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            history: History::default(),
            limits,
            begun_ns: now_ns(),
            disturbances: Vec::new(),
            lossy: Vec::new(),
            known: BTreeSet::new(),
            idle_ms: Vec::new(),
            over_limit: 0,
            violations: Vec::new(),
        }
    }

    /// Seconds since the beginning.
    pub(crate) fn seconds(&self, at_ns: u64) -> f64 {
        Duration::from_nanos(at_ns.saturating_sub(self.begun_ns)).as_secs_f64()
    }

    /// Something was done, or is being done.
    pub(crate) fn disturb(&mut self, from_ns: u64, until_ns: u64, what: String) -> usize {
        self.disturbances.push(Disturbance { from_ns, until_ns, what });
        self.disturbances.len() - 1
    }

    /// What was begun in this round is over, if it lasted.
    pub(crate) fn calm_if_lasting(&mut self, disturbance: usize, until_ns: u64) {
        if let Some(it) =
            self.disturbances.get_mut(disturbance).filter(|it| it.until_ns == u64::MAX)
        {
            it.until_ns = until_ns;
        }
    }

    /// The end of the last disturbance.
    pub(crate) fn disturbed_ns(&self) -> u64 {
        self.disturbances.iter().map(|it| it.until_ns).max().unwrap_or(self.begun_ns)
    }

    /// What acknowledged writes were lost around.
    pub(crate) fn allow_overlaps(&mut self, from_ns: u64, until_ns: u64) {
        self.lossy.push((from_ns, until_ns));
    }

    /// What is not as the book says, with the first key of it; nothing if all is well. Keys that came
    /// or went less than the limit ago may still be on their way.
    pub(crate) fn amiss(
        &self,
        book: &BTreeMap<String, Line>,
        nodes: &[String],
        limit: Duration,
    ) -> Option<Amiss> {
        let now = now_ns();
        let fresh_ns = now.saturating_sub(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        let owners = self.history.owners(now);
        let is_settled =
            |key: &str, line: &Line| line.since_ns < fresh_ns || !Book::is_changing(key);
        let settled = book.iter().filter(|(key, line)| is_settled(key, line));
        let (mut idle, mut extra) = (Vec::new(), Vec::new());
        for (key, line) in settled {
            match (line.stand, owners.get(key.as_str())) {
                (Stand::Exists, None) => idle.push(key.as_str()),
                (Stand::Gone, Some(_)) => extra.push(key.as_str()),
                _ => {}
            }
        }
        let busy: BTreeSet<&str> = owners.values().copied().collect();
        let empty: Vec<&str> =
            nodes.iter().map(String::as_str).filter(|node| !busy.contains(node)).collect();
        if idle.is_empty() && extra.is_empty() && empty.is_empty() {
            return None;
        }
        let what = format!(
            "{} keys have no owner ({}), {} have one and do not exist ({}), nodes without any: {}",
            idle.len(),
            first(&idle),
            extra.len(),
            first(&extra),
            first(&empty),
        );
        Some(Amiss { what, key: idle.first().or(extra.first()).map(|&key| key.to_owned()) })
    }

    /// Judges what happened since the moment, which is when all was well before.
    pub(crate) fn judge(&mut self, arena: &Arena, from_ns: u64, idle_limit: Duration) {
        self.history.judge();
        let news: Vec<Broken> = self.history.broken().to_vec();
        for broken in news {
            if self.known.insert(identity(&broken)) && !self.is_allowed(&broken) {
                let key = broken.pair().map(|(first, _)| first.key.clone());
                self.violate(arena, broken.to_string(), key.as_deref());
            }
        }
        self.judge_idle(arena, from_ns, idle_limit);
        self.judge_clashes(arena);
        self.history.forget_before(from_ns.saturating_sub(AROUND_NS));
        let old_ns = from_ns.saturating_sub(AROUND_NS);
        self.disturbances.retain(|it| it.until_ns > old_ns);
    }

    /// A rule was broken.
    pub(crate) fn violate(&mut self, arena: &Arena, what: String, key: Option<&str>) {
        let now = now_ns();
        let told = self.violations.len() < MOST_TOLD;
        let faults = self.disturbances.iter().map(|it| {
            let until = match it.until_ns {
                u64::MAX => "on".to_owned(),
                until_ns => format!("{:.3} s", self.seconds(until_ns)),
            };
            format!("{:.3} s to {until}: {}", self.seconds(it.from_ns), it.what)
        });
        let faults = if told { faults.collect() } else { Vec::new() };
        let journal = match key {
            Some(key) if told => self.excerpt(arena, key),
            _ => Vec::new(),
        };
        self.violations.push(Violation { at_s: self.seconds(now), what, faults, journal });
    }

    /// Fills in what it saw.
    pub(crate) fn report(&self, report: &mut Report) {
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        report.starts = self.history.starts();
        for broken in self.history.broken() {
            match broken {
                Broken::Overlap { for_ns, .. } if self.is_lossy(broken) => {
                    report.lossy_overlaps += 1;
                    let longest = &mut report.longest_lossy_overlap_ms;
                    *longest = (*longest).max(for_ns / 1_000_000);
                }
                Broken::Overlap { .. } => report.overlaps += 1,
                Broken::TokenFell { .. } => report.token_regressions += 1,
                _ => {}
            }
        }
        report.lossy_overlap_limit_ms = ms(self.limits.lossy_overlap);
        let mut idle = self.idle_ms.clone();
        idle.sort_unstable();
        let at = |part: usize| idle.get(idle.len() * part / 100).copied().unwrap_or(0);
        report.idle = Idle {
            count: idle.len() as u64,
            p50_ms: at(50),
            p99_ms: at(99),
            most_ms: idle.last().copied().unwrap_or(0),
            limit_ms: ms(self.limits.idle),
            limit_with_election_ms: ms(self.limits.idle_with_election),
            over_limit: self.over_limit,
        };
        report.violations.clone_from(&self.violations);
    }

    fn is_lossy(&self, broken: &Broken) -> bool {
        let Broken::Overlap { second, .. } = broken else { return false };
        self.lossy.iter().any(|&(from, until)| (from..until).contains(&second.from_ns))
    }

    fn is_allowed(&self, broken: &Broken) -> bool {
        let Broken::Overlap { first, second, for_ns } = broken else { return false };
        let in_time = u128::from(*for_ns) <= self.limits.lossy_overlap.as_nanos();
        self.is_lossy(broken) && in_time && first.token < second.token
    }

    fn judge_idle(&mut self, arena: &Arena, from_ns: u64, limit: Duration) {
        let now = now_ns();
        let mut late = Vec::new();
        for key in &arena.book.steady {
            for gap in self.history.gaps(key, from_ns, now) {
                let idle = Duration::from_nanos(undisturbed(gap, &self.disturbances));
                self.idle_ms.push(u64::try_from(idle.as_millis()).unwrap_or(u64::MAX));
                if idle > limit {
                    late.push((idle, gap, key.clone()));
                }
            }
        }
        self.over_limit += late.len() as u64;
        late.sort();
        // They have one reason, mostly: the worst is told.
        if let Some((idle, gap, key)) = late.last() {
            let what = format!(
                "{key} had no owner for {idle:?}, from {:.3} s to {:.3} s, at most {limit:?} is \
                 allowed, and so {} others",
                self.seconds(gap.0),
                self.seconds(gap.1),
                late.len() - 1
            );
            self.violate(arena, what, Some(key));
        }
    }

    fn judge_clashes(&mut self, arena: &Arena) {
        let clashes = arena.resource.look(|ledger| ledger.clashes().to_vec());
        for clash in clashes {
            let what = format!("{clash:?}");
            if self.known.insert(what.clone()) {
                self.violate(arena, what, None);
            }
        }
    }

    /// What all journals say of a key, and of sessions, in the time before now.
    fn excerpt(&self, arena: &Arena, key: &str) -> Vec<String> {
        let from_ns = now_ns().saturating_sub(AROUND_NS);
        let mut entries = Vec::new();
        for path in arena.workers.journals() {
            // A journal that cannot be read now was read before, or nothing would be broken.
            entries.extend(journal::read(path).unwrap_or_default());
        }
        entries.retain(|it| it.at_ns > from_ns && it.key.as_deref().is_none_or(|of| of == key));
        entries.sort_by_key(|entry| entry.at_ns);
        let told = entries.iter().map(|entry| {
            let at = self.seconds(entry.at_ns);
            let event = format!("{:?}", entry.event).to_lowercase();
            let token = entry.token.map(|token| format!(" token {token}")).unwrap_or_default();
            let of = entry.key.as_deref().unwrap_or_default();
            let reason = entry.reason.as_deref().unwrap_or_default();
            format!("{at:.3} s {} {event} {of}{token} {reason}", entry.node)
        });
        told.chain(arena.records(key)).collect()
    }
}

/// What tells one broken rule from another, and stays the same while it lasts.
fn identity(broken: &Broken) -> String {
    match broken {
        Broken::Overlap { first, second, .. } => {
            format!("overlap {} {} {}", first.key, first.from_ns, second.from_ns)
        }
        other => other.to_string(),
    }
}

fn first(of: &[&str]) -> String {
    let some: Vec<&str> = of.iter().take(3).copied().collect();
    some.join(" ")
}
