//! Scenarios: scripts in virtual time of cases that broke earlier drafts of the protocol.
//!
//! Each test runs real cores over the simulated log. The script says which nodes start, which
//! messages are lost or held back, and what the application does. Any scenario fails if a key has
//! two owners, if a token does not rise, or if a run starts before the earlier one is over.

#![expect(clippy::unchecked_time_subtraction, reason = "a script that gets its spans wrong fails")]

mod absences;
mod attempts;
mod auditing;
mod balancing;
mod bounds;
mod casts;
mod claims;
mod clearing;
mod collecting;
mod ending;
mod fate;
mod finishing;
mod forged;
mod freezing;
mod garbage;
mod giving;
mod handing;
mod joining;
mod leases;
mod leaving;
mod link;
mod members;
mod mixes;
mod moving;
mod notices;
mod observing;
mod overlapping;
mod placing;
mod planning;
mod play;
mod player;
mod proofs;
mod quarantine;
mod renewals;
mod requested;
mod restarting;
mod resyncs;
mod returning;
mod rights;
mod rollouts;
mod script;
mod settling;
mod snapshots;
mod stale_claims;
mod stopping;
mod stops;
mod timing;
mod uncollected;
mod unnamed;
mod watches;

use std::time::Duration;

/// A lease whose spans are round numbers.
const LEASE: Duration = Duration::from_secs(3);
/// A sixth of the lease: the heartbeat interval, and the stop budget.
const BEAT: Duration = Duration::from_millis(500);
const MS: Duration = Duration::from_millis(1);
