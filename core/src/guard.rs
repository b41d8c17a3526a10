//! Guards: rules that a test can break, to show that the simulation detects it. `sim/README.md` lists
//! them. The library that ships has none of this; outside tests [`broken!`] is `false`.

/// A rule that keeps the protocol safe or live. Each comment says what a node does while the rule is
/// broken.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    // Leases, for the session that has one.
    /// Counts the lease from the acknowledgement of a renewal.
    LeaseFromSend,
    /// Extends the lease by any renewal in flight, not by the one that the record shows.
    BeatInRecord,
    /// Writes heartbeats over any record.
    HeartbeatCas,
    /// Keeps its keys when its lease is about to end.
    SelfFence,
    /// Joins again at once after a fence.
    QuietBeforeRejoin,
    /// Ends a cancelled session while its work still runs.
    QuietBeforeEnd,
    /// Continues after another process took over its id.
    ReplacedIsOver,
    /// Stops its clock while the machine is suspended.
    ClockInSuspend,
    /// Continues although its own heartbeats do not come back.
    Echo,
    // Leases, for observers.
    /// Waits for the length of a lease only, without rate error and grace.
    Grace,
    /// Ends a lease by overwriting any record.
    KillCas,
    /// Takes a key without proof that its owner's session is over.
    ProofOfDeath,
    /// Treats a session without a lease record as dead.
    AbsentIsNotDead,
    /// Deletes a member record of any revision.
    MemberCas,
    /// Takes the keys of a node that restarts at once.
    AwayIsKept,
    // Claims.
    /// Starts a key when its claim is sent.
    StartAfterAck,
    /// Takes a start at any time.
    StartInTime,
    /// Treats a claim of an older session as its own.
    OwnSession,
    /// Treats a conflict as success.
    ConflictIsFailure,
    /// Treats an unknown outcome as success.
    UnknownIsDoubt,
    /// Starts a key before the end of its earlier run is confirmed.
    OneRun,
    /// Writes a hand-over when the stop is sent.
    HandAfterStop,
    /// Takes a stop back after it was sent.
    StopIsFinal,
    /// Hands a key over before the time for its stop has passed.
    StopTimeout,
    /// Counts the confirmation of any run for the newest run.
    ConfirmToken,
    /// Starts a key again on a revision over which a hand-over of unknown outcome was sent.
    HandOnce,
    /// Deletes a claim of any revision.
    DeleteCas,
    /// Completes a key although it was announced again.
    CompleteCas,
    /// Takes an unreadable claim at once.
    GarbagePatience,
    /// Leaves a key to its planned owner for ever.
    Fallback,
    /// Takes an orphan at the same time as all other eligible nodes.
    FallbackDelay,
    /// Gets a released key back at once.
    CoolDown,
    /// Takes a key that is in quarantine.
    QuarantineIsKept,
    /// Makes tokens from the clock only, not above the last one.
    TokenAboveLast,
    /// Makes tokens from the next revision of the log.
    TokenNotRevision,
    // A faulty store.
    /// Treats what a snapshot does not show as gone, without a leader read.
    AbsenceIsAsked,
    /// Continues a watch at its position although the log is another one.
    FreshSnapshot,
    /// Starts a claim from before the view was read again, without writing it again.
    TokenFloor,
    /// Does not read the log again after it lost its tail.
    LossIsFollowed,
    /// Counts a superseded record that a crash of the store shows again.
    SupersededIsGone,
    /// Lets a tombstone expire before a manifest covers it.
    CoveredGoes,
}

#[cfg(test)]
thread_local! {
    static BROKEN: std::cell::Cell<Option<Guard>> = const { std::cell::Cell::new(None) };
}

/// Breaks one guard, or none, for all later code on this thread.
#[cfg(test)]
pub(crate) fn break_guard(guard: Option<Guard>) {
    BROKEN.set(guard);
}

/// Whether a test has broken this guard.
#[cfg(test)]
pub(crate) fn is_broken(guard: Guard) -> bool {
    BROKEN.get() == Some(guard)
}

/// Whether a test has broken this guard.
#[cfg(test)]
macro_rules! broken {
    ($guard:ident) => {
        $crate::guard::is_broken($crate::guard::Guard::$guard)
    };
}

/// Outside tests no guard is broken.
#[cfg(not(test))]
macro_rules! broken {
    ($guard:ident) => {
        false
    };
}

pub(crate) use broken;
