//! What is measured: how many keys on how many nodes, on what.

use std::error::Error;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::servers::Backend;

/// A failure of the bench, from whatever thread.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The size of a measurement.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Setup {
    /// What keeps the group
    #[arg(long, value_name = "BACKEND", value_enum, default_value_t)]
    pub(crate) store: Backend,
    /// Number of keys
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) keys: u32,
    /// Number of servers: 1, or 3 for a cluster
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_replicas)]
    pub(crate) replicas: usize,
    /// Whether a node is a task of the bench or a process of its own
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Layout::Tasks)]
    pub(crate) layout: Layout,
    /// The nodes' lease in milliseconds [default: the bucket's]
    #[arg(long, value_name = "MS")]
    pub(crate) lease_ms: Option<u64>,
    /// On how many nodes; from the list of them.
    #[arg(skip)]
    pub(crate) nodes: u32,
}

/// How nodes are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// Nodes in the process of the bench, each with a connection and a thread of its own
    Tasks,
    /// Each node is a process
    Processes,
}

impl Setup {
    /// The same with nodes that are processes, for what only those show.
    pub(crate) fn of_processes(self) -> Self {
        Self { layout: Layout::Processes, ..self }
    }

    /// The lease that the nodes run with.
    pub(crate) fn lease(&self) -> Duration {
        let own = if self.replicas > 1 { 18_000 } else { 6_000 };
        Duration::from_millis(self.lease_ms.unwrap_or(own))
    }

    /// As a row's name has it.
    pub(crate) fn name(&self, what: &str) -> String {
        let replicas = if self.replicas > 1 { ", R3" } else { "" };
        let on = match self.store {
            Backend::Nats => "",
            Backend::Postgres => " on PostgreSQL",
            Backend::Redis => " on Redis",
        };
        format!("{what}{on}, {} keys, {} nodes{replicas}", self.keys, self.nodes)
    }
}

/// The servers of a URL, which for a cluster are divided by commas.
pub(crate) fn servers(url: &str) -> Vec<&str> {
    url.split(',').collect()
}

fn parse_replicas(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err(format!("expected 1 or 3, found {text:?}")),
    }
}
