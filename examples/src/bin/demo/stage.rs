use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write;

use divider::store::StoreOptions;
use divider::{Group, NodeId};
use divider_examples::fleet::{Fleet, Worker};
use divider_examples::history::{History, Run};
use divider_local_server::Scratch;

use crate::screen::Screen;
use crate::server::{Found, Server};

/// The lease of the workers: short, so that the crash is a short scene.
const LEASE: &str = "2s";

/// The demo's group.
const GROUP: &str = "demo";

/// What the story is played with. Dropping it ends all processes and removes all files.
pub(crate) struct Stage {
    pub(crate) group: Group,
    // In this order: the workers end before their server, and all before the folder is removed.
    workers: Vec<Worker>,
    fleet: Fleet,
    server: Server,
    _folder: Scratch,
}

impl Stage {
    /// Starts the server, and makes a group.
    pub(crate) async fn build(found: Found, screen: &mut Screen) -> Result<Self, Box<dyn Error>> {
        let server = found.start()?;
        screen.line(&format!("{} listens at {}", server.name(), server.url()))?;
        let options = StoreOptions::default().create_if_missing();
        let store = options.connect(&server.url(), GROUP.parse()?).await?;
        let folder = Scratch::new()?;
        let fleet = Fleet {
            program: std::env::current_exe()?,
            before: vec![OsString::from("worker")],
            server: server.url(),
            group: GROUP.to_owned(),
            folder: folder.path().to_owned(),
            after: ["--lease", LEASE].map(OsString::from).into(),
        };
        let group = Group::open(store);
        Ok(Self { group, workers: Vec::new(), fleet, server, _folder: folder })
    }

    /// Starts a worker process.
    pub(crate) fn start_worker(&mut self, node: &NodeId) -> Result<(), Box<dyn Error>> {
        self.workers.push(self.fleet.start(node.as_str(), &[])?);
        Ok(())
    }

    /// Kills a worker process with SIGKILL.
    pub(crate) fn kill_worker(&mut self, node: &NodeId) {
        for worker in self.workers.iter_mut().filter(|worker| worker.node() == node.as_str()) {
            worker.kill();
        }
    }

    /// What the journals say up to now.
    pub(crate) fn history(&mut self) -> Result<History, Box<dyn Error>> {
        let runs: Result<Vec<Run>, _> = self.workers.iter_mut().map(Worker::run).collect();
        Ok(History::new(&runs?))
    }

    /// How many keys each worker that runs holds.
    pub(crate) fn counts(&mut self, history: &History, at_ns: u64) -> BTreeMap<String, u64> {
        let counts = history.counts(at_ns);
        let running = self.workers.iter_mut().filter_map(|worker| {
            worker.is_running().then(|| (worker.node().to_owned(), counts.get(worker.node())))
        });
        running.map(|(node, count)| (node, count.copied().unwrap_or(0))).collect()
    }

    /// A worker that ended without having been told to.
    pub(crate) fn what_the_workers_said(&self) -> String {
        let mut text = String::new();
        for worker in &self.workers {
            for line in worker.log().lines() {
                // Writing to a string does not fail.
                let _ = writeln!(text, "{}: {line}", worker.node());
            }
        }
        text
    }

    pub(crate) fn how_to_explore(&self) -> String {
        let url = self.server.url();
        format!(
            "\nStill running, until Ctrl-C. From another terminal:\n  \
             cargo run --bin announce -- --server {url} --group {GROUP} /more/1 /more/2\n  \
             cargo run --bin worker -- --server {url} --group {GROUP} --node zoe --lease {LEASE}\n\
             The journals are in {}",
            self.fleet.folder.display()
        )
    }
}
