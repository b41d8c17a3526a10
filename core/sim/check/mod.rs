//! The invariants, one in each file. Some are checked after every step, the others when the faults are
//! over.

mod balance;
mod cool_down;
mod ends;
mod garbage;
mod idle;
mod keys;
mod movement;
mod one_owner;
mod one_run;
mod overlap;
mod plans;
mod quarantine;
mod queues;
mod sessions;
mod tokens;
mod views;

use super::world::World;
use crate::log::{Record, Write};

/// An invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// No two processes hold a key at the same time.
    OneOwner,
    /// A process has one run of a key at a time, and only while it holds the key.
    OneRun,
    /// Tokens rise with every run of a key.
    Tokens,
    /// A session that is over changes nothing, and no claim is overwritten before its session is over.
    Sessions,
    /// No key is lost, and no unknown key runs.
    Keys,
    /// Every view equals the log.
    Views,
    /// Equal views give equal plans.
    Plans,
    /// Every node has its share.
    Balance,
    /// Nothing moves without need, and nothing is done twice.
    Movement,
    /// A released key does not return during its cool-down.
    CoolDown,
    /// A key in quarantine does not start.
    Quarantine,
    /// An idle group writes only heartbeats.
    Idle,
    /// Every command to a node is answered within its documented bound.
    Ends,
    /// The tables of a node are bounded.
    Queues,
    /// Unreadable records are counted, and do no harm.
    Garbage,
    /// A core panicked.
    Panic,
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) check: Check,
    pub(super) what: String,
}

/// The state that the invariants keep.
#[derive(Debug, Default)]
pub(super) struct Checks {
    tokens: tokens::Tokens,
    sessions: sessions::Sessions,
    keys: keys::Announced,
    pub(super) overlaps: overlap::Overlaps,
    pub(super) plans: plans::Plans,
    ends: ends::Ends,
    retried: quarantine::Retried,
}

impl World {
    /// A write has landed: the record before it, and the process that wrote it.
    pub(super) fn check_write(
        &mut self,
        place: usize,
        epoch: u32,
        write: &Write,
        before: Option<&Record>,
    ) {
        self.note_token(write);
        self.check_lease_write(place, write);
        self.check_claim_write((place, epoch), write, before);
        self.check_cool_down(write, before);
        self.check_quarantine(write, before);
        self.check_member_write(place, write, before);
        self.check_completion(place, epoch, write, before);
    }
}
