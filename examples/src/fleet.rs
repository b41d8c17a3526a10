//! Worker processes: started, hurt, and asked for their journals.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use divider_local_server::{Process, Program};

use crate::history::Run;
use crate::journal::{Tail, now_ns};

/// How to start workers of one group.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The program, and what comes before a worker's own arguments.
    pub program: PathBuf,
    /// What comes before a worker's own arguments.
    pub before: Vec<OsString>,
    /// The server's URL.
    pub server: String,
    /// The group.
    pub group: String,
    /// Where the journals and logs go.
    pub folder: PathBuf,
    /// Further arguments of all workers, such as `--lease 2s`.
    pub after: Vec<OsString>,
}

impl Fleet {
    /// Starts a worker with this node id and further arguments.
    ///
    /// # Errors
    /// When the system cannot start it.
    pub fn start(&self, node: &str, more: &[&str]) -> io::Result<Worker> {
        let run = format!("{node}-{}", now_ns());
        let journal = self.folder.join(format!("{run}.jsonl"));
        let log = self.folder.join(format!("{run}.log"));
        let mut args = self.before.clone();
        let own = ["--server", &self.server, "--group", &self.group, "--node", node, "--log"];
        args.extend(own.map(OsString::from));
        args.push(journal.clone().into());
        args.extend(self.after.iter().cloned());
        args.extend(more.iter().map(OsString::from));
        let (path, dir) = (self.program.clone(), self.folder.clone());
        let process = Process::spawn(Program { path, args, dir, log: log.clone() })?;
        Ok(Worker {
            node: node.to_owned(),
            journal: Tail::new(journal),
            log,
            process,
            run: Run::default(),
            asleep_ns: None,
        })
    }
}

/// A worker process. Dropping it kills it.
#[derive(Debug)]
pub struct Worker {
    node: String,
    journal: Tail,
    log: PathBuf,
    process: Process,
    /// All but what it was not asked for yet.
    run: Run,
    asleep_ns: Option<u64>,
}

impl Worker {
    /// Its node id.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its journal's file.
    pub fn journal(&self) -> &Path {
        self.journal.path()
    }

    /// What it printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether its process is there, frozen or not.
    pub fn is_running(&mut self) -> bool {
        let running = self.process.ended().is_none();
        if !running {
            self.run.ended_ns.get_or_insert_with(now_ns);
        }
        running
    }

    /// The moment after which it certainly was no more, if it is over.
    pub fn ended_ns(&mut self) -> Option<u64> {
        self.is_running();
        self.run.ended_ns
    }

    /// Asks it to hand over everything and leave.
    pub fn terminate(&mut self) {
        self.process.terminate();
    }

    /// Waits until it has ended; `None` if it has not in time.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let status = self.process.wait(patience);
        self.is_running();
        status
    }

    /// Kills it, as a crash does, and returns when it is gone.
    pub fn kill(&mut self) {
        self.process.kill();
        self.is_running();
    }

    /// Freezes it.
    pub fn freeze(&mut self) {
        self.process.freeze();
        self.asleep_ns = Some(now_ns());
    }

    /// Lets it go on. The freeze counts as one of more than a lease: see [`Run::frozen_ns`].
    pub fn thaw(&mut self) {
        if let Some(asleep) = self.asleep_ns.take() {
            self.run.frozen_ns.push((asleep, now_ns()));
        }
        self.process.thaw();
    }

    /// Lets it go on after a freeze so short that its lease has outlived it: it never stopped holding
    /// what it held.
    pub fn thaw_in_time(&mut self) {
        self.asleep_ns = None;
        self.process.thaw();
    }

    /// Its journal so far with what was done to it. A worker that was killed before it wrote
    /// anything has an empty one.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn run(&mut self) -> io::Result<Run> {
        let news = self.news()?;
        self.run.entries.extend(news.entries);
        Ok(Run { entries: self.run.entries.clone(), ..news })
    }

    /// The same with only those entries that were not told yet, for whoever follows a long journal.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn news(&mut self) -> io::Result<Run> {
        // First: what it writes after this look is not missed in one that has ended.
        self.is_running();
        let entries = self.journal.more()?;
        let mut frozen_ns = self.run.frozen_ns.clone();
        // It is asleep still: it holds nothing since then, and has not woken yet.
        frozen_ns.extend(self.asleep_ns.map(|asleep| (asleep, u64::MAX)));
        Ok(Run { entries, ended_ns: self.run.ended_ns, frozen_ns })
    }
}
