//! What must hold: one invariant a file. Some are looked at after every step, the others once the
//! faults are over.

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
mod queues;
mod sessions;
mod tokens;
mod views;

use super::world::World;
use crate::log::{Record, Write};

/// An invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// No two processes hold a key at the same moment.
    OneOwner,
    /// A process runs a key once at a time, and only while it holds it.
    OneRun,
    /// Tokens rise with every run of a key.
    Tokens,
    /// A session that is over changes nothing, and nobody else's claim is written over before.
    Sessions,
    /// No key is lost, and none is invented.
    Keys,
    /// Everybody's view is what the log says.
    Views,
    /// The same view is the same plan.
    Plans,
    /// Everybody has its share.
    Balance,
    /// Nothing moves that need not, and nothing twice.
    Movement,
    /// A released key does not come back at once.
    CoolDown,
    /// Who has nothing to do does nothing.
    Idle,
    /// Everything that is asked of a node is answered in the time that its documentation states.
    Ends,
    /// What a node keeps is bounded.
    Queues,
    /// What cannot be read is counted, and harms nobody.
    Garbage,
    /// A core failed.
    Panic,
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) check: Check,
    pub(super) what: String,
}

/// What the invariants remember.
#[derive(Debug, Default)]
pub(super) struct Checks {
    tokens: tokens::Tokens,
    sessions: sessions::Sessions,
    keys: keys::Announced,
    pub(super) overlaps: overlap::Overlaps,
    pub(super) plans: plans::Plans,
    ends: ends::Ends,
}

impl World {
    /// A process's write has landed: what stood there before, and who wrote over it.
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
        self.check_member_write(place, write, before);
        self.check_completion(place, epoch, write, before);
    }
}
