//! Every order in which names can come and go, and the store crash.

use divider_model::{GONE, Gone, GoneRule, Limits, Run, STANDS, run};

const SMALL: Gone = Gone { names: 1, nodes: 2, writes: 5, crashes: 1, without: None };

fn check(model: Gone, at_least: usize) {
    let Run { states, exhaustive, broken, unseen, .. } = run(model, Limits::default());
    assert!(broken.is_empty(), "{broken:?}");
    assert!(exhaustive && states >= at_least, "{states} states");
    assert!(unseen.is_empty(), "{unseen:?}");
}

#[test]
fn one_name_and_two_nodes() {
    check(Gone { writes: 4, ..SMALL }, 100_000);
}

#[test]
fn two_names_and_one_node() {
    check(Gone { names: 2, nodes: 1, ..SMALL }, 400_000);
}

#[test]
fn a_store_that_crashes_twice() {
    check(Gone { nodes: 1, writes: 7, crashes: 2, ..SMALL }, 600_000);
}

/// Without any one of the rules the model is shown how what must hold breaks.
#[test]
fn every_rule_is_needed() {
    let check = |rule, nodes, breaks: &str| {
        let model = Gone { nodes, without: Some(rule), ..SMALL };
        let Run { broken, .. } = run(model, Limits::default());
        let properties: Vec<_> = broken.iter().map(|found| found.property).collect();
        assert!(properties.contains(&breaks), "{rule:?} breaks {properties:?}");
    };
    check(GoneRule::TombstoneStays, 1, GONE);
    check(GoneRule::CoversTombstone, 1, GONE);
    check(GoneRule::SupersededIsGone, 1, GONE);
    check(GoneRule::UptoSeen, 1, STANDS);
    check(GoneRule::ManifestNamesRevision, 2, GONE);
}
