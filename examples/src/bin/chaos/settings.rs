use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use divider::{MAX_LEASE, MIN_LEASE};
use divider_examples::span::parse_span;
use divider_local_server::Version;

use crate::bed::Backend;

/// What can be chosen.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Duration in minutes
    #[arg(long, value_name = "N", default_value_t = 60.0, value_parser = parse_minutes, allow_negative_numbers = true)]
    pub(crate) minutes: f64,
    /// The backend that the group is on
    #[arg(long, value_name = "BACKEND", value_enum, default_value_t)]
    pub(crate) store: Backend,
    /// Number of servers: 1, or of NATS 3 with the group on all of them, of PostgreSQL 2 (a primary and its synchronous standby), of Redis 3 (a primary and two replicas, with three Sentinels)
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) servers: usize,
    /// Number of worker processes
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(3..=40))]
    pub(crate) workers: u16,
    /// Number of keys that exist all the time
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub(crate) keys: u32,
    /// Number of other keys that are announced or retracted each second
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) churn: u32,
    /// The workers' lease [default: 3s, on three nats-servers 9s]
    #[arg(long, value_name = "SPAN", value_parser = parse_lease)]
    pub(crate) lease: Option<Duration>,
    /// Seed of the schedule; the same seed gives the same schedule [default: random]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The nats-servers' version at the start, such as 2.11.11 [default: the version found]; of other servers the installed one runs
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    pub(crate) version: Option<Version>,
    /// Only these faults, separated by commas: see the end of the help
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Added to every time limit, for busy machines
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "0s")]
    pub(crate) slack: Duration,
    /// Also write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Keep all journals and the workers' and servers' logs here if a rule is broken
    #[arg(long, value_name = "FOLDER")]
    pub(crate) evidence: Option<PathBuf>,
}

impl Settings {
    /// What is wrong with the choices together, if anything is.
    pub(crate) fn check(&self) -> Result<(), String> {
        let possible = self.store.servers();
        if !possible.contains(&self.servers) {
            let possible: Vec<String> = possible.iter().map(ToString::to_string).collect();
            let possible = possible.join(" or ");
            return Err(format!(
                "expected {possible} servers with {}, found {}",
                self.store, self.servers
            ));
        }
        if self.version.is_some() && self.store != Backend::Nats {
            return Err(format!("--version is for nats, found {}", self.store));
        }
        self.check_faults()
    }

    fn check_faults(&self) -> Result<(), String> {
        let faults = self.store.faults();
        let is_known = |name: &String| faults.iter().any(|kind| kind.name == name);
        if let Some(unknown) = self.only.iter().find(|name| !is_known(name)) {
            let others = self.store.others_with(unknown);
            let found = match &others[..] {
                [] => format!("unknown fault {unknown:?}"),
                others => format!("the fault {unknown:?} is for {}", others.join(" and ")),
            };
            let names: Vec<&str> = faults.iter().map(|kind| kind.name).collect();
            return Err(format!(
                "{found}, expected with {} one of {}",
                self.store,
                names.join(", ")
            ));
        }
        let wanted = faults.iter().filter(|kind| self.only.iter().any(|name| name == kind.name));
        let mut wanted = wanted.peekable();
        if wanted.peek().is_some() && wanted.all(|kind| kind.servers > self.servers) {
            return Err(format!(
                "none of these faults works with {} server: {}",
                self.servers,
                self.only.join(", ")
            ));
        }
        Ok(())
    }

    /// The lease of all workers.
    pub(crate) fn lease(&self) -> Duration {
        // An election takes 5 to 8 s: now and then it costs the leases on three servers, too.
        let elects = self.store == Backend::Nats && self.servers > 1;
        let usual = Duration::from_secs(if elects { 9 } else { 3 });
        self.lease.unwrap_or(usual)
    }
}

fn parse_minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse().ok().filter(|minutes| (0.001..100_000.0).contains(minutes));
    minutes.ok_or_else(|| format!("expected a number of minutes above 0, found {text:?}"))
}

fn parse_lease(text: &str) -> Result<Duration, String> {
    let lease = parse_span(text)?;
    if (MIN_LEASE..=MAX_LEASE).contains(&lease) {
        return Ok(lease);
    }
    Err(format!("expected {MIN_LEASE:?} to {MAX_LEASE:?}, found {lease:?}"))
}

fn parse_version(text: &str) -> Result<Version, String> {
    text.parse().map_err(|()| format!("expected a version such as 2.15.1, found {text:?}"))
}
