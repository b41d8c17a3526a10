//! What the programs have in common on the command line.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use divider::store::{ConnectError, Store, StoreOptions};
use divider::{Divider, Events, GroupName, StartError};
use tokio::signal::unix::{SignalKind, signal};

use crate::span::parse_span;

/// Where the group is.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The address of the server, of NATS, PostgreSQL or Redis
    #[arg(
        long,
        help = "The server, such as nats://host:4222, postgres://user@host/db or redis://host; several separated by commas",
        value_name = "URL",
        env = "NATS_URL",
        default_value = "nats://127.0.0.1:4222"
    )]
    pub server: String,
    /// The group
    #[arg(long, value_name = "NAME", env = "DIVIDER_GROUP", default_value = "demo")]
    pub group: GroupName,
    /// Create the group if it does not exist
    #[arg(long)]
    pub create: bool,
    /// Connect only to the given addresses; ignore discovered servers
    #[arg(long)]
    pub ignore_discovered_servers: bool,
    /// How long to wait for a server that is not ready, such as 30s
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub wait_for_server: Option<Duration>,
}

impl Place {
    /// Connects to the server, of whichever backend, and opens the group.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn open(&self) -> Result<Arc<dyn Store>, Box<dyn Error>> {
        let mut options = StoreOptions::default();
        if let Some(longest) = self.wait_for_server {
            options = options.wait_for_server(longest);
        }
        if self.ignore_discovered_servers {
            options = options.ignore_discovered_servers();
        }
        if self.create {
            options = options.create_if_missing();
        }
        let opened = options.connect(&self.server, self.group.clone()).await;
        opened.map_err(|error| match error {
            ConnectError::NoGroup { group } => {
                format!("the group does not exist, create it with --create: {group}").into()
            }
            error => error.into(),
        })
    }
}

/// Who the node is.
#[derive(Debug, Clone, Args)]
pub struct NodeArgs {
    /// The node id; default: the machine's name and a random suffix
    #[arg(long, value_name = "ID")]
    pub node: Option<String>,
    /// The lease, such as 2s
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub lease: Option<Duration>,
}

impl NodeArgs {
    /// Joins the group in this store, and says so on standard error.
    ///
    /// # Errors
    /// As [`Builder::start`](divider::Builder::start).
    pub async fn join(self, store: impl Store) -> Result<(Divider, Events), StartError> {
        let mut builder = Divider::builder(store);
        if let Some(node) = self.node {
            builder = builder.node(node);
        }
        if let Some(lease) = self.lease {
            builder = builder.lease(lease);
        }
        let (divider, events) = builder.start().await?;
        eprintln!("{} joined the group", divider.node());
        Ok((divider, events))
    }
}

/// Completes at the first SIGTERM or Ctrl-C: for [`with_graceful_shutdown`].
///
/// [`with_graceful_shutdown`]: divider::Run::with_graceful_shutdown
///
/// # Errors
/// The signals cannot be listened for.
pub fn shutdown() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

/// How a program ends: an error is told on standard error with all that caused it.
pub fn exit_code(outcome: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    eprintln!("error: {}", chain(&*error));
    ExitCode::FAILURE
}

/// An error with what caused it, and so on. A cause that is in the text already is not said again.
pub fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        cause = error.source();
    }
    words
}
