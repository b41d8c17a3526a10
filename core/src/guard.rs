//! The guards that a test can break, to see that the simulation notices: `sim/README.md` has the
//! table. Nothing of this is in the library that ships; outside tests [`broken!`] is `false`.

/// A rule that keeps the protocol sound. Each says what happens where it is broken.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    // Leases, as their holder sees them.
    /// The lease is counted from the acknowledgement.
    LeaseFromSend,
    /// Any attempt that is on its way extends the lease, not the one that the record shows.
    BeatInRecord,
    /// A heartbeat is written over anything.
    HeartbeatCas,
    /// A node does not let go when its lease is about to end.
    SelfFence,
    /// A fenced node comes back at once.
    QuietBeforeRejoin,
    /// A cancelled node ends its session under running work.
    QuietBeforeEnd,
    /// A node whose id was taken over fights for it.
    ReplacedIsOver,
    /// The clock stops while the machine is suspended.
    ClockInSuspend,
    /// A node that does not see its own heartbeats goes on.
    Echo,
    // Leases, as others see them.
    /// An observer waits for the lease alone: no rate error, no grace.
    Grace,
    /// A lease is ended by writing over anything.
    KillCas,
    /// A key is taken although nothing proves that its owner is over.
    ProofOfDeath,
    /// A session without a lease record is taken for dead.
    AbsentIsNotDead,
    /// A member record is deleted whatever it says.
    MemberCas,
    // Claims.
    /// A key starts when its claim is sent.
    StartAfterAck,
    /// A start may be taken at any time.
    StartInTime,
    /// A claim of an older session is taken for the own.
    OwnSession,
    /// A conflict is taken for success.
    ConflictIsFailure,
    /// An unknown outcome is taken for success.
    UnknownIsDoubt,
    /// A key starts while its last run is not confirmed over.
    OneRun,
    /// A hand-over is written when the stop is told.
    HandAfterStop,
    /// A stop that was told is taken back.
    StopIsFinal,
    /// A stop that may take only so long is handed over before that.
    StopTimeout,
    /// The confirmation of any run is taken for that of the last.
    ConfirmToken,
    /// A doubtful hand-over is started again on its old revision.
    HandOnce,
    /// A claim is deleted whatever it says.
    DeleteCas,
    /// A key is completed whatever was announced meanwhile.
    CompleteCas,
    /// An unreadable claim is taken at once.
    GarbagePatience,
    /// A key that its planned owner does not take is left to it.
    Fallback,
    /// All who may take an orphan try to at once.
    FallbackDelay,
    /// A released key comes back at once.
    CoolDown,
    /// A token is the clock's, whatever the last one was.
    TokenAboveLast,
    /// A token is the log's next revision.
    TokenNotRevision,
    // A store that misbehaves.
    /// What a snapshot does not show is gone.
    AbsenceIsAsked,
    /// A watch goes on where it was, whatever log there is now.
    FreshSnapshot,
    /// A claim from before the view was read anew is started as it stands.
    TokenFloor,
    /// A lost log is not followed by a new view.
    LossIsFollowed,
    /// What was superseded, and comes back when the store crashes, counts.
    SupersededIsGone,
    /// A tombstone goes before a manifest covers it.
    CoveredGoes,
}

#[cfg(test)]
thread_local! {
    static BROKEN: std::cell::Cell<Option<Guard>> = const { std::cell::Cell::new(None) };
}

/// Breaks a guard (or none) for everything that this thread runs from now on.
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

/// No guard is broken in what ships.
#[cfg(not(test))]
macro_rules! broken {
    ($guard:ident) => {
        false
    };
}

pub(crate) use broken;
