//! Faults at a moment of the protocol instead of at a time.

use super::faults::Fault;
use super::world::World;

/// A moment of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// A lease record leaves its process.
    LeaseSent,
    /// It is in the log, and no process knows.
    LeaseLanded,
    /// Its process knows, and the watch has not delivered it.
    LeaseAcked,
    /// A claim leaves its process: a take-over or a hand-over.
    ClaimSent,
    /// It is in the log, and no process knows.
    ClaimLanded,
    /// Its process knows, and the watch has not delivered it.
    ClaimAcked,
    /// The application received a start, and has not taken it.
    StartTold,
    /// The application has confirmed a stop, and the hand-over is not written.
    Confirmed,
}

impl Moment {
    const ALL: [Self; 8] = [
        Self::LeaseSent,
        Self::LeaseLanded,
        Self::LeaseAcked,
        Self::ClaimSent,
        Self::ClaimLanded,
        Self::ClaimAcked,
        Self::StartTold,
        Self::Confirmed,
    ];

    pub(super) fn any(rng: &mut fastrand::Rng) -> Self {
        Self::ALL[rng.usize(..Self::ALL.len())]
    }
}

/// The fault for a process that reaches a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Blow {
    /// It pauses for this many leases.
    Pause(f64),
    /// Its messages, its answers or both are lost for this many leases.
    Cut { out: bool, back: bool, leases: f64 },
    /// It crashes.
    Crash,
    /// Its watches break.
    BreakWatches,
    /// Its watches deliver nothing, without ending.
    Silence,
}

/// A moment, how many times it passes unharmed, and the fault after that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trap {
    pub(super) moment: Moment,
    pub(super) skip: u32,
    pub(super) blow: Blow,
}

impl World {
    /// A process has reached a moment. Springs the trap for it.
    pub(super) fn spring(&mut self, place: usize, moment: Moment) {
        let Some(at) = self.traps.iter().position(|trap| trap.moment == moment) else { return };
        if self.traps[at].skip > 0 {
            self.traps[at].skip -= 1;
            return;
        }
        let Trap { blow, .. } = self.traps.remove(at);
        self.counts.traps += 1;
        self.tell(|| format!("        at {moment:?} of {place}: {blow:?}"));
        let fault = match blow {
            Blow::Pause(leases) => Fault::Pause(place, self.lease.mul_f64(leases)),
            Blow::Cut { out, back, leases } => {
                Fault::Cut(place, out, back, self.lease.mul_f64(leases))
            }
            Blow::Crash => Fault::Crash(place),
            Blow::BreakWatches => Fault::BreakWatches(place),
            Blow::Silence => Fault::SilenceWatches(place),
        };
        self.fault(fault);
    }
}
