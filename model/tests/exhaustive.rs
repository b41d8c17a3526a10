//! Every state of two nodes and one key, with one kind of fault more in each test.

use divider_model::{Group, Limits, Run, Scope, run};

/// Looks at all states there are, and at least at as many as there were when this was written: fewer
/// would mean that something cannot happen any more.
fn check(scope: Scope, at_least: usize) {
    let group = Group::<2, 1> { scope, without: None };
    let Run { states, exhaustive, broken, unseen, .. } = run(group, Limits::default());
    assert!(broken.is_empty(), "{broken:?}");
    assert!(exhaustive && states >= at_least, "{states} states");
    assert!(unseen.is_empty(), "{unseen:?}");
}

const SETTLED: Scope = Scope { settled: true, ..Scope::small() };
const STEADY: Scope = Scope { steady: true, ..SETTLED };

#[test]
fn late_and_lost_writes_and_answers_and_pauses() {
    check(Scope { queue: true, ..SETTLED }, 280_000);
}

#[test]
fn clocks_that_go_fast_and_slow() {
    check(Scope { drift: true, ..STEADY }, 270_000);
}

#[test]
fn two_heartbeats_without_an_answer_on_clocks_that_go_fast_and_slow() {
    check(Scope { drift: true, attempts: 2, ..STEADY }, 400_000);
}

#[test]
fn nodes_that_come_back_or_are_cancelled() {
    check(Scope { sessions: 2, cancel: true, ..STEADY }, 240_000);
}

#[test]
fn member_records_that_go_missing_and_views_that_are_read_anew() {
    check(Scope { members: true, ..STEADY }, 1_300_000);
}

#[test]
fn lease_records_that_expire_at_any_time() {
    check(Scope { expiry: true, ..STEADY }, 35_000);
}

#[test]
fn tokens_rise_although_the_log_loses_its_tail() {
    check(Scope { power_cut: true, ..STEADY }, 300_000);
}
