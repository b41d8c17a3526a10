//! Polls the feed of each tenant and writes what is new to SQLite. Each tenant is a key, so one
//! node at a time polls it. The database refuses a node that does not know yet that it has lost the
//! tenant: each transaction brings the fencing token, and one with a lower token than the highest
//! writes nothing.
//!
//! ```text
//! nats-server -c nats.conf
//! mkdir feeds
//! cargo run --bin poller -- --create --tenant acme --tenant umbrella
//! echo "an order" >> feeds/acme               # a feed is a file that grows by lines
//! cargo run --bin poller -- --show
//! ```
//!
//! Start a second node, and kill one with `kill -9` or freeze it with `kill -STOP` for longer than
//! its lease. Each line of a feed is in the table once, in its place. The statement is in
//! [`table`], and the documentation of the library has it for PostgreSQL, too.

mod table;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use divider::{Assignment, BoxError, Finish, Group, Key, Token};
use divider_examples::cli::{NodeArgs, Place, exit_code, shutdown};
use divider_examples::span::parse_span;
use tokio::task::spawn_blocking;

use table::{Imported, Table};

/// Polls the feeds of tenants into SQLite
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    poller: Poller,
    #[command(flatten)]
    node: NodeArgs,
    /// Announce this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Vec<Key>,
    /// Show the table and end
    #[arg(long)]
    show: bool,
}

/// Where lines come from and go to.
#[derive(Debug, Clone, clap::Args)]
struct Poller {
    /// The folder with a file for each tenant
    #[arg(long, value_name = "FOLDER", default_value = "feeds")]
    feeds: PathBuf,
    /// The database, which all nodes share
    #[arg(long, value_name = "FILE", default_value = "feeds.db")]
    database: PathBuf,
    /// How often a feed is polled
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "1s")]
    every: Duration,
}

impl Poller {
    /// The work on one tenant: this node alone does it, until the key has to stop.
    async fn poll(self: Arc<Self>, mine: Assignment) -> Result<Finish, BoxError> {
        let mut turn = tokio::time::interval(self.every);
        eprintln!("start {} with token {}", mine.key(), mine.token());
        loop {
            tokio::select! {
                () = mine.cancelled() => return Ok(Finish::Release),
                _ = turn.tick() => {}
            }
            let (poller, key, token) = (Arc::clone(&self), mine.key().clone(), mine.token());
            // On a thread that may block. It is waited for, so that nothing goes on after the stop.
            let imported = spawn_blocking(move || poller.import(&key, token)).await??;
            if imported == Imported::Fenced {
                eprintln!("{} has another owner: nothing was written", mine.key());
                // The node learns of it soon. It may not do anything more for this tenant.
                mine.cancelled().await;
            }
        }
    }

    /// Imports the lines of a feed that are not in the table yet.
    fn import(&self, tenant: &Key, token: Token) -> Result<Imported, BoxError> {
        let path = self.feeds.join(tenant.as_str());
        let feed = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            feed => feed?,
        };
        // The last line may not be written to its end yet.
        let whole = feed.rfind('\n').map_or("", |end| &feed[..end]);
        Ok(Table::open(&self.database)?.import(tenant.as_str(), token, whole.lines())?)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(serve(Args::parse()).await)
}

async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    let shutdown = shutdown()?;
    let table = Table::open(&args.poller.database)?;
    if args.show {
        for (tenant, place, text) in table.lines()? {
            writeln!(io::stdout(), "{tenant} {place} {text}")?;
        }
        return Ok(());
    }
    let store = args.place.open().await?;
    Group::open(store.clone()).announce_all(args.tenant).await?;
    let (divider, events) = args.node.join(store).await?;
    let poller = Arc::new(args.poller);
    let work = move |mine| Arc::clone(&poller).poll(mine);
    divider::run(divider, events, work).with_graceful_shutdown(shutdown).await?;
    Ok(())
}
