use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use divider::store::nats::{NatsStore, StreamOptions};
use divider::{Group, Key};
use divider_examples::fleet::{Fleet, Worker};
use divider_examples::history::{Broken, History, Run};
use divider_examples::journal::{What, now_ns};
use divider_examples::least::{Load, is_balanced};
use divider_local_server::{LocalServer, Scratch};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};

/// How long a condition may take on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The lease of the workers, unless said.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// The group that every test has on a server of its own.
pub(crate) const GROUP: &str = "real";

/// The tests take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// A group with its workers. Whatever it is made of ends when it is dropped.
pub(crate) struct Play {
    pub(crate) group: Group,
    pub(crate) keys: Vec<String>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) fleet: Fleet,
    _folder: Scratch,
    _turn: MutexGuard<'static, ()>,
}

impl Play {
    /// A group on this server with so many keys and no workers yet.
    pub(crate) async fn begin(server: &LocalServer, keys: u32) -> Self {
        Self::begin_at(&server.url(), StreamOptions::default(), keys, &["--lease", "2s"]).await
    }

    /// The same with another stream and other arguments of the workers.
    pub(crate) async fn begin_at(
        url: &str,
        stream: StreamOptions,
        keys: u32,
        after: &[&str],
    ) -> Self {
        let turn = TURN.lock().await;
        let group = open(url, stream).await;
        let folder = Scratch::new().expect("the temporary folder can be written");
        let fleet = Fleet {
            program: PathBuf::from(env!("CARGO_BIN_EXE_worker")),
            before: Vec::new(),
            server: url.to_owned(),
            group: GROUP.to_owned(),
            folder: folder.path().to_owned(),
            after: after.iter().map(Into::into).collect(),
        };
        let mut play = Self {
            group,
            keys: Vec::new(),
            workers: Vec::new(),
            fleet,
            _folder: folder,
            _turn: turn,
        };
        play.announce(0..keys).await;
        play
    }

    /// Announces keys with these numbers.
    pub(crate) async fn announce(&mut self, numbers: Range<u32>) {
        self.keys.extend(numbers.map(|n| format!("/real/{n}")));
        self.announce_again().await;
    }

    /// Announces all keys.
    pub(crate) async fn announce_again(&self) {
        let keys = self.keys.iter().map(|key| Key::new(key).expect("a legal key"));
        self.group.announce_all(keys).await.expect("the server takes them");
    }

    /// Starts a worker; returns its place among the workers.
    pub(crate) fn start(&mut self, node: &str, more: &[&str]) -> usize {
        self.workers.push(self.fleet.start(node, more).expect("a process can be started"));
        self.workers.len() - 1
    }

    /// Starts workers `w0`, `w1` and so on.
    pub(crate) fn start_many(&mut self, count: u32) {
        for n in 0..count {
            self.start(&format!("w{n}"), &[]);
        }
    }

    /// What the journals say up to now.
    pub(crate) fn history(&mut self) -> History {
        History::new(&self.runs())
    }

    pub(crate) fn runs(&mut self) -> Vec<Run> {
        self.workers.iter_mut().map(|worker| worker.run().expect("a journal can be read")).collect()
    }

    /// Waits until every key has a holder; returns how long that took.
    pub(crate) async fn wait_owned(&mut self) -> Duration {
        self.wait("every key has a holder", |history, keys| {
            history.orphans(keys, now_ns()).is_empty()
        })
        .await
    }

    /// Waits until every key has a holder and every node of those its share.
    pub(crate) async fn wait_balanced(&mut self, nodes: &[(&str, u32)]) -> Duration {
        let nodes: Vec<(String, u32)> =
            nodes.iter().map(|&(node, affinity)| (node.to_owned(), affinity)).collect();
        self.wait("every node has its share", move |history, keys| {
            let counts = history.counts(now_ns());
            let held = |node: &String| counts.get(node.as_str()).copied().unwrap_or(0);
            let loads: Vec<Load> = nodes
                .iter()
                .map(|(node, affinity)| Load { held: held(node), affinity: *affinity })
                .collect();
            let sum: u64 = loads.iter().map(|load| load.held).sum();
            sum == keys.len() as u64 && is_balanced(&loads)
        })
        .await
    }

    /// Waits until a worker has written a line of this kind after the moment.
    pub(crate) async fn wait_line(&mut self, worker: usize, what: What, after_ns: u64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let run = self.workers[worker].run().expect("a journal can be read");
            if run.entries.iter().any(|entry| entry.event == what && entry.at_ns > after_ns) {
                return;
            }
            assert!(Instant::now() < deadline, "no {what:?} line: {}", self.what_was_said());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Nothing that was to hold was broken.
    pub(crate) fn check(&mut self) -> History {
        let history = self.history();
        let broken: Vec<String> = history.broken().iter().map(Broken::to_string).collect();
        assert!(
            broken.is_empty(),
            "{} rules are broken: {:#?}",
            broken.len(),
            &broken[..broken.len().min(10)]
        );
        history
    }

    /// How many keys each node holds.
    pub(crate) fn counts(&mut self) -> BTreeMap<String, u64> {
        let history = self.history();
        let counts = history.counts(now_ns());
        counts.into_iter().map(|(node, count)| (node.to_owned(), count)).collect()
    }

    async fn wait(&mut self, what: &str, holds: impl Fn(&History, &[String]) -> bool) -> Duration {
        let begun = Instant::now();
        loop {
            let history = self.history();
            if holds(&history, &self.keys) {
                return begun.elapsed();
            }
            if begun.elapsed() > PATIENCE {
                let orphans = history.orphans(&self.keys, now_ns()).len();
                let counts = history.counts(now_ns());
                panic!(
                    "not within {PATIENCE:?}: {what}; {orphans} orphans, {counts:?}: {}",
                    self.what_was_said()
                );
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the workers printed, and the lines in which they say that something failed.
    fn what_was_said(&mut self) -> String {
        let mut said = String::new();
        for worker in &mut self.workers {
            let run = worker.run().unwrap_or_default();
            let errors: Vec<_> =
                run.entries.into_iter().filter(|entry| entry.event == What::Error).collect();
            // Writing to a string does not fail.
            let _ = write!(said, "\n{}: {} {errors:?}", worker.node(), worker.log());
        }
        said
    }
}

/// The group on a server, made if it is not there.
/// A cluster that has just formed may choose another leader at once, which answers nothing then.
pub(crate) async fn open(url: &str, stream: StreamOptions) -> Group {
    let until = Instant::now() + PATIENCE;
    loop {
        let options = NatsStore::options().create_if_missing(stream.clone());
        let group = GROUP.parse().expect("a legal name");
        match options.connect(url, group).await {
            Ok(store) => return Group::open(store),
            Err(error) if until < Instant::now() => panic!("no group: {error:?}"),
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}
