//! The scenarios that broke earlier drafts of the protocol, each as a script in virtual time.
//!
//! Every test tells one story with real cores over the simulated log: who starts, which message is
//! lost or held back, what the application does. Two owners at a time, a token that does not grow,
//! and a start before the run before it is over fail any of them.

#![expect(clippy::unchecked_time_subtraction, reason = "a script that gets its spans wrong fails")]

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
mod litter;
mod members;
mod mixes;
mod moving;
mod observing;
mod overlapping;
mod placing;
mod planning;
mod play;
mod player;
mod proofs;
mod questions;
mod renewals;
mod resyncs;
mod returning;
mod rights;
mod script;
mod settling;
mod snapshots;
mod stopping;
mod stops;
mod telling;
mod timing;
mod uncollected;
mod watches;

use std::time::Duration;

/// A lease whose spans are round numbers.
const LEASE: Duration = Duration::from_secs(3);
/// A sixth of it: the heartbeat, and the stop budget.
const BEAT: Duration = Duration::from_millis(500);
const MS: Duration = Duration::from_millis(1);
