use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use divider_examples::fleet::{Fleet, Worker};
use divider_examples::history::History;
use divider_examples::journal::{What, now_ns};
use divider_examples::proxy::{Flow, Link};

use crate::Failure;
use crate::bed::GROUP;

/// A process that ended by itself is started again after this.
const RESTART_AFTER_NS: u64 = 1_000_000_000;

/// All worker processes, those that are over too.
#[derive(Debug)]
pub(crate) struct Workers {
    slots: Vec<Slot>,
    runs: Vec<Run>,
    /// How often processes ended by themselves, by what they said last.
    exits: BTreeMap<String, u64>,
    sessions: u64,
}

/// A node: a process that is kept running, and its own way to each server.
#[derive(Debug)]
struct Slot {
    fleet: Fleet,
    node: String,
    links: Vec<Link>,
    /// Its newest process.
    run: Option<usize>,
    wanted: Wanted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Up,
    Down,
}

#[derive(Debug)]
struct Run {
    worker: Worker,
    /// Nothing more will come of it.
    is_read: bool,
}

/// A node to be: its name, its own way to each server, and the address at their other ends.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) links: Vec<Link>,
    pub(crate) server: String,
}

/// What all workers are started with.
#[derive(Debug, Clone)]
pub(crate) struct Outfit {
    pub(crate) folder: PathBuf,
    pub(crate) after: Vec<OsString>,
}

impl Workers {
    /// These nodes, none of them running yet.
    pub(crate) fn new(nodes: Vec<Node>, outfit: &Outfit) -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        let slot = |Node { name, links, server }: Node| {
            let fleet = Fleet {
                program: program.clone(),
                before: vec!["worker".into()],
                server,
                group: GROUP.to_owned(),
                folder: outfit.folder.clone(),
                after: outfit.after.clone(),
            };
            Slot { fleet, node: name, links, run: None, wanted: Wanted::Down }
        };
        let slots = nodes.into_iter().map(slot).collect();
        Ok(Self { slots, runs: Vec::new(), exits: BTreeMap::new(), sessions: 0 })
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// A node's name.
    pub(crate) fn node(&self, slot: usize) -> &str {
        &self.slots[slot].node
    }

    /// Starts a node's process, and keeps it running.
    pub(crate) fn start(&mut self, slot: usize) -> Result<(), Failure> {
        self.slots[slot].wanted = Wanted::Up;
        self.slots[slot].run = Some(self.start_twin(slot)?);
        Ok(())
    }

    /// Starts a process under a node's name beside the one that it has. Returns its run.
    pub(crate) fn start_twin(&mut self, slot: usize) -> Result<usize, Failure> {
        let Slot { fleet, node, .. } = &self.slots[slot];
        let worker = fleet.start(node, &[])?;
        self.runs.push(Run { worker, is_read: false });
        Ok(self.runs.len() - 1)
    }

    /// The process of a run.
    pub(crate) fn run(&mut self, run: usize) -> &mut Worker {
        &mut self.runs[run].worker
    }

    /// A node's newest process.
    pub(crate) fn current(&mut self, slot: usize) -> Option<&mut Worker> {
        let run = self.slots[slot].run?;
        Some(&mut self.runs[run].worker)
    }

    /// Keeps a node's process running from when the one that it has is over.
    pub(crate) fn start_when_over(&mut self, slot: usize) -> Result<(), Failure> {
        self.slots[slot].wanted = Wanted::Up;
        if self.is_running(slot) { Ok(()) } else { self.start(slot) }
    }

    /// Does not start a node's process again when it is over.
    pub(crate) fn leave_down(&mut self, slot: usize) {
        self.slots[slot].wanted = Wanted::Down;
    }

    /// What happens between a node and all servers from now on.
    pub(crate) fn set_flow(&self, slot: usize, up: Flow, down: Flow) {
        for link in &self.slots[slot].links {
            link.set(up, down);
        }
    }

    /// The ways of a node to the servers.
    pub(crate) fn links(&self, slot: usize) -> &[Link] {
        &self.slots[slot].links
    }

    /// Reads what was written since the last time.
    pub(crate) fn read(&mut self, history: &mut History) -> Result<(), Failure> {
        for (index, run) in self.runs.iter_mut().enumerate().filter(|(_, run)| !run.is_read) {
            let news = run.worker.news()?;
            // It had ended before this look, so that was all.
            run.is_read = news.ended_ns.is_some();
            for entry in &news.entries {
                match entry.event {
                    What::Joined => self.sessions += 1,
                    What::Error => {
                        let reason = entry.reason.clone().unwrap_or_default();
                        *self.exits.entry(reason).or_default() += 1;
                    }
                    _ => {}
                }
            }
            history.read(index, &news);
        }
        Ok(())
    }

    /// Starts again what ended by itself, as a supervisor does. Returns the nodes.
    pub(crate) fn tend(&mut self) -> Result<Vec<usize>, Failure> {
        let mut started = Vec::new();
        for slot in 0..self.slots.len() {
            let Slot { wanted, run: Some(run), .. } = self.slots[slot] else { continue };
            let ended_ns = self.runs[run].worker.ended_ns();
            let is_due = ended_ns.is_some_and(|ended| ended + RESTART_AFTER_NS < now_ns());
            if wanted == Wanted::Up && is_due {
                self.start(slot)?;
                started.push(slot);
            }
        }
        Ok(started)
    }

    /// Whether a node's process is there.
    pub(crate) fn is_running(&mut self, slot: usize) -> bool {
        self.current(slot).is_some_and(Worker::is_running)
    }

    /// How often processes ended by themselves, by what they said last.
    pub(crate) fn exits(&self) -> &BTreeMap<String, u64> {
        &self.exits
    }

    /// How many sessions there were.
    pub(crate) fn sessions(&self) -> u64 {
        self.sessions
    }

    /// All journals.
    pub(crate) fn journals(&self) -> impl Iterator<Item = &Path> {
        self.runs.iter().map(|run| run.worker.journal())
    }
}
