//! The rules that keep a key from having two owners; each can be left out, to see what it is for.

/// A rule of the protocol. Without it the model has to find a way to break an invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Guard {
    /// A lease counts from before the attempt was sent. Without it: from its acknowledgement.
    CountsFromSend,
    /// Which attempt is recorded is told by its beat. Without it: the newest counts.
    BeatIsItsOwn,
    /// A heartbeat is a compare-and-set. Without it: it is written blind.
    BeatNamesRevision,
    /// A kill overwrites the revision that was seen unchanged. Without it: whatever stands there.
    KillNamesRevision,
    /// A claim is a compare-and-set. Without it: it is written blind.
    ClaimNamesRevision,
    /// An observer waits out what two clocks may differ by. Without it: half of that.
    ObserverWaitsForDrift,
    /// Nothing is taken from a session that is not over. Without it: a lease unseen for L is enough.
    TakesFromTheDead,
    /// A key starts when its claim is known to be recorded. Without it: when it is sent.
    StartsWhenRecorded,
    /// A start is checked when the application takes it. Without it: when it is put into its queue.
    StartIsCheckedWhenTaken,
    /// A claim is handed over after the stop is confirmed. Without it: the run ends with the
    /// acknowledgement.
    StopsBeforeHandOver,
    /// A claim that was given away is written again before its key is started. Without it: it is
    /// started on the old revision while the hand-over may still land.
    RewritesBeforeRestart,
    /// A fenced node comes back when its runs are confirmed over, or its lease is. Without it: at once.
    RejoinsAfterStop,
    /// A session is ended when its runs are confirmed over. Without it: at once.
    EndsAfterStop,
    /// A node starts no key beside a run of its own that is not confirmed over. Without it: it does.
    OneRun,
    /// Only the lease record proves that a session is over. Without it: a missing member record does.
    MemberIsNoProof,
    /// A snapshot is complete when everything has come. Without it, and with a missing member record
    /// for a proof: when something has.
    SnapshotIsNoCut,
    /// An older lease of another session proves nothing. Without it: it does.
    OlderLeaseIsNoProof,
    /// A token is above the wall clock. Without it: above the last one alone.
    TokenFollowsTheClock,
    /// A claim that the node was beyond is written again before its key is started. Without it: it is
    /// started as it stands.
    OldClaimIsRewritten,
}

impl Guard {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::CountsFromSend,
        Self::BeatIsItsOwn,
        Self::BeatNamesRevision,
        Self::KillNamesRevision,
        Self::ClaimNamesRevision,
        Self::ObserverWaitsForDrift,
        Self::TakesFromTheDead,
        Self::StartsWhenRecorded,
        Self::StartIsCheckedWhenTaken,
        Self::StopsBeforeHandOver,
        Self::RewritesBeforeRestart,
        Self::RejoinsAfterStop,
        Self::EndsAfterStop,
        Self::OneRun,
        Self::MemberIsNoProof,
        Self::SnapshotIsNoCut,
        Self::OlderLeaseIsNoProof,
        Self::TokenFollowsTheClock,
        Self::OldClaimIsRewritten,
    ];
}
