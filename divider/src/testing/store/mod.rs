//! The contract of [`Store`] as cases: a backend that holds it passes all of them.
//!
//! The suite opens stores through a function of the backend, one new group for each case. A backend whose
//! server the test may hurt also passes a function that starts a [`Harness`]: then the suite
//! kills, freezes and restarts the server and looks at what the store says and what it keeps.
//!
//! ```
//! # use std::collections::BTreeMap;
//! # use std::sync::{Arc, Mutex};
//! # use divider::{GroupName, MemoryStore};
//! # use divider::testing::store::{Broken, Suite};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Broken> {
//! tokio::time::pause(); // only for a store that keeps paused time
//! let groups: Arc<Mutex<BTreeMap<GroupName, MemoryStore>>> = Arc::default();
//! let suite = Suite::new(move |group: GroupName| {
//!     let mut groups = groups.lock().expect("nobody panics with it");
//!     let store = groups.entry(group.clone()).or_insert_with(|| MemoryStore::new(group));
//!     let store = store.clone();
//!     async move { Ok::<_, std::convert::Infallible>(store) }
//! });
//! # let suite = suite.only(["a_write_gets_a_higher_revision"]);
//! let report = suite.run().await;
//! println!("{report}");
//! report.assert_holds()
//! # }
//! ```
//!
//! The guide "Write a backend" (`docs/backends.md` in the repository) has a whole backend that passes.

mod cases;
mod harness;
mod report;
mod subject;
mod verdict;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use crate::id::GroupName;
use crate::store::Store;

pub use harness::{Harness, HarnessError, Injected};
pub use report::{Broken, CaseReport, CaseResult, Report};

use self::cases::{CASES, Case};
use self::subject::Subject;
use self::verdict::{Stop, Verdict};

/// How long a case waits for a condition, unless it is set: much longer than any needs.
const PATIENCE: Duration = Duration::from_mins(1);

/// The cases, and how to open the stores that they are run on.
pub struct Suite {
    open: Opener<Arc<dyn Store>>,
    hurt: Option<Opener<Box<dyn Harness>>>,
    only: Option<Vec<String>>,
    patience: Duration,
    at_once: usize,
    /// Makes the names of groups different from those of all other runs.
    run: u64,
    groups: AtomicU64,
}

type Opener<T> = Box<dyn Fn(GroupName) -> Opening<T> + Send + Sync>;

type Opening<T> = BoxFuture<'static, Result<T, HarnessError>>;

impl Suite {
    /// A suite over the stores that this function opens.
    ///
    /// The function creates the group if it does not exist. If it is called again with a name, it opens
    /// the same group again, as another process would. Names of groups differ between runs, so a
    /// server may be used for many runs.
    pub fn new<F, Opened, S, E>(open: F) -> Self
    where
        F: Fn(GroupName) -> Opened + Send + Sync + 'static,
        Opened: Future<Output = Result<S, E>> + Send + 'static,
        S: Store,
        E: Into<HarnessError>,
    {
        let open = move |group| {
            let opened = open(group);
            async move { opened.await.map(|store| Arc::new(store) as _).map_err(Into::into) }
                .boxed()
        };
        let run = getrandom::u64().unwrap_or_default();
        let groups = AtomicU64::new(0);
        Self {
            open: Box::new(open),
            hurt: None,
            only: None,
            patience: PATIENCE,
            at_once: 1,
            run,
            groups,
        }
    }

    /// Also runs the cases that hurt a server. The function starts one, with a group of this name. It is
    /// called once for each of these cases, and the harness is dropped after the case.
    #[must_use]
    pub fn with_faults<F, Started, H, E>(mut self, start: F) -> Self
    where
        F: Fn(GroupName) -> Started + Send + Sync + 'static,
        Started: Future<Output = Result<H, E>> + Send + 'static,
        H: Harness + 'static,
        E: Into<HarnessError>,
    {
        self.hurt = Some(Box::new(move |group| {
            let started = start(group);
            async move { started.await.map(|harness| Box::new(harness) as _).map_err(Into::into) }
                .boxed()
        }));
        self
    }

    /// Runs only the cases of these names. A name that no case has is reported as failed.
    #[must_use]
    pub fn only<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.only = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// How long a case waits for a condition before it fails, one minute unless set. At least 10 s:
    /// records with a time to live of 3 s are awaited.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.max(Duration::from_secs(10));
        self
    }

    /// How many cases are run at a time: one, unless this is set. Cases mostly wait.
    #[must_use]
    pub fn at_once(mut self, cases: usize) -> Self {
        self.at_once = cases.max(1);
        self
    }

    /// The names of all cases, in the order in which they are run.
    pub fn names() -> impl Iterator<Item = &'static str> {
        CASES.iter().map(|case| case.name)
    }

    /// Runs the cases. A case that panics, or whose backend does, has failed.
    ///
    /// # Cancel safety
    /// If it is dropped, the cases that run are dropped, and the later ones are not run.
    pub async fn run(&self) -> Report {
        let meant = |case: &&Case| {
            self.only.as_ref().is_none_or(|only| only.iter().any(|name| name == case.name))
        };
        let run = |case: &'static Case| async move {
            let started = Instant::now();
            let result = self.run_case(case).await;
            CaseReport::new(case.name, result, started.elapsed())
        };
        let running = stream::iter(CASES.iter().filter(meant).map(run)).buffered(self.at_once);
        let mut cases: Vec<_> = running.collect().await;
        for name in self.only.iter().flatten() {
            if !CASES.iter().any(|case| case.name == name) {
                let reason = "the suite has no case of this name".to_owned();
                let failed = CaseResult::Failed(reason);
                cases.push(CaseReport::new(name, failed, Duration::ZERO));
            }
        }
        Report::new(cases)
    }

    async fn run_case(&self, case: &Case) -> CaseResult {
        let given = Given { suite: self, group: self.new_group() };
        let verdict = std::panic::AssertUnwindSafe((case.check)(&given)).catch_unwind().await;
        match verdict {
            Ok(Ok(())) => CaseResult::Passed,
            Ok(Err(Stop::Failed(reason))) => CaseResult::Failed(reason),
            Ok(Err(Stop::NotRun(reason))) => CaseResult::NotRun(reason),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                CaseResult::Failed(format!("it panicked: {}", text.unwrap_or("without a text")))
            }
        }
    }

    fn new_group(&self) -> GroupName {
        let number = self.groups.fetch_add(1, Ordering::Relaxed);
        let name = format!("suite-{:016x}-{number}", self.run);
        GroupName::new(name).expect("letters, digits and hyphens, and short")
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Suite");
        fields.field("only", &self.only).field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// What a case starts from: a group that nobody has used.
struct Given<'a> {
    suite: &'a Suite,
    group: GroupName,
}

impl Given<'_> {
    /// A store of the group. Called again, it is a second one of the same group.
    async fn store(&self) -> Verdict<Subject> {
        self.open(self.group.clone()).await
    }

    /// A store of another group.
    async fn other_group(&self) -> Verdict<Subject> {
        self.open(self.suite.new_group()).await
    }

    async fn open(&self, group: GroupName) -> Verdict<Subject> {
        let opening = (self.suite.open)(group);
        let opened = verdict::in_time(self.suite.patience, "the store is opened", opening).await?;
        let store =
            opened.map_err(|error| Stop::Failed(format!("the store did not open: {error}")))?;
        Ok(Subject::new(store, self.suite.patience))
    }

    /// A server to hurt, and a store on it.
    async fn harness(&self) -> Verdict<(Box<dyn Harness>, Subject)> {
        let Some(start) = &self.suite.hurt else {
            return Err(Stop::NotRun("there is no harness: see `Suite::with_faults`".into()));
        };
        let starting = start(self.group.clone());
        let started = verdict::in_time(self.suite.patience, "the harness starts", starting).await?;
        let failed = |error| Stop::Failed(format!("the harness did not start: {error}"));
        let harness = started.map_err(failed)?;
        let subject = Subject::new(harness.store(), self.suite.patience);
        Ok((harness, subject))
    }
}
