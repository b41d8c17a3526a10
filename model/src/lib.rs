//! A model of divider's leases, claims and hand-overs, checked in every order of events.
//!
//! It is written from `PROTOCOL.md`, beside the code and not of it: a second statement of the rules,
//! small enough that *every* state of a small group can be looked at. The simulation runs the real
//! core through very many histories; the model knows no real core, and leaves out no history.
//!
//! What must hold is in [`properties`](ALWAYS): one owner, tokens rise, one run. What has to happen in
//! some state, lest the rest says nothing, is there too. [`Guard`] lists the rules; without any one of
//! them the model finds a way to break what must hold, and `tests/guards.rs` keeps each of those ways.
//!
//! # What is in it
//!
//! Writes that are lost or land late, in any order, also those of sessions long over; answers that
//! are lost; nodes that pause for any time; nodes that come back under a new session; clocks that
//! differ; member records and views that are read anew, record by record in any order (so also in that
//! of a snapshot, which is no cut); lease records that expire; a log that loses what it acknowledged.
//! A lease is three ticks long. Who takes a key and who is given one is left to chance: what the plan
//! chooses is among that.
//!
//! # What is not
//!
//! Records that cannot be read, claims that are deleted, two processes under one id, an
//! answer of a deposed leader, and a revision that is given out a second time after a loss.
//! Progress: that something good happens in the end is for the simulation to show.

mod action;
mod claims;
mod gone;
mod group;
mod guards;
mod log;
mod properties;
mod run;
mod scope;
mod sessions;
mod shape;
mod state;

pub use action::Action;
pub use gone::{GONE, Gone, GoneRule, Names, STANDS, Step};
pub use group::Group;
pub use guards::Guard;
pub use properties::{ALWAYS, ONE_OWNER, ONE_RUN, TOKENS_RISE};
pub use run::{Found, Limits, Run, run};
pub use scope::Scope;
