//! The contract of a store: memory keeps it, and backends that are broken on purpose are noticed.

mod broken;
mod flaw;
mod memory;

use divider::testing::store::{Broken, CaseResult, Suite};

use broken::BrokenStore;
use flaw::Flaw;
use memory::{Groups, MemoryHarness};

/// The contract over stores in memory that have this flaw.
fn suite(flaw: Option<Flaw>) -> Suite {
    let groups = Groups::default();
    let stores = groups.clone();
    Suite::new(move |group| {
        let groups = stores.clone();
        async move { Ok::<_, std::convert::Infallible>(BrokenStore::new(&groups, &group, flaw)) }
    })
    .with_faults(move |group| {
        let groups = groups.clone();
        async move { Ok::<_, std::convert::Infallible>(MemoryHarness::new(&groups, &group, flaw)) }
    })
}

#[tokio::test(start_paused = true)]
async fn memory_keeps_the_contract() -> Result<(), Broken> {
    let report = suite(None).run().await;
    println!("{report}");
    let not_run: Vec<_> = report.not_run().collect();
    let expected = [
        "each_write_of_a_writer_has_an_outcome_of_its_own",
        "writes_of_a_writer_land_in_their_order",
        "a_writer_sends_nothing_that_was_forgotten",
        "a_crash_keeps_what_was_acknowledged_or_makes_another_log",
        "what_was_refused_during_an_outage_never_lands",
    ];
    assert_eq!(not_run, expected, "a store in memory has no writer and no server to be killed");
    report.assert_holds()
}

/// Each flaw is noticed by the case that is about it.
#[tokio::test(start_paused = true)]
async fn each_broken_backend_is_noticed_by_the_case_that_is_about_it() {
    let mut missed = Vec::new();
    for (flaw, case) in Flaw::ALL {
        let report = suite(Some(*flaw)).only([*case]).run().await;
        match report.result(case) {
            Some(CaseResult::Failed(reason)) => println!("{flaw:?}: {case}: {reason}"),
            other => missed.push(format!("{flaw:?}: {case}: {other:?}")),
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(Flaw::ALL.len() >= 20);
}

/// The cases are independent: a flaw of the writer is no flaw of the watch.
#[tokio::test(start_paused = true)]
async fn a_flaw_leaves_other_cases_alone() {
    let report = suite(Some(Flaw::WriterSwallowsOutcomes)).run().await;
    let failed: Vec<_> = report.failed().collect();
    let expected = [
        "each_write_of_a_writer_has_an_outcome_of_its_own",
        "writes_of_a_writer_land_in_their_order",
    ];
    assert_eq!(failed, expected);
}

#[tokio::test(start_paused = true)]
async fn a_case_that_does_not_exist_has_failed() {
    let report = suite(None).only(["no_such_case"]).run().await;
    assert_eq!(report.failed().collect::<Vec<_>>(), ["no_such_case"]);
    let broken = report.assert_holds().expect_err("nothing passed");
    assert!(format!("{broken:?}").contains("no case of this name"), "{broken:?}");
}
