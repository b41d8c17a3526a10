//! Which cases a backend passed.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The outcome of a run: each case by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Report {
    cases: Vec<CaseReport>,
}

/// The outcome of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaseReport {
    /// The name of the case, which says what every backend must do.
    pub name: String,
    /// What came of it.
    pub result: CaseResult,
    /// How long it took, on tokio's clock.
    pub took: Duration,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CaseResult {
    /// The backend keeps this part of the contract.
    Passed,
    /// It does not. The text says what was found and what was expected.
    Failed(String),
    /// Nobody knows. The text says what is missing: a fault that the harness cannot inject, or
    /// something that a backend may leave out.
    NotRun(String),
}

impl Report {
    pub(super) fn new(cases: Vec<CaseReport>) -> Self {
        Self { cases }
    }

    /// Every case of the run, in the order in which they were run.
    pub fn cases(&self) -> &[CaseReport] {
        &self.cases
    }

    /// The result of the case of this name, if it belongs to the run.
    pub fn result(&self, name: &str) -> Option<&CaseResult> {
        self.cases.iter().find(|case| case.name == name).map(|case| &case.result)
    }

    /// The names of the cases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &str> {
        let failed = |case: &&CaseReport| matches!(case.result, CaseResult::Failed(_));
        self.cases.iter().filter(failed).map(|case| case.name.as_str())
    }

    /// The names of the cases that were not run.
    pub fn not_run(&self) -> impl Iterator<Item = &str> {
        let not_run = |case: &&CaseReport| matches!(case.result, CaseResult::NotRun(_));
        self.cases.iter().filter(not_run).map(|case| case.name.as_str())
    }

    /// Is an error if a case failed, or if no case passed at all. A test returns it: `cargo test` then
    /// prints the whole report.
    ///
    /// Cases that were not run are no error. A backend that means to pass all of them also looks at
    /// [`not_run`](Self::not_run).
    pub fn assert_holds(self) -> Result<(), Broken> {
        let passed = self.cases.iter().any(|case| case.result == CaseResult::Passed);
        if passed && self.failed().next().is_none() { Ok(()) } else { Err(Broken(self)) }
    }
}

impl CaseReport {
    pub(super) fn new(name: impl Into<String>, result: CaseResult, took: Duration) -> Self {
        Self { name: name.into(), result, took }
    }
}

/// One line a case, and how many there are of each kind.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, not_run) = (self.failed().count(), self.not_run().count());
        let passed = self.cases.len() - failed - not_run;
        for case in &self.cases {
            match &case.result {
                CaseResult::Passed => {
                    writeln!(f, "passed   {} ({:.1?})", case.name, case.took)?;
                }
                CaseResult::Failed(reason) => writeln!(f, "FAILED   {}: {reason}", case.name)?,
                CaseResult::NotRun(reason) => writeln!(f, "not run  {}: {reason}", case.name)?,
            }
        }
        write!(f, "store contract: {passed} cases passed, {failed} failed, {not_run} not run")
    }
}

/// The backend does not keep the contract: at least one case failed, or none passed.
#[derive(Clone, PartialEq, Eq)]
pub struct Broken(Report);

impl Broken {
    /// What was found.
    pub fn report(&self) -> &Report {
        &self.0
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store breaks its contract\n{}", self.0)
    }
}

/// The report as text, since a test that returns an error prints its `Debug`.
impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Broken {}
