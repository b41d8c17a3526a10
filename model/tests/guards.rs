//! What each rule is for: without it, this happens.

use divider_model::{Group, Guard, Limits, ONE_OWNER, ONE_RUN, Scope, TOKENS_RISE, run};

/// Leaves a rule out, and expects that this breaks the property; with the rule, nothing does.
fn check(guard: Guard, scope: Scope, property: &str) {
    let limits = Limits { steps: Some(400_000), ..Limits::default() };
    let broken = run(Group::<2, 1> { scope, without: Some(guard) }, limits).broken;
    assert!(broken.iter().any(|found| found.property == property), "{guard:?}: {broken:?}");
    let kept = run(Group::<2, 1> { scope, without: None }, limits).broken;
    assert!(kept.is_empty(), "{guard:?}: {kept:?}");
}

/// Both nodes are members, the first has the key, the second renews its lease without fail.
const STEADY: Scope = Scope { steady: true, settled: true, ..Scope::small() };
const AGAIN: Scope = Scope { sessions: 2, ..STEADY };

#[test]
fn each_guard_is_needed() {
    for guard in Guard::ALL {
        let (scope, property) = match guard {
            Guard::CountsFromSend
            | Guard::BeatNamesRevision
            | Guard::KillNamesRevision
            | Guard::ClaimNamesRevision
            | Guard::TakesFromTheDead
            | Guard::StopsBeforeHandOver
            | Guard::RewritesBeforeRestart => (STEADY, ONE_OWNER),
            Guard::BeatIsItsOwn => (Scope { attempts: 2, ..STEADY }, ONE_OWNER),
            Guard::ObserverWaitsForDrift => (Scope { drift: true, ..STEADY }, ONE_OWNER),
            // Two that meet a free key, so from the very beginning.
            Guard::StartsWhenRecorded => (Scope::small(), ONE_OWNER),
            Guard::StartIsCheckedWhenTaken => (Scope { queue: true, ..STEADY }, ONE_OWNER),
            Guard::RejoinsAfterStop | Guard::OlderLeaseIsNoProof => (AGAIN, ONE_OWNER),
            Guard::EndsAfterStop => (Scope { cancel: true, ..STEADY }, ONE_OWNER),
            Guard::OneRun => (AGAIN, ONE_RUN),
            Guard::MemberIsNoProof => (Scope { members: true, ..STEADY }, ONE_OWNER),
            Guard::SnapshotIsNoCut => (Scope { members: true, ..AGAIN }, ONE_OWNER),
            Guard::TokenFollowsTheClock | Guard::OldClaimIsRewritten => {
                (Scope { power_cut: true, ..STEADY }, TOKENS_RISE)
            }
        };
        check(guard, scope, property);
    }
}
