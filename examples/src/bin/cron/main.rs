//! Schedules, made by hand: each schedule is a key, and when it runs next is kept in its
//! checkpoint. No run is lost and none is done twice when a node dies, is frozen or is asked to
//! leave.
//!
//! ```text
//! nats-server -c nats.conf
//! cargo run --bin cron -- --create --every 5s report --every 1m clean
//! nats sub 'cron.>'                          # the runs; or: cargo run --bin cron -- --show
//! ```
//!
//! A run is a message on `cron.NAME` in the stream CRON, for whoever does the work. Its identity is
//! the moment at which it was due: the server keeps the first message with that identity, so a run
//! that is published by two nodes is one run, for as long as the stream looks for duplicates (an
//! hour here).
//!
//! What was due while no node lived is a *misfire*. With `--misfire once`, the default, it runs
//! once, as the newest of those that were missed. With `--misfire skip` it does not run. A run that
//! is late by less than one period is no misfire: it runs.

mod plan;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::{self, Context, stream};
use clap::Parser;
use divider::store::nats::StreamOptions;
use divider::{Assignment, BoxError, Finish, Group, GroupName, Key, NatsStore};
use divider_examples::cli::{NodeArgs, exit_code, shutdown};
use divider_examples::span::parse_span;
use futures_util::StreamExt;

use plan::{Misfire, Plan, parse};

/// Schedules, each on one node
#[derive(Debug, Parser)]
struct Args {
    /// The nats-server
    #[arg(long, value_name = "URL", env = "NATS_URL", default_value = "nats://127.0.0.1:4222")]
    server: String,
    /// The group
    #[arg(long, value_name = "NAME", default_value = "cron")]
    group: GroupName,
    /// Create the group and the stream CRON if they do not exist
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    node: NodeArgs,
    /// Announce a schedule, such as: --every 5s report
    #[arg(long, num_args = 2, value_names = ["SPAN", "NAME"])]
    every: Vec<String>,
    /// What becomes of runs that were due while no node lived
    #[arg(long, value_enum, default_value = "once")]
    misfire: Misfire,
    /// Show the runs and end
    #[arg(long)]
    show: bool,
}

/// The world outside of a schedule. A test has another one.
trait World: Send + Sync + 'static {
    /// Unix ms.
    fn now_ms(&self) -> u64;
    /// Has the run done that was due then; once, however often it is called for it.
    fn run(&self, name: &str, due_ms: u64) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// The work on one schedule: this node alone does it, until the key has to stop.
async fn schedule<W: World>(
    mine: Assignment,
    world: Arc<W>,
    misfire: Misfire,
) -> Result<Finish, BoxError> {
    let (name, period_ms) = parse(mine.key())?;
    let mut state = mine.checkpoint::<Plan>().await?;
    let mut plan = if let Some(plan) = state.value()? {
        plan
    } else {
        let plan = Plan::first(world.now_ms(), period_ms);
        state.save(&plan).await?;
        plan
    };
    loop {
        // The wall clock may be changed meanwhile: it is looked at again at the latest after a
        // second.
        let wait = plan.due_ms.saturating_sub(world.now_ms()).min(1000);
        tokio::select! {
            () = mine.cancelled() => return Ok(Finish::Release),
            () = tokio::time::sleep(Duration::from_millis(wait)) => {}
        }
        let mut next = plan.clone();
        let now_ms = world.now_ms();
        if now_ms < plan.due_ms {
            continue;
        }
        if let Some(due_ms) = next.take(now_ms, period_ms, misfire) {
            // First run, then save: if this node dies in between, the next one runs it again, and
            // its identity says that it was done.
            world.run(name, due_ms).await?;
        }
        state.save(&next).await?;
        plan = next;
    }
}

/// The stream CRON, and the clock of the machine.
struct Server(Context);

impl World for Server {
    #[expect(clippy::disallowed_methods, reason = "a schedule goes by the wall clock")]
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    async fn run(&self, name: &str, due_ms: u64) -> Result<(), BoxError> {
        let identity = format!("{name}@{due_ms}");
        let message = jetstream::message::PublishMessage::build()
            .payload(due_ms.to_string().into())
            .message_id(identity);
        self.0.send_publish(format!("cron.{name}"), message).await?.await?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(serve(Args::parse()).await)
}

async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    let shutdown = shutdown()?;
    let server = Server(jetstream::new(async_nats::connect(&args.server).await?));
    if args.show {
        return show(&server.0).await;
    }
    let mut options = NatsStore::options();
    if args.create {
        let subjects = vec!["cron.>".to_owned()];
        let (name, duplicate_window) = (STREAM.to_owned(), Duration::from_hours(1));
        let config = stream::Config { name, subjects, duplicate_window, ..Default::default() };
        server.0.get_or_create_stream(config).await?;
        options = options.create_if_missing(StreamOptions::default());
    }
    let store = options.connect(&args.server, args.group).await?;
    for schedule in args.every.chunks_exact(2) {
        let period = parse_span(&schedule[0])?;
        let key = Key::new(format!("{}@{}", schedule[1], period.as_millis()))?;
        Group::open(store.clone()).announce(&key).await?;
    }
    let (divider, events) = args.node.join(store).await?;
    let (server, misfire) = (Arc::new(server), args.misfire);
    let work = move |mine| schedule(mine, Arc::clone(&server), misfire);
    divider::run(divider, events, work).with_graceful_shutdown(shutdown).await?;
    Ok(())
}

/// Prints each run that was published: its name, and when it was due.
async fn show(context: &Context) -> Result<(), Box<dyn Error>> {
    let mut stream = context.get_stream(STREAM).await?;
    let last = stream.info().await?.state.messages;
    let consumer = stream.create_consumer(jetstream::consumer::pull::OrderedConfig::default());
    let mut messages = consumer.await?.messages().await?.take(usize::try_from(last)?);
    while let Some(message) = messages.next().await {
        let message = message?;
        let due = String::from_utf8_lossy(&message.payload).into_owned();
        writeln!(std::io::stdout(), "{} {due}", message.subject)?;
    }
    Ok(())
}

const STREAM: &str = "CRON";
