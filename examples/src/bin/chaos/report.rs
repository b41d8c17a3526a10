use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::Failure;
use crate::memory::Trend;

/// What a whole play showed.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) servers: usize,
    /// The servers' program.
    pub(crate) program: String,
    /// The servers' versions, in the order in which they ran.
    pub(crate) versions: Vec<String>,
    pub(crate) workers: usize,
    pub(crate) keys: u32,
    pub(crate) lease_ms: u64,
    pub(crate) seconds: u64,
    pub(crate) rounds: u64,
    /// How often each kind of fault was done.
    pub(crate) faults: BTreeMap<String, u64>,
    /// Faults that could not be done, and why.
    pub(crate) not_done: Vec<String>,
    /// How often a key got an owner.
    pub(crate) starts: u64,
    pub(crate) sessions: u64,
    /// Processes that ended by themselves, by what they said.
    pub(crate) exits: BTreeMap<String, u64>,
    /// Two owners at once, while nothing acknowledged was lost.
    pub(crate) overlaps: u64,
    /// Two owners at once, around a fault that lost acknowledged writes.
    pub(crate) lossy_overlaps: u64,
    pub(crate) longest_lossy_overlap_ms: u64,
    pub(crate) lossy_overlap_limit_ms: u64,
    pub(crate) token_regressions: u64,
    /// What the fencing resource took and refused.
    pub(crate) writes_taken: u64,
    pub(crate) writes_refused: u64,
    /// Times without an owner, counted from the last disturbance, in milliseconds.
    pub(crate) idle: Idle,
    /// What the servers keep for nodes.
    pub(crate) kept: String,
    pub(crate) most_kept: u64,
    pub(crate) left: u64,
    pub(crate) memory: Vec<Trend>,
    pub(crate) violations: Vec<Violation>,
}

/// How long keys were without an owner.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Idle {
    pub(crate) count: u64,
    pub(crate) p50_ms: u64,
    pub(crate) p99_ms: u64,
    pub(crate) most_ms: u64,
    /// The limit, and the one for rounds in which a leader may have had to be elected.
    pub(crate) limit_ms: u64,
    pub(crate) limit_with_election_ms: u64,
    pub(crate) over_limit: u64,
}

/// A rule that was broken, with the faults around it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Violation {
    /// Seconds since the beginning.
    pub(crate) at_s: f64,
    pub(crate) what: String,
    /// What was done in the two minutes before, the last at the end.
    pub(crate) faults: Vec<String>,
    /// What the journals say of the key around it.
    pub(crate) journal: Vec<String>,
}

impl Report {
    /// Prints it, and writes it to the file.
    pub(crate) fn tell(&self, file: Option<&Path>) -> Result<(), Failure> {
        writeln!(io::stdout().lock(), "{self}")?;
        if let Some(file) = file {
            fs::write(file, serde_json::to_vec_pretty(self)?)
                .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, servers, workers, keys, seconds, rounds, .. } = self;
        let versions = self.versions.join(", ");
        let faults: u64 = self.faults.values().sum();
        writeln!(
            f,
            "seed {seed}: {servers} {} {versions}; {workers} workers, {keys} keys, lease {} ms",
            self.program, self.lease_ms
        )?;
        writeln!(f, "{seconds} s, {rounds} rounds, {faults} faults:")?;
        for (name, count) in &self.faults {
            writeln!(f, "  {name:<16} {count:>5}")?;
        }
        for what in &self.not_done {
            writeln!(f, "  not done: {what}")?;
        }
        writeln!(f, "ownership changes          {:>9}", self.starts)?;
        writeln!(f, "sessions                   {:>9}", self.sessions)?;
        writeln!(f, "overlaps, durable faults   {:>9}", self.overlaps)?;
        writeln!(
            f,
            "overlaps, lossy faults     {:>9}, longest {} ms (limit {} ms)",
            self.lossy_overlaps, self.longest_lossy_overlap_ms, self.lossy_overlap_limit_ms
        )?;
        writeln!(f, "token regressions          {:>9}", self.token_regressions)?;
        writeln!(
            f,
            "writes at the resource     {:>9} accepted, {} rejected for a later token",
            self.writes_taken, self.writes_refused
        )?;
        let idle = &self.idle;
        writeln!(
            f,
            "times without an owner     {:>9}, p50 {} ms, p99 {} ms, most {} ms (limit {} ms, {} ms \
             with an election), {} over",
            idle.count,
            idle.p50_ms,
            idle.p99_ms,
            idle.most_ms,
            idle.limit_ms,
            idle.limit_with_election_ms,
            idle.over_limit
        )?;
        writeln!(
            f,
            "{:<26} {:>9} at most, {} left at the end",
            self.kept, self.most_kept, self.left
        )?;
        for Trend { what, early, late, most, .. } in &self.memory {
            let mib = |bytes: &u64| bytes >> 20;
            writeln!(
                f,
                "memory of {what:<16} {:>9} MiB early, {} late, {} most",
                mib(early),
                mib(late),
                mib(most)
            )?;
        }
        for (reason, count) in &self.exits {
            writeln!(f, "node ended {count} times: {reason}")?;
        }
        for violation in &self.violations {
            write!(f, "{violation}")?;
        }
        let count = self.violations.len();
        write!(
            f,
            "{}",
            if count == 0 {
                "no rule was broken".into()
            } else {
                format!("{count} RULES WERE BROKEN")
            }
        )
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "BROKEN at {:.3} s: {}", self.at_s, self.what)?;
        for fault in &self.faults {
            writeln!(f, "    {fault}")?;
        }
        for line in &self.journal {
            writeln!(f, "      {line}")?;
        }
        Ok(())
    }
}
