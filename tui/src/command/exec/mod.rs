//! `divider exec`

mod child;
mod forward;
mod job;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use divider::health::NotReady;
use divider::{Divider, Events};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use child::become_child;

use self::job::Job;
use crate::exit::{Exit, Failure, Outcome};
use crate::shell::Shell;
use crate::span::parse_span;

/// Join the group as a node, and run a command for each key that the node owns
///
/// Each key has one process at a time, on one node of the group. The process has the variables
/// DIVIDER_KEY, DIVIDER_TOKEN (the fencing token), DIVIDER_GROUP, DIVIDER_NODE and DIVIDER_ATTEMPT,
/// and a process group of its own. When the key has to stop, the group gets SIGTERM; the key goes to
/// its next node when all processes of the group have ended. They get SIGKILL when --stop-timeout
/// has passed, or when the lease of the node is about to end.
///
/// A command that exits with 0 has done its work: --on-success says what becomes of the key. With
/// any other code it is started again after a pause, which doubles from 100 ms to 30 s; after
/// --attempts such failures the key goes into quarantine.
///
/// SIGTERM and Ctrl-C stop all commands, hand over their keys, and end the node. With
/// --restart-grace the keys wait for the node instead. On Linux, commands
/// get SIGKILL when this process dies; their own child processes do not.
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// The node id; default: the machine's name and a random suffix
    #[arg(long, value_name = "ID")]
    node: Option<String>,
    /// Take only keys that begin with this; may be given several times
    #[arg(long, value_name = "TEXT")]
    prefix: Vec<String>,
    /// The weight of the node; with 0 it gets no keys
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    affinity: u32,
    /// The lease of the node; default: 6s on one server, 18s on several
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    lease: Option<Duration>,
    /// How long a command may take to end after SIGTERM, before SIGKILL
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "30s")]
    stop_timeout: Duration,
    /// The number of the deploy that the node belongs to; a later deploy has a higher one
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    rollout: u64,
    /// SIGTERM is a restart: stop all keys and let them wait so long for the next node with the same
    /// --node, at most 1h; default: hand them over
    #[arg(long, value_name = "SPAN", value_parser = parse_span, requires = "node")]
    restart_grace: Option<Duration>,
    /// What becomes of the key when its command exits with 0
    #[arg(long, value_enum, value_name = "ACTION", default_value_t)]
    on_success: OnSuccess,
    /// Put the key into quarantine after this many failures in a row: no node runs its command until
    /// `divider retry KEY`; default: never
    #[arg(long, value_name = "NUMBER")]
    attempts: Option<u32>,
    /// Do not print the key before each line of output
    #[arg(long)]
    no_prefix: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What becomes of a key whose command exits with 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum OnSuccess {
    /// The key ends, on every node
    #[default]
    Complete,
    /// Another node runs the command again
    Release,
}

impl ExecArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        if shell.output.is_format_given() {
            let words = "exec prints the output of its commands, and has no other format";
            return Err(Failure::new(Exit::Usage, words));
        }
        let shutdown = signals()?;
        let (divider, events) = self.start(shell).await?;
        shell.output.say(&format!("{} joined the group {}", divider.node(), divider.group()));
        let job = Arc::new(Job {
            command: self.command,
            group: divider.group().to_string(),
            node: divider.node().to_string(),
            stop_timeout: self.stop_timeout,
            on_success: self.on_success,
            prefixed: !self.no_prefix,
            output: shell.output.clone(),
        });
        let running = divider::run(divider.clone(), events, move |mine| {
            let job = Arc::clone(&job);
            async move { job.run(mine).await }
        });
        let running = match self.attempts {
            Some(attempts) => running.max_attempts(attempts).quarantine_after(1),
            None => running,
        };
        let running = match self.restart_grace {
            Some(grace) => running.restart_grace(grace),
            None => running,
        };
        let running = running.with_graceful_shutdown(shutdown);
        tokio::select! {
            ended = running.into_future() => Ok(ended?),
            never = report(&divider, shell) => match never {},
        }
    }

    async fn start(&self, shell: &Shell) -> Result<(Divider, Events), Failure> {
        let connected = shell.connect().await?;
        let store = connected.server.open(connected.group().await?).await?;
        let mut builder = Divider::builder(store).affinity(self.affinity).rollout(self.rollout);
        if let Some(node) = &self.node {
            builder = builder.node(node.as_str());
        }
        if let Some(lease) = self.lease {
            builder = builder.lease(lease);
        }
        for prefix in &self.prefix {
            builder = builder.prefix(prefix.as_str());
        }
        Ok(builder.start().await?)
    }
}

/// Completes at the first SIGTERM or Ctrl-C.
fn signals() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

/// Says when the node is not ready, and why, and when it is ready again.
async fn report(divider: &Divider, shell: &Shell) -> std::convert::Infallible {
    let (mut watch, mut was_ready) = (divider.watch_health(), true);
    while let Some(health) = watch.next().await {
        match health.not_ready {
            Some(NotReady::Over(_)) => {}
            Some(why) => shell.output.say(&format!("not ready: {why}")),
            None if !was_ready => shell.output.say("ready again"),
            None => {}
        }
        was_ready = health.ready;
    }
    std::future::pending().await
}
